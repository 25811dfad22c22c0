//! Fields that never reach the disk: the tokens of logins, and what the configuration names.
//!
//! They are taken out of the body before anything is written, so neither a file, nor the spill, nor a handler, nor an
//! export ever holds them. Such a record says what was left out, and that it cannot be verified again.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::event::{Event, EventParts, Marks};
use crate::kind::KindPattern;
use crate::lenient::{Fields, unquote};

/// What is left out, besides the tokens of logins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaveOut(Vec<(KindPattern, String)>);

impl LeaveOut {
    /// Leaves out the field of this name, wherever it stands in the body of an event of such a kind.
    #[must_use]
    pub fn and(mut self, kinds: KindPattern, field: impl Into<String>) -> Self {
        self.0.push((kinds, field.into()));
        self
    }

    /// What was added, in that order.
    pub fn rows(&self) -> impl Iterator<Item = (&KindPattern, &str)> {
        self.0.iter().map(|(kinds, field)| (kinds, &**field))
    }

    /// `event` without what is to be left out of it.
    pub(super) fn applied_to(&self, event: Event) -> Event {
        let kind = event.kind().name();
        let is_login = kind.starts_with("login.");
        let mut named = self.0.iter().filter(|(kinds, _)| kinds.matches(kind)).map(|(_, field)| &**field).peekable();
        if !is_login && named.peek().is_none() {
            return event;
        }
        let named: Vec<&str> = named.collect();
        let leaves = |name: &str| (is_login && is_token(name)) || named.contains(&name);
        let mut out = String::with_capacity(event.body().len());
        let mut left = Left::default();
        write(event.text(), &leaves, &mut out, &mut left);
        if left.names.is_empty() {
            return event;
        }
        without(&event, out, left, &named)
    }
}

/// The event with another body, and what that means for it.
fn without(event: &Event, body: String, left: Left, named: &[&str]) -> Event {
    let mut marks = event.marks().cloned().unwrap_or_default();
    for name in left.names {
        if !marks.left_out.contains(&name) {
            marks.left_out.push(name);
        }
    }
    let is_by_token_alone = marks.left_out.iter().all(|name| !named.contains(&&**name));
    // A short value could be found again by its digest; a token could not.
    let headers = if is_by_token_alone { Arc::from(event.headers()) } else { Arc::from(undigested(event.headers())) };
    let subject = event.subject().filter(|subject| !left.values.iter().any(|value| value == subject));
    let parts = EventParts {
        id: event.id(),
        kind: event.kind().clone(),
        app_key: Arc::clone(event.app_key()),
        received: event.received(),
        sent_at: event.sent_at().map(str::to_owned),
        subject: subject.map(str::to_owned),
        headers,
        body: body.into(),
        decision: event.decision().cloned(),
    };
    Event::new(parts).with_marks(Marks { ..marks })
}

/// What was met and left out.
#[derive(Default)]
struct Left {
    names: Vec<String>,
    values: Vec<String>,
}

/// Writes a JSON value without the fields that `leaves` names, at any depth, inside JSON texts too. All else stays as it
/// was sent, but for the space between.
fn write(raw: &str, leaves: &dyn Fn(&str) -> bool, out: &mut String, left: &mut Left) {
    let raw = raw.trim_ascii();
    match raw.as_bytes().first() {
        Some(b'{') => match Fields::parse(raw) {
            Ok(fields) => write_object(&fields, leaves, out, left),
            Err(_) => out.push_str(raw),
        },
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
            Ok(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    write(item.get(), leaves, out, left);
                }
                out.push(']');
            }
            Err(_) => out.push_str(raw),
        },
        Some(b'"') => match unquote(raw).filter(|text| text.trim_ascii_start().starts_with(['{', '['])) {
            Some(inner) if serde_json::from_str::<&RawValue>(&inner).is_ok() => {
                let before = left.names.len();
                let mut written = String::with_capacity(inner.len());
                write(&inner, leaves, &mut written, left);
                if left.names.len() > before { push_quoted(&written, out) } else { out.push_str(raw) }
            }
            _ => out.push_str(raw),
        },
        _ => out.push_str(raw),
    }
}

fn write_object(fields: &Fields<'_>, leaves: &dyn Fn(&str) -> bool, out: &mut String, left: &mut Left) {
    out.push('{');
    let mut is_first = true;
    for (name, value) in fields.iter() {
        if leaves(name) {
            left.names.push(name.to_owned());
            left.values.push(unquote(value.get()).map_or_else(|| value.get().to_owned(), Cow::into_owned));
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        push_quoted(name, out);
        out.push(':');
        write(value.get(), leaves, out, left);
    }
    out.push('}');
}

fn push_quoted(text: &str, out: &mut String) {
    // A text always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Whether a login proves itself with what stands under this name.
fn is_token(name: &str) -> bool {
    name.to_ascii_lowercase().contains("token")
}

/// Headers without the digest of the body and what is made from it.
fn undigested(headers: &str) -> String {
    let is_digest = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().trim();
        ["md5", "checksum", "sign", "signature"].iter().any(|digest| name.eq_ignore_ascii_case(digest))
    };
    headers.lines().filter(|line| !is_digest(line)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventId;
    use crate::kind::{Family, Kind};
    use jiff::Timestamp;

    fn event(kind: &str, body: &str) -> Event {
        Event::new(EventParts {
            id: EventId::at(Timestamp::UNIX_EPOCH),
            kind: Kind::named(Family::YunxinCallback, kind),
            app_key: Arc::from("app"),
            received: Timestamp::UNIX_EPOCH,
            sent_at: None,
            subject: Some("mei".to_owned()),
            headers: Arc::from("AppKey: app\nMD5: 0011\nCheckSum: 2233\n"),
            body: body.to_owned().into(),
            decision: None,
        })
    }

    fn pattern(text: &str) -> KindPattern {
        KindPattern::parse(text).unwrap()
    }

    #[test]
    fn a_login_loses_its_token_and_says_so() {
        let body = "{\"accid\":\"mei\", \"token\" : \"t-1\",\"n\":12345678901234567890123,\"e\":\"a\\u0000b\"}";
        let kept = LeaveOut::default().applied_to(event("login.im", body));
        assert_eq!(kept.text(), "{\"accid\":\"mei\",\"n\":12345678901234567890123,\"e\":\"a\\u0000b\"}");
        assert_eq!(kept.marks().unwrap().left_out, ["token"]);
        assert!(!kept.is_verifiable() && kept.headers().contains("CheckSum"));
        let other = event("call.start", body);
        assert_eq!(LeaveOut::default().applied_to(other).text(), body);
    }

    #[test]
    fn named_fields_go_wherever_they_stand_with_all_that_tells_of_them() {
        let rules = LeaveOut::default().and(pattern("message.*"), "phone").and(pattern("*"), "from");
        let body = r#"{"from":"mei","in":[{"phone":"1"},{"a":1}],"ext":"{\"x\":{\"phone\":2,\"y\":[\"z\"]}}","t":"{ \"b\" : 1 }"}"#;
        let kept = rules.applied_to(event("message.p2p", body));
        assert_eq!(kept.text(), r#"{"in":[{},{"a":1}],"ext":"{\"x\":{\"y\":[\"z\"]}}","t":"{ \"b\" : 1 }"}"#);
        assert_eq!(kept.marks().unwrap().left_out, ["from", "phone"]);
        assert_eq!((kept.subject(), kept.headers()), (None, "AppKey: app\n"));
        let call = rules.applied_to(event("call.start", r#"{"phone":1}"#));
        assert!(call.marks().is_none() && call.text() == r#"{"phone":1}"#);
    }
}
