//! Which kind a body is: callbacks and three sorts of copies share one field, `eventType`, and its numbers collide.
//!
//! `eventType` is the one field that is not read tolerantly: its JSON type is what tells the sorts apart.

use super::proof::Product;
use crate::kind::{Family, Kind, Wire};
use crate::lenient::{Fields, json_type, unquote};
use crate::refusal::Refusal;

/// The longest `eventType` that becomes part of a kind's name, in bytes.
const LONGEST_WORD: usize = 64;

/// The kind of a body, by what its head told (`product`), its `eventType`, and its shape.
pub(super) fn kind_of(fields: &Fields<'_>, product: Product) -> Result<Kind, Refusal> {
    if fields.is_empty() {
        return Ok(Kind::probe());
    }
    let text_of = |name| fields.get(name).map(|value| value.get());
    let has_data = text_of("data").is_some_and(|data| data.starts_with('{'));
    let told = match text_of("eventType") {
        Some(raw) => raw,
        None => match (text_of("type"), text_of("msgType")) {
            // One design note of RTC 2.0 calls the number `type`.
            (Some(raw), _) if product == Product::Rtc || (has_data && is_integer(raw)) => raw,
            // The old meeting kit.
            (_, Some(raw)) if product == Product::Meeting || fields.get("msgBody").is_some() => {
                return word(unquote(raw).as_deref().unwrap_or(raw)).ok_or_else(unusable);
            }
            _ => return Err(Refusal::EventTypeMalformed { found: "missing" }),
        },
    };
    // A login stays one whatever else is in it: nobody but its verdict may let somebody in.
    if has_data
        && product != Product::Rtc
        && let Some(login) = told.parse().ok().and_then(|number| login(number, fields))
    {
        return Ok(login);
    }
    let malformed = || Refusal::EventTypeMalformed { found: json_type(told) };
    match told.as_bytes().first() {
        Some(b'"') => {
            let text = unquote(told).ok_or_else(malformed)?;
            kind_of_text(text.trim_ascii(), fields, product).ok_or_else(unusable)
        }
        Some(b'-' | b'0'..=b'9') if !is_integer(told) => {
            Err(Refusal::EventTypeMalformed { found: "a number with a fraction" })
        }
        Some(b'-' | b'0'..=b'9') if told.len() > LONGEST_WORD => {
            Err(Refusal::EventTypeMalformed { found: "a very long number" })
        }
        Some(b'-' | b'0'..=b'9') if product == Product::Rtc || has_data => Ok(rtc(told)),
        Some(b'-' | b'0'..=b'9') => Ok(of_flat_number(told, product)),
        _ => Err(malformed()),
    }
}

/// The kind that an integer in a flat body means: a callback. The tables of the message-update copies call their
/// numbers integers too, though every example has texts, and no callback has these.
fn of_flat_number(raw: &str, product: Product) -> Kind {
    let number = raw.parse::<i64>().ok();
    let update = number.filter(|number| product == Product::Copy && (89..=91).contains(number)).map(Wire::Text);
    let known = number.and_then(|number| Kind::on_wire(update.unwrap_or(Wire::Number(number))));
    known.unwrap_or_else(|| Kind::named(Family::YunxinCallback, &format!("unknown.{}", in_digits(raw))))
}

/// The kind that a text means: an IM copy, a word of the room and meeting products, or a login whose number was
/// written as text.
fn kind_of_text(text: &str, fields: &Fields<'_>, product: Product) -> Option<Kind> {
    let Ok(number) = text.parse::<i64>() else { return word(text) };
    if text.len() > LONGEST_WORD {
        return None;
    }
    if product == Product::Rtc {
        return Some(rtc(text));
    }
    let copy = || Kind::on_wire(Wire::Text(number));
    let unknown = || Kind::named(Family::YunxinCopy, &format!("copy.unknown.{number}"));
    Some(login(number, fields).or_else(copy).unwrap_or_else(unknown))
}

/// The login of this number, where its fields are there.
fn login(number: i64, fields: &Fields<'_>) -> Option<Kind> {
    let kind = Kind::on_wire(Wire::Number(number)).filter(Kind::is_login)?;
    ["authType", "loginAuthType", "token"].iter().any(|name| fields.get(name).is_some()).then_some(kind)
}

fn rtc(number: &str) -> Kind {
    let known = number.parse().ok().and_then(|number| Kind::on_wire(Wire::Rtc(number)));
    known.unwrap_or_else(|| Kind::named(Family::YunxinCopy, &format!("rtc.unknown.{}", in_digits(number))))
}

/// An integer as a name holds it: JSON can write 0 as `-0`.
fn in_digits(number: &str) -> &str {
    if number == "-0" { "0" } else { number }
}

fn word(text: &str) -> Option<Kind> {
    let text = text.trim_ascii();
    let fits = !text.is_empty()
        && text.len() <= LONGEST_WORD
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    fits.then(|| Kind::named(Family::YunxinCopy, &format!("neroom.{}", text.to_lowercase())))
}

fn is_integer(raw: &str) -> bool {
    let starts_so = |first: &u8| *first == b'-' || first.is_ascii_digit();
    raw.as_bytes().first().is_some_and(starts_so) && !raw.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn unusable() -> Refusal {
    Refusal::EventTypeMalformed { found: "a text that is neither a number nor a word" }
}
