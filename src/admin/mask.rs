//! What a page shows of people unless it is told to: phone numbers, addresses and what was written are masked.
//!
//! Here and not in the browser, so that what is masked never leaves. What opens something stays masked always.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::value::RawValue;

use crate::lenient::{Fields, unquote};
use crate::secret::is_token_like;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Masked,
    /// Everything but what opens something.
    Whole,
}

/// Keys below which stands what people wrote.
const WRITTEN: [&str; 14] = [
    "body",
    "attach",
    "ext",
    "text",
    "msg",
    "msgbody",
    "content",
    "payload",
    "pushcontent",
    "pushpayload",
    "customext",
    "opeext",
    "notifyext",
    "userdata",
];

/// Keys below which a number is somebody's.
const PHONE_LIKE: [&str; 6] = ["phone", "mobile", "caller", "callee", "tel", "msisdn"];

/// A JSON value with what must not be shown masked at any depth, inside JSON texts too; other values keep every digit.
pub(super) fn mask_json(raw: &str, show: Show) -> String {
    let mut out = String::with_capacity(raw.len());
    value(raw, "", show, &mut out);
    out
}

/// Any text, without phone numbers, e-mail and IP addresses in it.
pub(super) fn mask_text(text: &str) -> String {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return mask_address(IpAddr::V6(address));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(begin);
        out.push_str(before);
        let end = from.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(&masked_run(run));
        rest = after;
    }
    out.push_str(rest);
    mask_mail(out)
}

/// An address without what tells one machine from its neighbours.
pub(super) fn mask_address(address: IpAddr) -> String {
    match address.to_canonical() {
        loopback if loopback.is_loopback() => loopback.to_string(),
        IpAddr::V4(v4) => format!("{}.{}.*.*", v4.octets()[0], v4.octets()[1]),
        IpAddr::V6(v6) => format!("{:x}:{:x}:*", v6.segments()[0], v6.segments()[1]),
    }
}

/// `text`, some of which is a digest or opens something: its beginning, so that two can be told apart.
pub(super) fn mask_digest(text: &str) -> String {
    let shown: String = text.chars().take(4).collect();
    format!("{shown}…")
}

/// Digits and points: a phone number, an IP address, or something harmless.
fn masked_run(run: &str) -> String {
    if let Ok(address) = run.trim_end_matches('.').parse::<Ipv4Addr>() {
        return mask_address(IpAddr::V4(address));
    }
    run.split('.')
        .map(|part| if is_mobile(part) { mask_number(part) } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join(".")
}

/// A Chinese mobile number, with or without its country.
fn is_mobile(digits: &str) -> bool {
    let own = digits
        .strip_prefix("0086")
        .or_else(|| digits.strip_prefix("86").filter(|_| digits.len() == 13))
        .unwrap_or(digits);
    let bytes = own.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1])
}

/// `138****1234`.
fn mask_number(digits: &str) -> String {
    let all: Vec<char> = digits.chars().collect();
    if all.len() < 8 {
        return "***".to_owned();
    }
    let (head, tail) = (all.len() - 8, all.len() - 4);
    all[..head].iter().chain("****".chars().collect::<Vec<_>>().iter()).chain(&all[tail..]).collect()
}

/// `l***@example.com`.
fn mask_mail(text: String) -> String {
    let Some((name, domain)) = text.split_once('@') else { return text };
    let is_mail = !name.is_empty()
        && !name.contains(char::is_whitespace)
        && domain.contains('.')
        && !domain.contains(char::is_whitespace);
    if !is_mail {
        return text;
    }
    let first: String = name.chars().take(1).collect();
    format!("{first}***@{domain}")
}

