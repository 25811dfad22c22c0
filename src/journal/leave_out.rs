//! Fields that never reach the disk: the tokens of logins, and what the configuration names.
//!
//! They are taken out of the body before anything is written, so neither a file, nor the spill, nor a handler, nor an
//! export ever holds them. Such a record says what was left out, and that it cannot be verified again.

use std::borrow::Cow;
use std::sync::Arc;

use crate::event::Event;
use crate::kind::KindPattern;
use crate::lenient::{Fate, Rewriter, is_like_json, rewritten, unquote};

/// What is left out, besides the tokens of logins.
///
/// ```
/// use offhook::journal::{LeaveOut, Options};
/// use offhook::kind::KindPattern;
///
/// // Tokens are needed to answer, and not afterwards.
/// let leave_out = LeaveOut::default().and(KindPattern::parse("login.*")?, "token");
/// assert_eq!(leave_out.rows().count(), 1);
/// let options = Options { leave_out, ..Options::at("data") };
/// # let _ = options;
/// # Ok::<(), String>(())
/// ```
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
        let (names, values) = (Vec::new(), Vec::new());
        let mut leaving = Leaving { is_login, named: &named, names, values, is_blind: false };
        let body = rewritten(event.text(), &mut leaving);
        if leaving.names.is_empty() { event } else { without(&event, body, leaving) }
    }
}

/// The event with another body, and what that means for it.
fn without(event: &Event, body: String, left: Leaving<'_>) -> Event {
    let mut marks = event.marks().cloned().unwrap_or_default();
    for name in left.names {
        if !marks.left_out.contains(&name) {
            marks.left_out.push(name);
        }
    }
    let is_by_token_alone = !left.is_blind && marks.left_out.iter().all(|name| !left.named.contains(&&**name));
    // A short value could be found again by its digest; a token could not.
    let headers = if is_by_token_alone { Arc::from(event.headers()) } else { Arc::from(undigested(event.headers())) };
    let subject = event.subject().filter(|subject| !left.values.iter().any(|value| value == subject));
    event.rewritten(body, headers, subject.map(str::to_owned)).with_marks(marks)
}

/// Takes out what is to be left out, and remembers it.
struct Leaving<'n> {
    is_login: bool,
    named: &'n [&'n str],
    /// The fields that were left out.
    names: Vec<String>,
    /// What stood there.
    values: Vec<String>,
    /// Something is gone of which it is not known what all it was.
    is_blind: bool,
}

impl Leaving<'_> {
    fn leaves(&self, name: &str) -> bool {
        (self.is_login && is_token(name)) || self.named.contains(&name)
    }

    /// Whether something that is to be left out may stand in `text`, which cannot be read.
    fn may_leave(&self, text: &str) -> bool {
        (self.is_login && is_token(text)) || self.named.iter().any(|name| text.contains(name)) || text.contains("\\u") // a name may be written so
    }

    fn leave_blindly(&mut self, key: &str) {
        self.names.push(key.to_owned());
        self.is_blind = true;
    }
}

impl Rewriter for Leaving<'_> {
    fn field(&mut self, name: &str, raw: &str) -> Fate {
        if !self.leaves(name) {
            return Fate::Stays;
        }
        self.names.push(name.to_owned());
        self.values.push(unquote(raw).map_or_else(|| raw.to_owned(), Cow::into_owned));
        Fate::Goes
    }

    fn scalar(&mut self, key: &str, raw: &str, out: &mut String) {
        // JSON that is not whole: where a name is in it that is to be left out, nothing of it can be kept.
        let is_broken =
            raw.starts_with('"') && unquote(raw).is_none_or(|text| is_like_json(&text) && self.may_leave(&text));
        if is_broken {
            self.leave_blindly(key);
        }
        out.push_str(if is_broken { "\"\"" } else { raw });
    }

    fn unreadable(&mut self, key: &str, out: &mut String) {
        self.leave_blindly(key);
        out.push_str("null");
    }
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
    use crate::event::EventParts;
    use crate::kind::{Family, Kind};
    use jiff::Timestamp;

    fn event(kind: &str, body: &str) -> Event {
        let kind = Kind::named(Family::YunxinCallback, kind);
        Event::new(EventParts {
            subject: Some("mei".to_owned()),
            headers: Arc::from("AppKey: app\nMD5: 0011\nCheckSum: 2233\n"),
            ..EventParts::new(kind, "app", Timestamp::UNIX_EPOCH, body.to_owned())
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
    fn nothing_is_kept_of_json_that_cannot_be_read_and_may_hold_a_token() {
        let deep = format!("{}{}{}", "[".repeat(5000), r#"{\"token\":\"t-1\"}"#, "]".repeat(5000));
        let cut = r#"{\"a\":1,\"Token\":\"t-1"#;
        let escaped = r#"{\"\\u0074oken\":\"t-1"#;
        for hidden in [&*deep, cut, escaped] {
            let body = format!(r#"{{"accid":"mei","ext":"{hidden}","other":"[smile] {{"}}"#);
            let kept = LeaveOut::default().applied_to(event("login.im", &body));
            assert!(!kept.text().contains("t-1"), "{}", kept.text());
            assert!(kept.text().contains(r#""accid":"mei""#) && kept.text().contains("[smile] {"), "{}", kept.text());
            assert_eq!(kept.marks().unwrap().left_out, ["ext"]);
            assert!(!kept.headers().contains("CheckSum"));
            let other = event("call.start", &body);
            assert_eq!(LeaveOut::default().applied_to(other).text(), body);
        }
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
