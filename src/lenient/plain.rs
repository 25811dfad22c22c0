//! A field's value for those who know fields by name only, such as rules: read tolerantly, as the type it is documented to have.

use serde_json::Value;

use super::{Lenient, Nested, Object};

/// A value of one of the types that documented fields have.
///
/// ```
/// use offhook::lenient::{Plain, Typed};
/// use offhook::yunxin::CallStart;
///
/// let field = CallStart::FIELDS.iter().find(|field| field.name == "callType").expect("a documented field");
/// assert!(matches!((field.read)("\"2\""), Some(Plain::Integer(2))));
/// assert!((field.read)("\"video\"").is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Plain {
    /// Text, and ids that may come as numbers.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A whole number that is never negative.
    Unsigned(u64),
    /// True or false.
    Boolean(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// An object, or a list of objects, each value in its documented form.
    Json(Value),
}

/// Reads `raw` as a `T`; `None` where it says nothing or cannot be one.
pub(crate) fn read_plain<T: Lenient + Into<Plain>>(raw: &str) -> Option<Plain> {
    T::read(raw).ok().flatten().map(Into::into)
}

impl From<String> for Plain {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Plain {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Plain {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<bool> for Plain {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<Vec<String>> for Plain {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<Nested> for Plain {
    fn from(nested: Nested) -> Self {
        Self::Text(nested.as_str().to_owned())
    }
}

impl<T: Object> From<Vec<T>> for Plain {
    fn from(objects: Vec<T>) -> Self {
        Self::Json(serde_json::to_value(objects).unwrap_or_default())
    }
}
