//! What is wrong with a text that should be JSON, with line and column: as much of it as can be told at once.
//!
//! Requests are often copied from web pages, which show comments, lack commas and escape quotes twice.

use std::fmt;

/// One thing that is wrong. Lines and columns count from 1, columns in characters.
///
/// Example: [`json_faults`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// In this line.
    pub line: usize,
    /// At this character.
    pub column: usize,
    /// What, and what to do.
    pub what: String,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

/// More than this many faults help nobody.
const MOST: usize = 20;

/// Everything that keeps `text` from being JSON, in order; none where it is JSON. After a comment or a missing comma
/// reading goes on as if it were mended; after anything else it ends.
///
/// ```
/// use offhook::tencent::json_faults;
///
/// let faults = json_faults("{\n  \"RoomId\": \"clinic-7\", // where\n  \"MediaType\": \"Audio\"\n}");
/// assert_eq!((faults[0].line, faults[0].column), (2, 25));
/// ```
pub fn json_faults(text: &str) -> Vec<JsonFault> {
    let mut bytes = text.as_bytes().to_vec();
    let mut faults = Vec::new();
    while faults.len() < MOST {
        let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) else { break };
        let at = offset(&bytes, error.line(), error.column());
        let at = token_at(&bytes, at);
        let (mended, what) = diagnose(&mut bytes, at, &error);
        let (line, column) = place(text, at);
        faults.push(JsonFault { line, column, what });
        if !mended {
            break;
        }
    }
    faults
}

/// Says what is wrong at `at`, and mends it where that is plain.
fn diagnose(bytes: &mut [u8], at: usize, error: &serde_json::Error) -> (bool, String) {
    let rest = &bytes[at.min(bytes.len())..];
    if rest.starts_with(b"//") || rest.starts_with(b"/*") {
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else {
            rest.windows(2).position(|end| end == b"*/").map_or(rest.len(), |end| end + 2)
        };
        for byte in &mut bytes[at..at + length] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        return (true, "a comment; JSON has none: take it out".to_owned());
    }
    let before = bytes[..at.min(bytes.len())].trim_ascii_end();
    let after_value = before.last().is_some_and(|byte| matches!(byte, b'"' | b'}' | b']' | b'0'..=b'9' | b'e' | b'l'));
    if rest.first() == Some(&b'"') && after_value {
        // Some blank between the two becomes the comma: places are those of the text, whatever it is.
        let gap = before.len();
        if gap < at {
            bytes[gap] = b',';
        }
        return (gap < at, "a comma is missing before this: put one after the value that comes before it".to_owned());
    }
    if before.ends_with(b"\\\\\"") && rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        let what = "the text ended at the quote before this: `\\\\` is one backslash, so the quote after it is not \
                    escaped; write `\\\"` for a quote inside a text";
        return (false, what.to_owned());
    }
    if matches!(rest.first(), Some(b'}' | b']')) && before.last() == Some(&b',') {
        return (false, "a comma before the end of a list or an object: take it out".to_owned());
    }
    if rest.first() == Some(&b'\'') {
        return (false, "a single quote; JSON has double quotes only".to_owned());
    }
    if rest.starts_with("“".as_bytes()) || rest.starts_with("”".as_bytes()) {
        return (false, "a typographic quote; JSON has plain double quotes only".to_owned());
    }
    let text = error.to_string();
    (false, text.split(" at line ").next().unwrap_or_default().to_owned())
}

/// The byte at which the reader stopped.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let begins: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (begins + column.saturating_sub(1)).min(bytes.len())
}

/// The token that begins at or after `at`.
fn token_at(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0)
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let begins = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[begins..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        json_faults(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_json_has_no_fault() {
        assert_eq!(told(r#"{"a": [1, "// b"], "c": "\\"}"#), [""; 0]);
    }

    #[test]
    fn comments_and_missing_commas_are_all_told() {
        let text = "{\n  \"a\": 1, // one\n  \"b\": \"two\"\n  \"c\": 3 /* and\n four */\n  \"d\": 4\n}";
        let told = told(text);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("line 2, column 11: a comment"), "{told:?}");
        assert!(told[1].starts_with("line 4, column 3: a comma is missing"), "{told:?}");
        assert!(told[2].starts_with("line 4, column 10: a comment"), "{told:?}");
        assert!(told[3].starts_with("line 6, column 3: a comma is missing"), "{told:?}");
    }

    #[test]
    fn quotes_escaped_twice_are_told() {
        let told = told(r#"{"Ext": "{\\"entity\\":1}"}"#);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("line 1, column 14: the text ended"), "{told:?}");
    }

    #[test]
    fn other_slips_are_told_by_their_place() {
        assert!(told("{\"a\": 1,}")[0].starts_with("line 1, column 9: a comma before the end"));
        assert!(told("{'a': 1}")[0].starts_with("line 1, column 2: a single quote"));
        assert!(told("{\"a\": “b”}")[0].contains("typographic"));
        assert!(told("")[0].starts_with("line 1, column 1: EOF"));
        assert!(!told("{\"a\"").is_empty() && !told("\u{feff}{}").is_empty());
    }

    #[test]
    fn no_text_makes_it_panic_or_go_on_for_ever() {
        for text in ["/", "//", "/*", "{/*", "{\"a\"\"b\"", "[1 \"", "\"", "{\"a\":\n\n\"b\"\n\"c\"}", "[\n1\n\"\n"] {
            assert!(!json_faults(text).is_empty(), "{text}");
        }
    }
}
