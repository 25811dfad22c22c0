//! Reading a sender's JSON as it comes: numbers as text, text as numbers, lists as text, and nothing lost.
//!
//! A value is only ever looked at as the text that was sent, so no id and no number loses a digit.

mod plain;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub use plain::{FieldRow, Plain};

/// The deepest nesting that is understood; deeper bodies are refused before anything recurses into them.
pub const MAX_NESTING: usize = 128;

/// The fields of a JSON object in the order they were sent, each value as the text that was sent.
#[derive(Debug)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Why a text has no [`Fields`].
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
        let fields: Self = serde_json::from_str(text).map_err(|error| NotFields::NotJson(position_of(&error)))?;
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

/// Fields nobody documented, as they were sent.
pub type Other = BTreeMap<String, Box<RawValue>>;

/// The typed content of some kinds of event.
pub trait Payload: Clone + Send + Sync + 'static {
    /// The kinds that have this content.
    const KINDS: &'static [&'static str];
    /// Its documented fields, by the sender's names.
    const FIELDS: &'static [FieldRow];

    /// Reads it from an object's fields. What cannot be read is absent and told in `faults`.
    fn read(fields: &Fields<'_>, faults: &mut Vec<FieldFault>) -> Self;
}

/// A type that can be read from more than one JSON form.
pub trait Lenient: Sized {
    /// What a value should be, for a fault's text.
    const EXPECTED: &'static str;

    /// Reads the JSON value `raw`: `Ok(None)` where it says nothing (null, or an empty text for what is no text).
    ///
    /// # Errors
    /// [`Impossible`] where the value is of a type that cannot be read as `Self`.
    fn read(raw: &str) -> Result<Option<Self>, Impossible>;
}

/// A value that cannot be read as the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impossible;

/// Reads `value` as a `T`, telling `faults` when it cannot be one.
pub fn read_field<T: Lenient>(field: &'static str, value: &RawValue, faults: &mut Vec<FieldFault>) -> Option<T> {
    T::read(value.get()).unwrap_or_else(|Impossible| {
        faults.push(FieldFault { field, expected: T::EXPECTED, found: json_type(value.get()) });
        None
    })
}

impl Lenient for String {
    const EXPECTED: &'static str = "text or a number";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        match raw.as_bytes().first() {
            Some(b'"') => unquote(raw).map(|text| Some(text.into_owned())).ok_or(Impossible),
            Some(b'-' | b'0'..=b'9') => Ok(Some(raw.to_owned())),
            Some(b'n') => Ok(None),
            _ => Err(Impossible),
        }
    }
}

impl Lenient for i64 {
    const EXPECTED: &'static str = "an integer, or text of one";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let Some(text) = scalar(raw)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Impossible)
    }
}

impl Lenient for u64 {
    const EXPECTED: &'static str = "a whole number, or text of one";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let Some(text) = scalar(raw)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Impossible)
    }
}

impl Lenient for bool {
    const EXPECTED: &'static str = "true or false, 1 or 0, or text of these";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let Some(text) = scalar(raw)? else { return Ok(None) };
        match &*text {
            "1" => Ok(Some(true)),
            "0" => Ok(Some(false)),
            text if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(Impossible),
        }
    }
}

impl Lenient for Vec<String> {
    const EXPECTED: &'static str = "a list of texts, or JSON text of one";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let text = match raw.as_bytes().first() {
            Some(b'[') => Cow::Borrowed(raw),
            Some(b'"') => unquote(raw).ok_or(Impossible)?,
            Some(b'n') => return Ok(None),
            _ => return Err(Impossible),
        };
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let items: Vec<&RawValue> = serde_json::from_str(&text).map_err(|_| Impossible)?;
        let item = |item: &RawValue| String::read(item.get())?.ok_or(Impossible);
        items.into_iter().map(item).collect::<Result<_, _>>().map(Some)
    }
}

/// What a JSON value is, by its first character.
pub fn json_type(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The characters of a JSON text. Half a surrogate pair, which JavaScript clients do send, becomes U+FFFD.
pub fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inside.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(raw).map(Cow::Owned).ok().or_else(|| {
        let Bytes(mut bytes) = serde_json::from_str(raw).ok()?;
        replace_surrogates(&mut bytes);
        String::from_utf8(bytes).ok().map(Cow::Owned)
    })
}

/// Puts U+FFFD, which is as long, for each half of a surrogate pair; in UTF-8 nothing else begins like one.
fn replace_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some([first, second, _]) = bytes.get(at..at + 3) {
        if (*first, *second & 0xe0) == (0xed, 0xa0) {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        at += 1;
    }
}

/// A number, boolean or text as its characters; `None` for null and blank text.
fn scalar(raw: &str) -> Result<Option<Cow<'_, str>>, Impossible> {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = match unquote(raw).ok_or(Impossible)? {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
                Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
            };
            Ok((!text.is_empty()).then_some(text))
        }
        Some(b'n') => Ok(None),
        Some(b'{' | b'[') | None => Err(Impossible),
        Some(_) => Ok(Some(Cow::Borrowed(raw))),
    }
}

/// How deeply lists and objects are nested inside each other in valid JSON.
fn nesting(raw: &str) -> usize {
    if !raw.starts_with(['{', '[']) {
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

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry()? {
                    fields.push((key, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// An object's key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A JSON text as bytes, which may hold half a surrogate pair.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Raw;

        impl Visitor<'_> for Raw {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Raw)
    }
}

/// Writes a [`Payload`]: a struct of optional fields, each with the sender's own name, and `other` for the rest.
macro_rules! payload {
    (
        $(#[$struct_doc:meta])*
        pub struct $name:ident for [$($kind:literal),+] {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $wire:literal,)+
        }
    ) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$type>,)+
            /// Fields that are not documented, as they were sent.
            pub other: $crate::lenient::Other,
        }

        impl $crate::lenient::Payload for $name {
            const KINDS: &'static [&'static str] = &[$($kind),+];
            const FIELDS: &'static [$crate::lenient::FieldRow] =
                &[$($crate::lenient::FieldRow::of::<$type>($wire)),+];

            fn read(
                fields: &$crate::lenient::Fields<'_>,
                faults: &mut Vec<$crate::lenient::FieldFault>,
            ) -> Self {
                let mut payload = Self::default();
                for (key, value) in fields.iter() {
                    match key {
                        "eventType" => {}
                        $($wire => payload.$field = $crate::lenient::read_field($wire, value, faults),)+
                        _ => {
                            payload.other.insert(key.to_owned(), value.to_owned());
                        }
                    }
                }
                payload
            }
        }
    };
}
pub(crate) use payload;
