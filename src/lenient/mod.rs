//! Reading a sender's JSON as it comes: numbers as text, text as numbers, lists as text, and nothing lost.
//!
//! A value is only ever looked at as the text that was sent, so no id and no number loses a digit.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

mod nested;
mod object;
mod pairs;
mod plain;
mod rewrite;
mod schema;
mod typed;
mod value;

pub use nested::Nested;
pub use object::Object;
pub(crate) use object::{object, read_object};
pub use plain::Plain;
pub(crate) use plain::read_plain;
pub(crate) use rewrite::{Fate, Rewriter, is_like_json, push_quoted, rewritten};
pub(crate) use schema::schema_of;
pub use typed::{Field, Other, Shape, Typed, Untyped};
pub(crate) use typed::{payload, read_field};
pub use value::{Impossible, Lenient, json_type, unquote};

/// The deepest nesting that is understood; deeper bodies are refused before anything recurses into them.
pub const MAX_NESTING: usize = 128;

/// The fields of a JSON object in the order they were sent, each value as the text that was sent.
///
/// ```
/// use offhook::lenient::Fields;
///
/// let fields = Fields::parse(r#"{"callType":"2","toAccountList":"[\"an\"]","id":9007199254740993}"#)?;
/// assert_eq!(fields.read::<i64>("callType"), Some(2));
/// assert_eq!(fields.read::<Vec<String>>("toAccountList"), Some(vec!["an".to_owned()]));
/// assert_eq!(fields.get("id").map(|id| id.get()), Some("9007199254740993"));
/// # Ok::<(), offhook::lenient::NotFields>(())
/// ```
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Why a text has no [`Fields`].
///
/// ```
/// use offhook::lenient::{Fields, NotFields};
///
/// assert_eq!(Fields::parse("[1]").unwrap_err(), NotFields::NotAnObject);
/// assert!(matches!(Fields::parse("{").unwrap_err(), NotFields::NotJson(_)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFields {
    /// It is not JSON, or nested too deeply.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// It is JSON, but not an object.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
}

impl<'a> Fields<'a> {
    /// Reads the outermost object of `text`.
    ///
    /// # Errors
    /// Says where the text stops being JSON, or that it is no object.
    pub fn parse(text: &'a str) -> Result<Self, NotFields> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(match serde_json::from_str::<&RawValue>(text) {
                Ok(_) => NotFields::NotAnObject,
                Err(error) => NotFields::NotJson(position_of(&error)),
            });
        }
        let fields = Self(pairs::read(text).map_err(|error| NotFields::NotJson(position_of(&error)))?);
        let too_deep = |(_, value): &(_, &RawValue)| nesting(value.get()) >= MAX_NESTING;
        if fields.0.iter().any(too_deep) {
            return Err(NotFields::NotJson(format!("nested more than {MAX_NESTING} deep")));
        }
        Ok(fields)
    }

    /// The value of `name`; the last one where a sender repeats a name.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// `name` read as a `T`; `None` where it is absent, null or of an impossible type.
    pub fn read<T: Lenient>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|value| T::read(value.get()).ok().flatten())
    }

    /// The fields in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (&**key, *value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A field whose value cannot be what it is documented to be.
///
/// ```
/// use offhook::lenient::{Fields, Typed};
/// use offhook::yunxin::CallStart;
///
/// let mut faults = Vec::new();
/// let call = CallStart::read(&Fields::parse(r#"{"callType":"video","fromAccount":"mei"}"#)?, &mut faults);
/// assert_eq!((call.from_account.as_deref(), call.call_type), (Some("mei"), None));
/// assert_eq!((faults[0].field, faults[0].found), ("callType", "text"));
/// # Ok::<(), offhook::lenient::NotFields>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, by the sender's name.
    pub field: &'static str,
    /// What was expected.
    pub expected: &'static str,
    /// The JSON type that came instead.
    pub found: &'static str,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// How deeply lists and objects are nested inside each other in valid JSON.
fn nesting(raw: &str) -> usize {
    if !matches!(raw.as_bytes().first(), Some(b'{' | b'[')) {
        return 0;
    }
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// Where parsing stopped, without any of the text itself.
fn position_of(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "unexpected character",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}
