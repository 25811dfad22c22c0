//! What an outside decider's answer means: a verdict, no opinion, or a clear reason why it is neither.
//!
//! Tolerant in form, never guessing: a text that could be read in two ways is an error, and so the decider's `on_error`.
//! No fault repeats a part of the answer, which may repeat the event.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::verdict::{RejectCode, Verdict};

/// The longest answer that is read, in bytes.
pub(super) const LIMIT: usize = 64 << 10;

/// Why an answer is neither a verdict nor no opinion.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    #[error("the answer is longer than {LIMIT} bytes")]
    TooLong,
    #[error("the answer is not a JSON object: {0}")]
    NotAnObject(String),
    #[error(
        "the answer has neither `verdict` nor `errCode`; expected {{\"verdict\":\"allow\"}} or {{\"verdict\":\"reject\"}}"
    )]
    NoVerdict,
    #[error("the answer has both `verdict` and `errCode`; one of them decides")]
    TwoVerdicts,
    #[error("the answer's `{key}` is {found}; {expected} was expected")]
    Field { key: &'static str, found: &'static str, expected: &'static str },
}

/// Reads an answer; `None` is no opinion.
///
/// Two forms are read: `{"verdict":"allow"|"reject","code":…,"ext":…,"modify":{…}}`, and the one that Yunxin itself
/// reads, `{"errCode":…,"responseCode":…,"callbackExt":…,"modifyResponse":{…}}`. No opinion is nothing but blanks, or
/// `{"verdict":null}`. Other keys are not looked at.
pub(super) fn read(answer: &[u8]) -> Result<Option<Verdict>, Unclear> {
    if answer.len() > LIMIT {
        return Err(Unclear::TooLong);
    }
    let answer = answer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer).trim_ascii();
    if answer.is_empty() {
        return Ok(None);
    }
    let Object(fields) = serde_json::from_slice(answer).map_err(|error| Unclear::NotAnObject(place(&error)))?;
    match (fields.get("verdict"), fields.get("errCode")) {
        (Some(_), Some(_)) => Err(Unclear::TwoVerdicts),
        (Some(Value::Null), None) => Ok(None),
        (Some(word), None) => {
            let keys = Keys { code: "code", ext: "ext", modify: "modify" };
            verdict(allows(word)?, &fields, &keys).map(Some)
        }
        (None, Some(code)) => {
            let keys = Keys { code: "responseCode", ext: "callbackExt", modify: "modifyResponse" };
            verdict(number("errCode", code)? == 0, &fields, &keys).map(Some)
        }
        (None, None) => Err(Unclear::NoVerdict),
    }
}

/// How the parts of a verdict are called.
struct Keys {
    code: &'static str,
    ext: &'static str,
    modify: &'static str,
}

fn verdict(allows: bool, fields: &Map<String, Value>, keys: &Keys) -> Result<Verdict, Unclear> {
    let ext = match fields.get(keys.ext) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return Err(unclear(keys.ext, other, "text")),
    };
    if allows {
        return Ok(Verdict::Allow { modify: changes(keys.modify, fields.get(keys.modify))?, ext });
    }
    // A number that the platform would not take turns the rejection into the console's default. The user stays stopped.
    let code = match fields.get(keys.code) {
        None | Some(Value::Null) => RejectCode::CONFIGURED,
        Some(code) => RejectCode::new(number(keys.code, code)?).unwrap_or(RejectCode::CONFIGURED),
    };
    Ok(Verdict::Reject { code, ext })
}

fn allows(word: &Value) -> Result<bool, Unclear> {
    let expected = "\"allow\" or \"reject\"";
    let Value::String(text) = word else { return Err(unclear("verdict", word, expected)) };
    match text.trim().to_ascii_lowercase().as_str() {
        "allow" => Ok(true),
        "reject" => Ok(false),
        _ => Err(Unclear::Field { key: "verdict", found: "another word", expected }),
    }
}

/// A whole number, also as text.
fn number(key: &'static str, value: &Value) -> Result<i64, Unclear> {
    let read = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| unclear(key, value, "a whole number"))
}

/// The parts to replace. Languages that know no empty object send `[]`, and some send the object as text.
fn changes(key: &'static str, value: Option<&Value>) -> Result<Map<String, Value>, Unclear> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(parts)) => Ok(parts.clone()),
        Some(Value::Array(items)) if items.is_empty() => Ok(Map::new()),
        Some(Value::String(text)) if matches!(text.trim(), "" | "{}" | "[]") => Ok(Map::new()),
        Some(other) => Err(unclear(key, other, "an object")),
    }
}

