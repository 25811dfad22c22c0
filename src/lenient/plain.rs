//! A field's value for those who know fields by name only, such as rules: read tolerantly, as the type it is documented to have.

use super::Lenient;

/// A value of one of the types that documented fields have.
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
    /// Anything else, as JSON.
    Json(String),
}

/// A documented field.
#[derive(Clone, Copy)]
pub struct FieldRow {
    /// The sender's name for it.
    pub name: &'static str,
    /// Reads the JSON value; `None` where it says nothing or cannot be what it is documented to be.
    pub read: fn(&str) -> Option<Plain>,
}

impl FieldRow {
    /// The field `name` of the type `T`.
    pub const fn of<T: Lenient + Into<Plain>>(name: &'static str) -> Self {
        Self { name, read: read::<T> }
    }
}

impl std::fmt::Debug for FieldRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FieldRow").field(&self.name).finish()
    }
}

fn read<T: Lenient + Into<Plain>>(raw: &str) -> Option<Plain> {
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
