//! Rust source as the checks see it: words and signs with their lines, without comments and texts; and the paths in it.

/// A word or a sign of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn is_word(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}

/// A path that the source names, as far as it is written there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// The words and signs of `text`. Comments are left out; a text or a character is one empty sign.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let end = end_of_token(&chars, at);
        let piece = &chars[at..end];
        let is_word = piece[0].is_alphanumeric() || piece[0] == '_';
        let is_lifetime = piece.len() > 1 && piece[0] == '\'';
        let is_literal = piece.len() > 1 && matches!(piece.last(), Some('"' | '\'' | '#')) && !is_comment(piece);
        if is_literal {
            tokens.push(Token { text: String::new(), line });
        } else if is_word {
            let word: String = piece.iter().collect();
            tokens.push(Token { text: word.trim_start_matches("r#").to_owned(), line });
        } else if !(is_lifetime || is_comment(piece) || piece[0].is_whitespace()) {
            tokens.push(Token { text: piece.iter().collect(), line });
        }
        line += piece.iter().filter(|char| **char == '\n').count();
        at = end;
    }
    tokens
}

fn is_comment(piece: &[char]) -> bool {
    matches!(piece, ['/', '/' | '*', ..])
}

fn end_of_token(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|char| *char == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + block_comment(rest),
        [':', ':', ..] => at + 2,
        ['"', ..] => at + quoted(rest, '"'),
        ['\'', '\\', ..] => at + quoted(rest, '\''),
        ['\'', _, '\'', ..] => at + 3,
        ['\'', ..] => at + 1 + word(&rest[1..]),
        ['b', '\'', ..] => at + 1 + quoted(&rest[1..], '\''),
        ['b' | 'c', '"', ..] => at + 1 + quoted(&rest[1..], '"'),
        ['r', '"' | '#', ..] => at + raw(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] => at + raw(rest, 2),
        [first, ..] if first.is_alphanumeric() || *first == '_' => at + word(rest),
        _ => at + 1,
    }
}

fn word(rest: &[char]) -> usize {
    rest.iter().position(|char| !char.is_alphanumeric() && *char != '_').unwrap_or(rest.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `r"…"`, `r#"…"#` and so on; `r#word` is a word. `prefix` is the length of `r` or `br`.
fn raw(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|char| **char == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return open + word(&rest[open..]);
    }
    let closes =
        |at: &usize| rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (open + 1..rest.len()).find(closes).map_or(rest.len(), |at| at + 1 + hashes)
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Every path in the file of the module `module` (`["edge", "gate"]`), those relative to it made absolute: they begin
/// with `crate`. `use` trees are taken apart.
pub(crate) fn paths(text: &str, module: &[&str]) -> Vec<Path> {
    let tokens = tokens(text);
    let (mut paths, mut at) = (Vec::new(), 0);
    let (mut depth, mut inside) = (0, Vec::<(usize, String)>::new());
    while at < tokens.len() {
        let found = paths.len();
        let next = tokens.get(at + 1);
        if tokens[at].is("use") && next.is_some_and(|next| !next.is("<")) {
            at = use_tree(&tokens, at + 1, &[], &mut paths);
        } else if tokens[at].is("mod") && tokens.get(at + 2).is_some_and(|after| after.is("{")) {
            inside.push((depth, tokens[at + 1].text.clone()));
            at += 2;
        } else if begins_path(&tokens, at) {
            at = path(&tokens, at, &mut paths);
        } else {
            match &*tokens[at].text {
                "{" => depth += 1,
                "}" => {
                    depth = usize::saturating_sub(depth, 1);
                    inside.pop_if(|(outer, _)| *outer == depth);
                }
                _ => {}
            }
            at += 1;
        }
        for path in &mut paths[found..] {
            let here = module.iter().copied().chain(inside.iter().map(|(_, name)| &**name));
            make_absolute(path, here.map(str::to_owned).collect());
        }
    }
    paths
}

/// A word with `::` behind it and no path before it.
fn begins_path(tokens: &[Token], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map(|at| &tokens[at]);
    let goes_on = before(1).is_some_and(|token| token.is("."))
        || before(1).is_some_and(|token| token.is("::"))
            && before(2).is_some_and(|token| token.is_word() || token.is(">"));
    tokens[at].is_word() && tokens.get(at + 1).is_some_and(|next| next.is("::")) && !goes_on
}

fn path(tokens: &[Token], mut at: usize, paths: &mut Vec<Path>) -> usize {
    let mut path = Path { segments: vec![tokens[at].text.clone()], line: tokens[at].line };
    at += 1;
    while at + 1 < tokens.len() && tokens[at].is("::") && tokens[at + 1].is_word() {
        path.segments.push(tokens[at + 1].text.clone());
        at += 2;
    }
    paths.push(path);
    at
}

/// Reads one tree from `at` on; ends at what follows it.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &[String], paths: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match &*token.text {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is("}")) {
                    at = use_tree(tokens, at, &segments, paths);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.is(",")));
                }
                return at + 1;
            }
            "as" => at += 2,
            "," | "}" | ";" => break,
            "self" if !segments.is_empty() => at += 1,
            name => {
                segments.push(name.to_owned());
                at += 1;
            }
        }
    }
    paths.push(Path { segments, line });
    at
}

fn make_absolute(path: &mut Path, mut here: Vec<String>) {
    match &*path.segments[0] {
        "self" => {
            path.segments.remove(0);
        }
        "super" => {
            while path.segments.first().is_some_and(|first| first == "super") {
                path.segments.remove(0);
                here.pop();
            }
        }
        _ => return,
    }
    here.insert(0, "crate".to_owned());
    path.segments.splice(0..0, here);
}

#[test]
fn comments_texts_characters_and_lifetimes_are_no_words() {
    let text = r####"
        a /* b /* c */ d */ e // f
        "g \" h" r#"i " j"# b"k" 'l' '\'' b'm' x::<'n, o> r#type "p
        q" s"####;
    let words: Vec<_> = tokens(text).into_iter().filter(Token::is_word).map(|token| token.text).collect();
    assert_eq!(words, ["a", "e", "x", "o", "type", "s"]);
    assert_eq!(tokens(text).last(), Some(&Token { text: "s".to_owned(), line: 4 }));
}

#[test]
fn every_way_of_naming_a_path_is_seen() {
    let text = "
        use crate::{a, b::{self, c as d, *}, //
            e::f};
        pub use super::super::g::h;
        fn i(j: &crate::k::L, m: n::O) -> impl P + use<'_> { self::q::<R>(s.t::<u::V>()); ::w::x!() }
        mod tests { use super::*; mod y { use super::super::z; } }
        pub(in crate::aa) struct Bb;";
    let found = paths(text, &["edge", "gate"]);
    let found: Vec<_> = found.iter().map(|path| (path.segments.join("::"), path.line)).collect();
    let expected = [
        ("crate::a", 2),
        ("crate::b", 2),
        ("crate::b::c", 2),
        ("crate::b::*", 2),
        ("crate::e::f", 3),
        ("crate::g::h", 4),
        ("crate::k::L", 5),
        ("n::O", 5),
        ("crate::edge::gate::q", 5),
        ("u::V", 5),
        ("w::x", 5),
        ("crate::edge::gate::*", 6),
        ("crate::edge::gate::z", 6),
        ("crate::aa", 7),
    ];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
}
