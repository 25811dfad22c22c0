//! Text that holds JSON, as senders put it into a field of their JSON: kept as it is, read when somebody asks.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::value::{Impossible, Lenient, unquote};
use super::{Fields, Object, Shape, Typed};

/// A field documented as text, which usually holds JSON; some senders write the JSON itself, which is the same here.
///
/// Nothing is read before it is asked for, and what is no JSON is still there as text.
///
/// ```
/// use offhook::lenient::{Fields, Nested};
///
/// let fields = Fields::parse(r#"{"ext":"{\"topic\":\"reading\"}"}"#)?;
/// let ext: Nested = fields.read("ext").expect("text");
/// assert_eq!(ext.as_str(), r#"{"topic":"reading"}"#);
/// let json: serde_json::Value = ext.json().expect("JSON");
/// assert_eq!(json["topic"], "reading");
/// # Ok::<(), offhook::lenient::NotFields>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nested(String);

impl Nested {
    /// The text: what stood in the field, or the JSON that stood in its place.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text read as JSON of a type of yours; `None` where it is no such JSON.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }

    /// The text read as a list of documented objects; `None` where it is no such list.
    pub fn list<T: Object>(&self) -> Option<Vec<T>> {
        Vec::<T>::read(&self.0).ok().flatten()
    }

    /// The text read as a documented object, as tolerantly as an event is; `None` where it is no object.
    pub fn typed<T: Typed>(&self) -> Option<T> {
        let fields = Fields::parse(&self.0).ok()?;
        Some(T::read(&fields, &mut Vec::new()))
    }
}

impl Lenient for Nested {
    const EXPECTED: &'static str = "text, or JSON in its place";
    const SHAPE: Shape = Shape::Nested;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        match raw.as_bytes().first() {
            Some(b'"') => unquote(raw).map(|text| Some(Self(text.into_owned()))).ok_or(Impossible),
            Some(b'n') => Ok(None),
            _ => Ok(Some(Self(raw.to_owned()))),
        }
    }
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
