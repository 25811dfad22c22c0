//! Compares what is printed with what a page shows: equal but for times, ids and durations; `...` is any lines.

/// `line` without what differs from run to run.
pub(crate) fn normalised(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim_end();
    while let Some(first) = rest.chars().next() {
        let inside_a_word = out.ends_with(|last: char| last.is_ascii_alphanumeric());
        let found = if inside_a_word { None } else { variable(rest) };
        let (length, shown) = found.unwrap_or_else(|| (first.len_utf8(), &rest[..first.len_utf8()]));
        out.push_str(shown);
        rest = &rest[length..];
    }
    out
}

/// The length of something variable that `rest` begins with, and what stands for it.
fn variable(rest: &str) -> Option<(usize, &'static str)> {
    if let Some(length) = shaped(rest, "dddd-dd-ddTdd:dd:dd") {
        let fraction = rest[length..].find(|c: char| c != '.' && !c.is_ascii_digit())?;
        return rest[length + fraction..].starts_with('Z').then_some((length + fraction + 1, "<time>"));
    }
    if let Some(length) = shaped(rest, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") {
        return Some((length, "<id>"));
    }
    if rest.starts_with('/') {
        let word = rest.split_whitespace().next()?;
        return word.contains("/offhook-dev-").then_some((word.len(), "<scratch>"));
    }
    if let Some(sent) = rest.strip_prefix("\"sentat\":\"") {
        return Some((rest.len() - sent.len() + sent.find('"')?, "\"sentat\":\"<sent>"));
    }
    let number = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let is_duration = number > 0 && rest[..number].contains('.') && rest[number..].starts_with(" ms");
    is_duration.then_some((number, "<number>"))
}

/// Whether `text` begins with `shape`: `d` is a digit, `h` a hex digit, all else itself.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let fits = |(is, wanted): (u8, u8)| match wanted {
        b'd' => is.is_ascii_digit(),
        b'h' => is.is_ascii_hexdigit(),
        _ => is == wanted,
    };
    (text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits)).then_some(shape.len())
}

/// Whether the lines printed are those that are shown.
pub(crate) fn same(shown: &[String], printed: &[String]) -> bool {
    fits(&all_normalised(shown), &all_normalised(printed), true)
}

/// Whether the lines printed begin with those that are shown.
pub(crate) fn begins(shown: &[String], printed: &[String]) -> bool {
    fits(&all_normalised(shown), &all_normalised(printed), false)
}

fn all_normalised(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| normalised(line)).collect()
}

fn fits(shown: &[String], printed: &[String], whole: bool) -> bool {
    match shown.split_first() {
        None => printed.is_empty() || !whole,
        Some((any, shown)) if any == "..." => (0..=printed.len()).any(|skip| fits(shown, &printed[skip..], whole)),
        Some((line, shown)) => {
            printed.split_first().is_some_and(|(first, printed)| first == line && fits(shown, printed, whole))
        }
    }
}

#[test]
fn only_times_ids_durations_and_the_scratch_directory_are_put_aside() {
    for (line, expected) in [
        ("2026-01-01T08:00:36.229Z  INFO a", "<time>  INFO a"),
        ("at 2026-01-01T08:00:36Z", "at <time>"),
        ("id 01a20069-6285-7a9d-90c5-891ec0ba11eb.", "id <id>."),
        ("time used   12.3 ms of 2000 ms", "time used   <number> ms of 2000 ms"),
        ("journal in /tmp/offhook-dev-Wh4jkJ", "journal in <scratch>"),
        ("\"sentat\":\"1795303282524\",\"a\":1", "\"sentat\":\"<sent>\",\"a\":1"),
        (
            "CurTime 1767225600000 周末 a1.5 ms 2026-01-01 127.0.0.1:8080 /etc 404  ",
            "CurTime 1767225600000 周末 a1.5 ms 2026-01-01 127.0.0.1:8080 /etc 404",
        ),
    ] {
        assert_eq!(normalised(line), expected);
    }
}

#[test]
fn a_line_too_many_too_few_or_another_one_is_seen() {
    let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let printed = lines("a b c d");
    for shown in ["a b c d", "a ... d", "... c d", "a b ...", "a b c d ...", "..."] {
        assert!(same(&lines(shown), &printed), "{shown}");
    }
    for shown in ["a b c", "a b c d e", "a x c d", "... c", "b ...", "a ... c", ""] {
        assert!(!same(&lines(shown), &printed), "{shown}");
    }
    assert!(begins(&lines("a b"), &printed) && begins(&lines("a ... c"), &printed));
    assert!(!begins(&lines("b"), &printed) && !begins(&lines("a b c d e"), &printed));
}
