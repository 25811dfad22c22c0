//! Finds who acted inside a callback's body.

use serde_json::value::RawValue;

use crate::lenient::{Fields, Lenient};

/// The text at a path such as `CallRecord.Caller_Account`; of a list it is the first item.
pub(super) fn text_at(fields: &Fields<'_>, path: &str) -> Option<String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = fields.get(name)?.get();
    let first: Option<&RawValue> =
        value.starts_with('[').then(|| serde_json::from_str::<Vec<&RawValue>>(value).ok()?.first().copied()).flatten();
    let value = first.map_or(value, RawValue::get);
    match rest {
        Some(rest) => text_at(&Fields::parse(value).ok()?, rest),
        None => String::read(value).ok().flatten().filter(|text| !text.is_empty()),
    }
}