fn value(raw: &str, key: &str, show: Show, out: &mut String) {
    let raw = raw.trim_ascii();
    let is_written = show == Show::Masked && WRITTEN.contains(&&*key.to_ascii_lowercase());
    match raw.as_bytes().first() {
        Some(b'{') => match Fields::parse(raw) {
            Ok(fields) => object(&fields, show, out),
            Err(_) => push_quoted("***", out),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
            Ok(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    value(item.get(), key, show, out);
                }
                out.push(']');
            }
            Err(_) => push_quoted("***", out),
        },
        Some(b'"') => {
            let Some(text) = unquote(raw) else { return push_quoted("***", out) };
            let is_json =
                text.trim_ascii_start().starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(&text).is_ok();
            match show {
                _ if is_json && !is_written => push_quoted(&mask_json(&text, show), out),
                Show::Whole => out.push_str(raw),
                Show::Masked if text.is_empty() => out.push_str(raw),
                Show::Masked if is_written => push_quoted(&format!("••• ({})", text.chars().count()), out),
                Show::Masked if is_phone_like(key, &text) => push_quoted(&mask_number(&text), out),
                Show::Masked => push_quoted(&mask_text(&text), out),
            }
        }
        Some(b'0'..=b'9') if show == Show::Masked && (is_mobile(raw) || is_phone_like(key, raw)) => {
            push_quoted(&mask_number(raw), out);
        }
        _ => out.push_str(raw),
    }
}

fn object(fields: &Fields<'_>, show: Show, out: &mut String) {
    out.push('{');
    for (number, (key, field)) in fields.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        push_quoted(key, out);
        out.push(':');
        if is_token_like(key) { push_quoted("***", out) } else { value(field.get(), key, show, out) }
    }
    out.push('}');
}

/// Whether this is somebody's number, because of its key.
fn is_phone_like(key: &str, text: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let digits = text.strip_prefix('+').unwrap_or(text);
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && PHONE_LIKE.iter().any(|word| key.contains(word))
}

fn push_quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"***\"".to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_addresses_and_mail_are_masked_wherever_they_stand() {
        for (text, want) in [
            ("13812341234", "138****1234"),
            ("8613812341234", "86138****1234"),
            ("+8613812341234", "+86138****1234"),
            ("u13812341234x", "u138****1234x"),
            ("call 13812341234, or 15912345678.", "call 138****1234, or 159****5678."),
            ("203.0.113.7", "203.0.*.*"),
            ("203.0.113.7:443", "203.0.*.*:443"),
            ("2001:db8::1", "2001:db8:*"),
            ("127.0.0.1", "127.0.0.1"),
            ("lin.yue@example.com", "l***@example.com"),
        ] {
            assert_eq!(mask_text(text), want);
        }
        for harmless in ["1700000000000", "1.2.3", "lin.yue", "12345678901", "1381234123", "", "@", "a @ b.c"] {
            assert_eq!(mask_text(harmless), harmless);
        }
    }

    #[test]
    fn what_was_written_is_masked_and_what_opens_something_stays_so() {
        let raw = r#"{"id":12345678901234567890,"body":"hello","from":"13812341234","n":13812341234,"callerNo":"02088887777","ip":"203.0.113.7","token":"t","in":"{\"body\":\"x\",\"secret\":1}","at":1700000000000,"list":["a",1]}"#;
        let masked = r#"{"id":12345678901234567890,"body":"••• (5)","from":"138****1234","n":"138****1234","callerNo":"020****7777","ip":"203.0.*.*","token":"***","in":"{\"body\":\"••• (1)\",\"secret\":\"***\"}","at":1700000000000,"list":["a",1]}"#;
        assert_eq!(mask_json(raw, Show::Masked), masked);
        let whole =
            raw.replace(r#""token":"t""#, r#""token":"***""#).replace(r#"\"secret\":1"#, r#"\"secret\":\"***\""#);
        assert_eq!(mask_json(raw, Show::Whole), whole);
    }

    #[test]
    fn odd_values_are_no_trouble() {
        for raw in ["", "{", "[1,", "\"a", "nul", "{}", "[]", "null", "-1.5e9", "\"\""] {
            mask_json(raw, Show::Masked);
        }
    }
}
