//! An event as text for the error log: the sender's JSON with the values of token-like keys masked.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::value::RawValue;

use crate::cloud_event::CloudEvent;
use crate::event::Event;
use crate::lenient::{Fields, unquote};
use crate::secret::is_token_like;

/// The event in its CloudEvents form, one line, masked. The signed headers are left out: they hold digests.
pub(super) fn masked(event: &Event) -> String {
    let mut text = CloudEvent::without_data(event).to_json();
    if text.pop() == Some('}') {
        text.push_str(",\"data\":");
        mask_value(event.text(), &mut text);
        text.push('}');
    }
    text
}

/// Writes a JSON value, masked at any depth, inside JSON texts too; other values keep every digit.
fn mask_value(raw: &str, out: &mut String) {
    let raw = raw.trim_ascii();
    match raw.as_bytes().first() {
        Some(b'{') => match Fields::parse(raw) {
            Ok(fields) => mask_object(&fields, out),
            Err(_) => out.push_str(MASK),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
            Ok(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    mask_value(item.get(), out);
                }
                out.push(']');
            }
            Err(_) => out.push_str(MASK),
        },
        Some(b'"') => match unquote(raw).filter(|text| text.trim_ascii_start().starts_with(['{', '['])) {
            Some(inner) if serde_json::from_str::<&RawValue>(&inner).is_ok() => {
                let mut masked = String::with_capacity(inner.len());
                mask_value(&inner, &mut masked);
                push_quoted(&masked, out);
            }
            _ => out.push_str(raw),
        },
        _ => out.push_str(raw),
    }
}

fn mask_object(fields: &Fields<'_>, out: &mut String) {
    out.push('{');
    for (number, (key, value)) in fields.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        push_quoted(key, out);
        out.push(':');
        if is_token_like(key) { out.push_str(MASK) } else { mask_value(value.get(), out) }
    }
    out.push('}');
}

fn push_quoted(text: &str, out: &mut String) {
    // Text always serialises, and writing into a `String` cannot fail.
    let quoted = serde_json::to_string(text).map_or(Cow::Borrowed(MASK), Cow::Owned);
    let _ = out.write_str(&quoted);
}

const MASK: &str = "\"***\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(raw: &str) -> String {
        let mut out = String::new();
        mask_value(raw, &mut out);
        out
    }

    #[test]
    fn tokens_are_masked_at_any_depth_and_numbers_keep_their_digits() {
        let raw = r#"{"a":12345678901234567890123,"Token":"x","in":[{"loginExt":{"x":1}},{"b":"y"}],"attach":"{\"accessToken\":\"z\",\"n\":1.50}"}"#;
        let want = r#"{"a":12345678901234567890123,"Token":"***","in":[{"loginExt":"***"},{"b":"y"}],"attach":"{\"accessToken\":\"***\",\"n\":1.50}"}"#;
        assert_eq!(mask(raw), want);
    }
}
