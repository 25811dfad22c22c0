//! What a page shows of people unless it is told to: phone numbers, addresses and what was written are masked.
//!
//! Here and not in the browser, so that what is masked never leaves. What opens something stays masked always.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::lenient::{Fate, Rewriter, push_quoted, rewritten, unquote};
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
pub(super) fn mask_json(raw: &str, mut show: Show) -> String {
    rewritten(raw, &mut show)
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

impl Rewriter for Show {
    fn field(&mut self, name: &str, _raw: &str) -> Fate {
        if is_token_like(name) { Fate::Becomes(MASK) } else { Fate::Stays }
    }

    fn goes_into(&self, key: &str) -> bool {
        !self.hides(key)
    }

    fn scalar(&mut self, key: &str, raw: &str, out: &mut String) {
        match raw.as_bytes().first() {
            Some(b'"') => match unquote(raw) {
                None => out.push_str(MASK),
                Some(text) if *self == Self::Whole || text.is_empty() => out.push_str(raw),
                Some(text) if self.hides(key) => push_quoted(&format!("••• ({})", text.chars().count()), out),
                Some(text) if is_phone_like(key, &text) => push_quoted(&mask_number(&text), out),
                Some(text) => push_quoted(&mask_text(&text), out),
            },
            Some(b'0'..=b'9') if *self == Self::Masked && (is_mobile(raw) || is_phone_like(key, raw)) => {
                push_quoted(&mask_number(raw), out);
            }
            _ => out.push_str(raw),
        }
    }

    fn unreadable(&mut self, _key: &str, out: &mut String) {
        out.push_str(MASK);
    }
}

impl Show {
    /// Whether what people wrote below this key is not shown.
    fn hides(self, key: &str) -> bool {
        self == Self::Masked && WRITTEN.contains(&&*key.to_ascii_lowercase())
    }
}

/// Whether this is somebody's number, because of its key.
fn is_phone_like(key: &str, text: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let digits = text.strip_prefix('+').unwrap_or(text);
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && PHONE_LIKE.iter().any(|word| key.contains(word))
}

const MASK: &str = "\"***\"";

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
