//! Habits of single files: how they open, how long they are, which words have no place in them.

use crate::source::{Token, tokens};

/// The most lines a Rust file may have.
pub(crate) const LONGEST: usize = 400;

/// The first line says what a file is for.
pub(crate) fn head(path: &str, text: &str) -> Vec<String> {
    let says = text.lines().next().and_then(|first| first.strip_prefix("//! ")).is_some_and(|words| words.len() > 8);
    if says {
        Vec::new()
    } else {
        vec![format!("{path}:1: the first line must be `//! ` and say what the file is for")]
    }
}

/// A file that is too long does more than one thing.
pub(crate) fn length(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if lines <= LONGEST { Vec::new() } else { vec![format!("{path}: {lines} lines; the most is {LONGEST}")] }
}

/// Tests wait for conditions, never for time to pass.
pub(crate) fn sleeps(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let called = tokens.windows(2).filter(|pair| is_sleep(&pair[0]) && pair[1].is("("));
    called
        .map(|pair| format!("{path}:{}: a test that sleeps is slow or flaky; wait for a condition", pair[0].line))
        .collect()
}

fn is_sleep(token: &Token) -> bool {
    ["sleep", "sleep_until", "sleep_ms"].contains(&&*token.text)
}

/// What is left to do has an issue, or nobody does it.
pub(crate) fn loose_ends(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            let loose = |(at, _): (usize, &str)| {
                let before = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let rest = &line[at + word.len()..];
                let issue = rest.strip_prefix("(#").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                !before && !issue && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            };
            if line.match_indices(word).any(loose) {
                problems.push(format!("{path}:{number}: {word} needs its issue, as in {word}(#12)"));
            }
        }
    }
    problems
}

/// Macros that have no place in what is committed.
pub(crate) fn unfinished(path: &str, text: &str) -> Vec<String> {
    macros(text, &["todo", "unimplemented", "dbg"])
        .map(|token| format!("{path}:{}: {}! has no place in what is committed", token.line, token.text))
        .collect()
}

/// Only one file prints.
pub(crate) fn prints(path: &str, text: &str) -> Vec<String> {
    if path == "src/cli/output.rs" {
        return Vec::new();
    }
    macros(text, &["print", "println", "eprint", "eprintln"])
        .map(|token| format!("{path}:{}: only src/cli/output.rs prints, and not with {}!", token.line, token.text))
        .collect()
}

fn macros<'a>(text: &str, names: &'a [&str]) -> impl Iterator<Item = Token> + use<'a> {
    let tokens = tokens(text);
    let called = |at: &usize| {
        let not_a_comparison = tokens.get(at + 2).is_none_or(|after| !after.is("="));
        names.contains(&&*tokens[*at].text) && tokens.get(at + 1).is_some_and(|next| next.is("!")) && not_a_comparison
    };
    let found: Vec<_> = (0..tokens.len()).filter(called).map(|at| tokens[at].clone()).collect();
    found.into_iter()
}

/// What ships is what is tested: `cfg(test)` may only stand before a `mod tests { … }` that ends the file.
pub(crate) fn test_only_code(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let last = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", "{"];
    let begins =
        |at: usize| last.iter().enumerate().all(|(step, word)| tokens.get(at + step).is_some_and(|t| t.is(word)));
    let mut problems = Vec::new();
    for at in 0..tokens.len() {
        let asks =
            ["cfg", "cfg_attr"].contains(&&*tokens[at].text) && condition(&tokens[at + 1..]).any(|t| t.is("test"));
        let ends_the_file = at >= 2 && begins(at - 2) && closes_at_the_end(&tokens[at - 2 + last.len() - 1..]);
        if asks && !ends_the_file {
            problems
                .push(format!("{path}:{}: cfg(test) only before a `mod tests` at the end of a file", tokens[at].line));
        }
    }
    problems
}

/// What stands between the next pair of parentheses.
fn condition(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let open = usize::from(tokens.first().is_some_and(|first| first.is("!")));
    let mut depth = 0;
    tokens[open..].iter().take_while(move |token| {
        depth += i32::from(token.is("(")) - i32::from(token.is(")"));
        depth > 0
    })
}

/// Whether the brace that `tokens` begins with is closed by its last one.
fn closes_at_the_end(tokens: &[Token]) -> bool {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(token.is("{")) - i32::from(token.is("}"));
        depth == 0
    });
    end == Some(tokens.len() - 1)
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_found() {
    for bad in ["", "use std::fmt;", "//!", "//! x", "\n//! What it is for.", "/// What it is for."] {
        assert_eq!(head("a.rs", bad).len(), 1, "{bad:?}");
    }
    assert_eq!(head("a.rs", "//! What it is for.\n"), [""; 0]);
}

#[test]
fn a_file_of_one_line_too_many_is_found() {
    assert_eq!(length("a.rs", &"\n".repeat(LONGEST)), [""; 0]);
    assert_eq!(length("a.rs", &"\n".repeat(LONGEST + 1)).len(), 1);
}

#[test]
fn a_sleep_is_found_and_talk_of_one_is_not() {
    for bad in ["tokio::time::sleep(SECOND).await", "thread::sleep (a)", "sleep_until(b).await", "\n\nsleep(c)"] {
        assert_eq!(sleeps("a.rs", bad).len(), 1, "{bad}");
    }
    assert_eq!(sleeps("a.rs", "// sleep(a)\n let sleep = \"sleep(b)\"; sleepy(c)"), [""; 0]);
}

#[test]
fn a_loose_end_is_found_and_one_with_an_issue_is_not() {
    for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        for bad in [format!("// {word}: later"), format!("# {word}(somebody)"), format!("{word}(#)")] {
            assert_eq!(loose_ends("a.rs", &bad).len(), 1, "{bad}");
        }
        assert_eq!(loose_ends("a.rs", &format!("// {word}(#12): later; {word}S, MY{word}")), [""; 0]);
    }
}

#[test]
fn an_unfinished_line_is_found() {
    assert_eq!(unfinished("a.rs", "fn f() { todo!() }\nfn g() { dbg!(unimplemented!(\"h\")) }").len(), 3);
    assert_eq!(unfinished("a.rs", "// todo!()\nlet todo = dbg != unimplemented;"), [""; 0]);
}

#[test]
fn a_print_is_found_outside_its_one_place() {
    let text = "fn f() { println!(\"a\"); std::eprint!(\"b\") }";
    assert_eq!(prints("src/cli/dev.rs", text).len(), 2);
    assert_eq!(prints("src/cli/output.rs", text), [""; 0]);
    assert_eq!(prints("src/cli/dev.rs", "//! println!(\"a\")\nwriteln!(out)"), [""; 0]);
}

#[test]
fn code_that_exists_for_tests_only_is_found() {
    for bad in [
        "#[cfg(test)]\nfn f() {}",
        "fn f() { if cfg!(test) { g() } }",
        "#[cfg(not(test))]\nfn f() {}",
        "#[cfg_attr(any(unix, test), derive(Debug))]\nstruct S;",
        "#[cfg(test)]\nmod tests { fn f() {} }\nfn g() {}",
        "#[cfg(test)]\nmod world;",
        "#[cfg(test)]\nmod world { }",
    ] {
        assert_eq!(test_only_code("a.rs", bad).len(), 1, "{bad}");
    }
    let good = "//! #[cfg(test)]\n#[cfg(unix)]\nfn test() {}\n#[cfg(test)]\nmod tests {\n    fn f() { { } }\n}\n";
    assert_eq!(test_only_code("a.rs", good), [""; 0]);
}
