//! Objects inside an event: read as tolerantly as the event itself, eagerly where the sender nests them, and on demand
//! where they travel as text.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{FieldFault, Fields, Impossible, Lenient, Shape, Typed, unquote};

/// A documented object inside an event.
///
/// ```
/// use offhook::lenient::{Fields, Object};
/// use offhook::yunxin::ReadReceipt;
///
/// /// The objects of a list; the list may be one of JSON, or text.
/// fn list<T: Object>(body: &Fields<'_>) -> Vec<T> {
///     body.read("objects").unwrap_or_default()
/// }
///
/// let body = Fields::parse(r#"{"objects":"[{\"fromAccount\":\"mei\"},{\"fromAccount\":\"an\"}]"}"#)?;
/// assert_eq!(list::<ReadReceipt>(&body).len(), 2);
/// # Ok::<(), offhook::lenient::NotFields>(())
/// ```
pub trait Object: Typed {}

/// Reads `raw` as an object, or as JSON text of one.
pub(crate) fn read_object<T: Object>(raw: &str, faults: &mut Vec<FieldFault>) -> Result<Option<T>, Impossible> {
    match json_of(raw)? {
        Some(text) if text.starts_with('{') => {
            let fields = Fields::parse(&text).map_err(|_| Impossible)?;
            Ok(Some(T::read(&fields, faults)))
        }
        Some(_) => Err(Impossible),
        None => Ok(None),
    }
}

impl<T: Object> Lenient for Vec<T> {
    const EXPECTED: &'static str = "a list of objects, or JSON text of one";
    const SHAPE: Shape = Shape::Objects(T::FIELDS);

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        Self::read_telling(raw, &mut Vec::new())
    }

    fn read_telling(raw: &str, faults: &mut Vec<FieldFault>) -> Result<Option<Self>, Impossible> {
        let Some(text) = json_of(raw)? else { return Ok(None) };
        let items: Vec<&RawValue> = serde_json::from_str(&text).map_err(|_| Impossible)?;
        let mut item = |item: &RawValue| read_object(item.get(), faults)?.ok_or(Impossible);
        items.into_iter().map(&mut item).collect::<Result<_, _>>().map(Some)
    }
}

/// The JSON that `raw` is, or that stands in it as text; `None` for null and blank text.
fn json_of(raw: &str) -> Result<Option<Cow<'_, str>>, Impossible> {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = unquote(raw).ok_or(Impossible)?;
            let trimmed = match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
                Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
            };
            Ok(Some(trimmed).filter(|text| !text.is_empty()))
        }
        Some(b'n') => Ok(None),
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

/// Writes an [`Object`]: a struct of optional fields, each with its documentation and the sender's own name.
macro_rules! object {
    ($(#[$doc:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $crate::lenient::payload! {
            $(#[$doc])*
            pub struct $name for [] { $($fields)* }
        }

        impl $crate::lenient::Object for $name {}

        impl From<$name> for $crate::lenient::Plain {
            fn from(object: $name) -> Self {
                Self::Json(serde_json::to_value(object).unwrap_or_default())
            }
        }

        impl $crate::lenient::Lenient for $name {
            const EXPECTED: &'static str = "an object, or JSON text of one";
            const SHAPE: $crate::lenient::Shape =
                $crate::lenient::Shape::Object(<Self as $crate::lenient::Typed>::FIELDS);

            fn read(raw: &str) -> Result<Option<Self>, $crate::lenient::Impossible> {
                $crate::lenient::read_object(raw, &mut Vec::new())
            }

            fn read_telling(
                raw: &str,
                faults: &mut Vec<$crate::lenient::FieldFault>,
            ) -> Result<Option<Self>, $crate::lenient::Impossible> {
                $crate::lenient::read_object(raw, faults)
            }
        }
    };
}
pub(crate) use object;
