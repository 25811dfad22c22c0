//! Writing a JSON value anew with some of it changed or left out, at any depth, inside JSON texts too.
//!
//! All else stays as it was sent, to the last digit, but for the space between.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Fields, MAX_NESTING, unquote};

/// Decides what is written.
pub(crate) trait Rewriter {
    /// What becomes of a field with this name, whose value was sent as `raw`.
    fn field(&mut self, name: &str, raw: &str) -> Fate;

    /// Whether a text that is JSON is looked into where it stands below `key`.
    fn goes_into(&self, _key: &str) -> bool {
        true
    }

    /// Writes a value that holds no others, e.g. a text or a number, which stands below `key`.
    fn scalar(&mut self, key: &str, raw: &str, out: &mut String);

    /// Writes something in the place of a list or an object that cannot be read.
    fn unreadable(&mut self, key: &str, out: &mut String);
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is written; what is inside its value is decided there.
    Stays,
    /// It is left out.
    Goes,
    /// It is written with this value, which is JSON.
    Becomes(&'static str),
}

/// The JSON value `raw`, written anew.
pub(crate) fn rewritten(raw: &str, rewriter: &mut dyn Rewriter) -> String {
    let mut out = String::with_capacity(raw.len());
    value(raw, "", 0, rewriter, &mut out);
    out
}

/// Writes `text` as a JSON text.
pub(crate) fn push_quoted(text: &str, out: &mut String) {
    // A text always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
}

/// Whether a text seems to be meant as JSON that holds other values, be it whole or not.
pub(crate) fn is_like_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// Writes a value, and tells whether it is another one now.
fn value(raw: &str, key: &str, depth: usize, rewriter: &mut dyn Rewriter, out: &mut String) -> bool {
    let (raw, begin) = (raw.trim_ascii(), out.len());
    match raw.as_bytes().first() {
        Some(b'{') => match Fields::parse(raw).ok().filter(|_| depth < MAX_NESTING) {
            Some(fields) => return object(&fields, depth, rewriter, out),
            None => rewriter.unreadable(key, out),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw).ok().filter(|_| depth < MAX_NESTING) {
            Some(items) => return list(&items, key, depth, rewriter, out),
            None => rewriter.unreadable(key, out),
        },
        Some(b'"') if rewriter.goes_into(key) => match json_in(raw) {
            Some(inner) => {
                let mut text = String::with_capacity(inner.len());
                if value(&inner, key, depth + 1, rewriter, &mut text) {
                    push_quoted(&text, out);
                } else {
                    out.push_str(raw);
                }
            }
            None => rewriter.scalar(key, raw, out),
        },
        _ => rewriter.scalar(key, raw, out),
    }
    out[begin..] != *raw
}

fn object(fields: &Fields<'_>, depth: usize, rewriter: &mut dyn Rewriter, out: &mut String) -> bool {
    let (mut changed, mut is_first) = (false, true);
    out.push('{');
    for (name, field) in fields.iter() {
        let fate = rewriter.field(name, field.get());
        changed |= fate != Fate::Stays;
        if fate == Fate::Goes {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        push_quoted(name, out);
        out.push(':');
        match fate {
            Fate::Becomes(other) => out.push_str(other),
            _ => changed |= value(field.get(), name, depth + 1, rewriter, out),
        }
    }
    out.push('}');
    changed
}

fn list(items: &[&RawValue], key: &str, depth: usize, rewriter: &mut dyn Rewriter, out: &mut String) -> bool {
    let mut changed = false;
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        changed |= value(item.get(), key, depth + 1, rewriter, out);
    }
    out.push(']');
    changed
}

/// The JSON inside a JSON text, where that is an object or a list.
fn json_in(raw: &str) -> Option<Cow<'_, str>> {
    unquote(raw).filter(|text| is_like_json(text) && serde_json::from_str::<&RawValue>(text).is_ok())
}