fn unclear(key: &'static str, value: &Value, expected: &'static str) -> Unclear {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "another number",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Unclear::Field { key, found, expected }
}

/// Where JSON breaks off, without a word of it.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it breaks off",
        serde_json::error::Category::Data => "it is something else, or has a key twice",
        _ => "it is no JSON",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

/// An object in which no key stands twice: which of the two would count?
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut fields = Map::new();
                while let Some((key, value)) = entries.next_entry::<String, Value>()? {
                    if fields.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(code: u16) -> Verdict {
        Verdict::reject(code)
    }

    fn uncoded() -> Verdict {
        Verdict::Reject { code: RejectCode::CONFIGURED, ext: String::new() }
    }

    #[test]
    fn both_forms_and_their_dialects_are_read() {
        let allow = Verdict::allow;
        for (answer, expected) in [
            (r#"{"verdict":"allow"}"#, allow()),
            (r#" {"verdict":" Allow ","code":20010,"ext":null,"modify":null,"why":["x"]} "#, allow()),
            ("\u{feff}{\"verdict\":\"reject\"}", uncoded()),
            (r#"{"verdict":"REJECT","code":20010,"ext":"no"}"#, reject(20010).with_ext("no")),
            (r#"{"verdict":"reject","code":"20010","modify":{"body":"x"}}"#, reject(20010)),
            (r#"{"verdict":"reject","code":403}"#, uncoded()),
            (
                r#"{"verdict":"allow","modify":{"body":"*","ext":7}}"#,
                allow().with_change("body", "*").with_change("ext", 7),
            ),
            (r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#, allow()),
            (r#"{"errCode":"0","responseCode":0,"modifyResponse":[]}"#, allow()),
            (r#"{"errCode":0,"modifyResponse":"[]"}"#, allow()),
            (
                r#"{"errCode":1,"responseCode":20042,"modifyResponse":{},"callbackExt":"x"}"#,
                reject(20042).with_ext("x"),
            ),
            (r#"{"errCode":7,"responseCode":200}"#, uncoded()),
        ] {
            assert_eq!(read(answer.as_bytes()), Ok(Some(expected)), "{answer}");
        }
    }

    #[test]
    fn nothing_is_no_opinion() {
        for answer in ["", " \r\n", "\u{feff}", r#"{"verdict":null}"#] {
            assert_eq!(read(answer.as_bytes()), Ok(None), "{answer:?}");
        }
    }

    #[test]
    fn what_could_mean_anything_is_an_error_that_repeats_nothing() {
        for answer in [
            "{}",
            "null",
            "true",
            "allow",
            "\"allow\"",
            "[]",
            r#"[{"verdict":"allow"}]"#,
            r#"{"verdict":"maybe-mei"}"#,
            r#"{"verdict":true}"#,
            r#"{"verdict":0}"#,
            r#"{"verdict":"allow","verdict":"reject"}"#,
            r#"{"verdict":"allow"} {"verdict":"reject"}"#,
            r#"{"verdict":"allow""#,
            r#"{"verdict":"allow","errCode":0}"#,
            r#"{"verdict":"allow","ext":{"a":"mei"}}"#,
            r#"{"verdict":"allow","modify":["mei"]}"#,
            r#"{"verdict":"allow","modify":"mei"}"#,
            r#"{"verdict":"reject","code":[]}"#,
            r#"{"verdict":"reject","code":20010.5}"#,
            r#"{"errCode":null}"#,
            r#"{"errCode":"ok"}"#,
            r#"{"errCode":true}"#,
            "{\"verdict\":\"allow\",\"ext\":\"\\ud800mei\"}",
            "<html>mei</html>",
        ] {
            let unclear = read(answer.as_bytes()).expect_err(answer).to_string();
            assert!(!unclear.contains("mei"), "{unclear}");
        }
        assert_eq!(read(&[b"{\"verdict\":\"\xff\"}".as_slice()].concat()).ok(), None);
        assert_eq!(read(&vec![b' '; LIMIT + 1]), Err(Unclear::TooLong));
        assert!(read(&[b"{\"verdict\":".as_slice(), &[b'['; 5000]].concat()).is_err(), "deep nesting");
    }
}
