//! Reads a request's fields as strictly as they are documented: type, range, alphabet, and none that nobody knows.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// An object in a request's body.
pub(super) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

/// A field that is not as it is documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// The field, with the objects it stands in.
    pub(super) field: String,
    /// What is wrong.
    pub(super) why: String,
    /// Whether it is not there at all.
    pub(super) missing: bool,
    /// Whether nobody documented it.
    pub(super) unknown: bool,
}

type Read<T> = Result<T, Bad>;

impl<'a> Fields<'a> {
    /// The body itself.
    pub(super) fn of(map: &'a Map<String, Value>) -> Self {
        Self { path: String::new(), map }
    }

    /// Refuses what is not among `names`.
    pub(super) fn only(&self, names: &[&str]) -> Read<()> {
        match self.map.keys().find(|key| !names.contains(&key.as_str())) {
            Some(key) => Err(Bad { unknown: true, ..self.bad(key, "is not a documented field") }),
            None => Ok(()),
        }
    }

    /// What `read` finds, or that it is missing.
    pub(super) fn need<T>(&self, name: &str, found: Read<Option<T>>) -> Read<T> {
        found?.ok_or_else(|| Bad { missing: true, ..self.bad(name, "is missing") })
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Read<Option<&'a str>> {
        self.typed(name, "text", Value::as_str)
    }

    /// A text of at most so many bytes.
    pub(super) fn short_text(&self, name: &str, most: usize) -> Read<Option<&'a str>> {
        let text = self.text(name)?;
        match text {
            Some(text) if text.len() > most => Err(self.bad(name, &format!("has more than {most} bytes"))),
            text => Ok(text),
        }
    }

    /// One of `words`.
    pub(super) fn word(&self, name: &str, words: &[&str]) -> Read<Option<&'a str>> {
        match self.text(name)? {
            Some(text) if !words.contains(&text) => Err(self.bad(name, &format!("is none of {}", words.join(", ")))),
            text => Ok(text),
        }
    }

    /// The name of a user.
    pub(super) fn account(&self, name: &str) -> Read<Option<&'a str>> {
        match self.text(name)? {
            Some(text) if !is_account(text) => Err(self.bad(name, "is not 1 to 32 of a-z A-Z 0-9 _ -")),
            text => Ok(text),
        }
    }

    /// A URL with one of these schemes.
    pub(super) fn url(&self, name: &str, schemes: &[&str]) -> Read<Option<&'a str>> {
        let is_good = |text: &str| {
            let parsed = url::Url::parse(text).ok();
            parsed.is_some_and(|url| schemes.contains(&url.scheme()) && url.has_host())
        };
        match self.text(name)? {
            Some(text) if !is_good(text) => Err(self.bad(name, &format!("is no URL of {}", schemes.join(", ")))),
            text => Ok(text),
        }
    }

    /// A whole number in `range`.
    pub(super) fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Read<Option<i64>> {
        match self.typed(name, "an integer", Value::as_i64)? {
            Some(number) if !range.contains(&number) => {
                Err(self.bad(name, &format!("is not from {} to {}", range.start(), range.end())))
            }
            number => Ok(number),
        }
    }

    /// One of these numbers.
    pub(super) fn one_of(&self, name: &str, numbers: &[f64]) -> Read<Option<f64>> {
        let same = |number: f64| numbers.iter().any(|one| (one - number).abs() < 1e-9);
        match self.typed(name, "a number", Value::as_f64)? {
            Some(number) if !same(number) => Err(self.bad(name, &format!("is none of {numbers:?}"))),
            number => Ok(number),
        }
    }

    /// A boolean.
    pub(super) fn boolean(&self, name: &str) -> Read<Option<bool>> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// A list.
    pub(super) fn list(&self, name: &str) -> Read<Option<&'a Vec<Value>>> {
        self.typed(name, "a list", Value::as_array)
    }

    /// An object, whose own fields are read in the same way.
    pub(super) fn object(&self, name: &str) -> Read<Option<Self>> {
        let map = self.typed(name, "an object", Value::as_object)?;
        Ok(map.map(|map| Fields { path: self.path_of(name), map }))
    }

    /// The objects of a list.
    pub(super) fn objects(&self, name: &str) -> Read<Vec<Self>> {
        let items = self.list(name)?.map(Vec::as_slice).unwrap_or_default();
        let object = |(place, item): (usize, &'a Value)| match item {
            Value::Object(map) => Ok(Fields { path: format!("{}[{place}]", self.path_of(name)), map }),
            _ => Err(self.bad(name, "is not a list of objects")),
        };
        items.iter().enumerate().map(object).collect()
    }

    /// What is wrong with a field.
    pub(super) fn bad(&self, name: &str, why: &str) -> Bad {
        Bad { field: self.path_of(name), why: why.to_owned(), missing: false, unknown: false }
    }

    fn typed<T>(&self, name: &str, what: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Read<Option<T>> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.bad(name, &format!("is not {what}")))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.field, self.why)
    }
}

/// Whether `text` can be a user's name.
pub(super) fn is_account(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(is_good)
}
