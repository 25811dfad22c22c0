//! The tolerant readers: one JSON value, in any of the forms in which senders write it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::{FieldFault, Shape};

/// A type that can be read from more than one JSON form.
///
/// ```
/// use offhook::lenient::{Impossible, Lenient};
///
/// assert_eq!(i64::read("\"2\""), Ok(Some(2)));
/// assert_eq!(i64::read("null"), Ok(None));
/// assert_eq!(i64::read("\"video\""), Err(Impossible));
/// assert_eq!(bool::read("\"true\""), Ok(Some(true)));
/// ```
pub trait Lenient: Sized {
    /// What a value should be, for a fault's text.
    const EXPECTED: &'static str;
    /// The same for programs: rules, the schema, the documentation.
    const SHAPE: Shape;

    /// Reads the JSON value `raw`: `Ok(None)` where it says nothing (null, or an empty text for what is no text).
    ///
    /// # Errors
    /// [`Impossible`] where the value is of a type that cannot be read as `Self`.
    fn read(raw: &str) -> Result<Option<Self>, Impossible>;

    /// The same; what of an object's own fields cannot be read is told in `faults`.
    ///
    /// # Errors
    /// As [`Lenient::read`].
    fn read_telling(raw: &str, _faults: &mut Vec<FieldFault>) -> Result<Option<Self>, Impossible> {
        Self::read(raw)
    }
}

/// A value that cannot be read as the type asked for.
///
/// Example: [`Lenient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impossible;

impl Lenient for String {
    const EXPECTED: &'static str = "text or a number";
    const SHAPE: Shape = Shape::Text;

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
    const SHAPE: Shape = Shape::Integer;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let Some(text) = scalar(raw)? else { return Ok(None) };
        in_digits(&text, raw)?.parse().map(Some).map_err(|_| Impossible)
    }
}

impl Lenient for u64 {
    const EXPECTED: &'static str = "a whole number, or text of one";
    const SHAPE: Shape = Shape::Whole;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let Some(text) = scalar(raw)? else { return Ok(None) };
        in_digits(&text, raw)?.parse().map(Some).map_err(|_| Impossible)
    }
}

impl Lenient for bool {
    const EXPECTED: &'static str = "true or false, 1 or 0, or text of these";
    const SHAPE: Shape = Shape::Boolean;

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
    const SHAPE: Shape = Shape::Texts;

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
        // Nearly all are texts and nothing else.
        if let Ok(texts) = serde_json::from_str(&text) {
            return Ok(Some(texts));
        }
        let items: Vec<&RawValue> = serde_json::from_str(&text).map_err(|_| Impossible)?;
        let item = |item: &RawValue| String::read(item.get())?.ok_or(Impossible);
        items.into_iter().map(item).collect::<Result<_, _>>().map(Some)
    }
}

/// What a JSON value is, by its first character.
///
/// ```
/// use offhook::lenient::json_type;
///
/// assert_eq!([json_type("\"2\""), json_type("[2]")], ["text", "a list"]);
/// ```
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
///
/// ```
/// use offhook::lenient::unquote;
///
/// assert_eq!(unquote(r#""say \"hi\"""#).as_deref(), Some("say \"hi\""));
/// assert_eq!(unquote("2"), None);
/// ```
pub fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let [b'"', inside @ .., b'"'] = raw.as_bytes() else { return None };
    if !inside.contains(&b'\\') {
        return raw.get(1..raw.len() - 1).map(Cow::Borrowed);
    }
    serde_json::from_str::<String>(raw)
        .ok()
        .or_else(|| serde_json::from_str::<Bytes>(raw).ok()?.into_text())
        .map(Cow::Owned)
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

/// A whole JSON number in digits alone: one of the platform's services writes them as Java writes a `double`, `600.0` and
/// `1.6E9`. Text is left as it is.
fn in_digits<'t>(text: &'t str, raw: &str) -> Result<Cow<'t, str>, Impossible> {
    if raw.starts_with('"') || !text.contains(['.', 'e', 'E']) {
        return Ok(Cow::Borrowed(text));
    }
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let exponent: i32 = exponent.parse().map_err(|_| Impossible)?;
    let shifted = format!("{whole}{fraction}");
    if shifted.bytes().all(|byte| matches!(byte, b'0' | b'-')) {
        return Ok(Cow::Borrowed("0"));
    }
    // What has 64 bits has no more digits than this.
    if exponent > 64 {
        return Err(Impossible);
    }
    let point = i32::try_from(whole.len()).map_err(|_| Impossible)?.saturating_add(exponent);
    let point = usize::try_from(point).unwrap_or(0);
    match shifted.get(point..) {
        None => Ok(Cow::Owned(format!("{shifted:0<point$}"))),
        Some(rest) if point > 0 && rest.bytes().all(|byte| byte == b'0') => Ok(Cow::Owned(shifted[..point].to_owned())),
        Some(_) => Err(Impossible),
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

/// A JSON text as bytes, which may hold half a surrogate pair.
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    /// The text, with U+FFFD for each half.
    pub(super) fn into_text(mut self) -> Option<String> {
        replace_surrogates(&mut self.0);
        String::from_utf8(self.0).ok()
    }
}

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
