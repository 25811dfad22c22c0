//! From signed bytes to an event: which kind it is, who acted, and its typed content.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::callback::{CallStart, RoomCreate};
use super::proof::Verified;
use crate::clock::Clock;
use crate::event::{Event, EventId, EventParts};
use crate::kind::{Family, Kind, Wire};
use crate::lenient::{FieldFault, FieldRow, Fields, NotFields, Payload, json_type, unquote};
use crate::refusal::Refusal;

/// A verified request, understood.
#[derive(Debug)]
pub struct Decoded {
    /// What it is.
    pub event: Event,
    /// Documented fields whose value is of an impossible type; they are absent from the typed content.
    pub faults: Vec<FieldFault>,
}

/// Says what a verified request received at `received` is.
///
/// # Errors
/// The body is no JSON object, or its `eventType` is neither an integer nor a text.
pub fn decode(verified: Verified, id: EventId, received: Timestamp) -> Result<Decoded, Refusal> {
    let app_key = Arc::clone(verified.headers().app_key());
    let sent_at = Some(verified.sent_at().to_owned());
    let (headers, body) = verified.into_record();
    understand(body, |kind, subject, body| EventParts {
        id,
        kind,
        app_key,
        received,
        sent_at,
        subject,
        headers: headers.into(),
        body,
        decision: None,
    })
}

impl Event {
    /// Reads a Yunxin callback body without any checking, as if it were received now: for tests and tools.
    ///
    /// ```
    /// use offhook::{Event, yunxin::CallStart};
    ///
    /// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","callType":"2"}"#)?;
    /// assert_eq!(event.kind().name(), "call.start");
    /// assert_eq!(event.payload::<CallStart>().and_then(|call| call.call_type), Some(2));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    ///
    /// # Errors
    /// As [`decode`].
    pub fn from_json(body: impl Into<Bytes>) -> Result<Self, Refusal> {
        let received = Clock::system().now();
        let decoded = understand(body.into(), |kind, subject, body| EventParts {
            id: EventId::at(received),
            kind,
            app_key: Arc::from(""),
            received,
            sent_at: None,
            subject,
            headers: Arc::from(""),
            body,
            decision: None,
        })?;
        Ok(decoded.event)
    }
}

/// The documented fields of `kind`, `eventType` left out; `None` where they are not known to this build.
pub fn fields_of(kind: &str) -> Option<&'static [FieldRow]> {
    match kind {
        "call.start" => Some(CallStart::FIELDS),
        "room.create" => Some(RoomCreate::FIELDS),
        _ => None,
    }
}

type Content = Option<Arc<dyn Any + Send + Sync>>;

fn understand(body: Bytes, parts: impl FnOnce(Kind, Option<String>, Bytes) -> EventParts) -> Result<Decoded, Refusal> {
    let text = std::str::from_utf8(&body).map_err(|error| {
        Refusal::BodyNotJson(format!("the body is not JSON: not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let fields = Fields::parse(text).map_err(|not| match not {
        NotFields::NotJson(_) => Refusal::BodyNotJson(not.to_string()),
        NotFields::NotAnObject => Refusal::BodyNotAnObject,
    })?;
    let kind = kind_of(&fields)?;
    let mut faults = Vec::new();
    let (subject, payload) = (actor(&kind, &fields), content(&kind, &fields, &mut faults));
    drop(fields);
    let event = Event::new(parts(kind, subject, body));
    let event = match payload {
        Some(payload) => event.with_payload(payload),
        None => event,
    };
    Ok(Decoded { event, faults })
}

/// The kind, by `eventType`: an integer is a callback, a text is a copy that came to the wrong path
/// (or a login whose number was written as text).
fn kind_of(fields: &Fields<'_>) -> Result<Kind, Refusal> {
    if fields.is_empty() {
        return Ok(Kind::probe());
    }
    let Some(raw) = fields.get("eventType").map(|value| value.get()) else {
        return Err(Refusal::EventTypeMalformed { found: "missing" });
    };
    let malformed = || Refusal::EventTypeMalformed { found: json_type(raw) };
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = unquote(raw).ok_or_else(malformed)?;
            kind_of_text(text.trim_ascii(), fields)
                .ok_or(Refusal::EventTypeMalformed { found: "an empty or very long text" })
        }
        Some(b'-' | b'0'..=b'9') => {
            if raw.contains(['.', 'e', 'E']) {
                return Err(Refusal::EventTypeMalformed { found: "a number with a fraction" });
            }
            if raw.len() > LONGEST_WORD {
                return Err(Refusal::EventTypeMalformed { found: "a very long number" });
            }
            let known = raw.parse().ok().and_then(|number| Kind::on_wire(Wire::Number(number)));
            Ok(known.unwrap_or_else(|| Kind::named(Family::YunxinCallback, &format!("unknown.{raw}"))))
        }
        _ => Err(malformed()),
    }
}

/// The longest `eventType` that becomes part of a kind's name, in bytes.
const LONGEST_WORD: usize = 64;

fn kind_of_text(text: &str, fields: &Fields<'_>) -> Option<Kind> {
    if text.is_empty() || text.len() > LONGEST_WORD {
        return None;
    }
    let Ok(number) = text.parse::<i64>() else {
        return Some(Kind::named(Family::YunxinCopy, &format!("neroom.{}", text.to_lowercase())));
    };
    let has_login_fields = ["authType", "loginAuthType", "token"].iter().any(|name| fields.get(name).is_some());
    let login = Kind::on_wire(Wire::Number(number)).filter(|kind| kind.is_login() && has_login_fields);
    let copy = || Kind::on_wire(Wire::Text(number));
    let unknown = || Kind::named(Family::YunxinCopy, &format!("copy.unknown.{number}"));
    Some(login.or_else(copy).unwrap_or_else(unknown))
}

fn actor(kind: &Kind, fields: &Fields<'_>) -> Option<String> {
    let field = kind.row().map_or("fromAccount", |row| row.actor);
    fields.read::<String>(field).filter(|actor| !actor.is_empty())
}

fn content(kind: &Kind, fields: &Fields<'_>, faults: &mut Vec<FieldFault>) -> Content {
    match kind.name() {
        "call.start" => Some(Arc::new(CallStart::read(fields, faults))),
        "room.create" => Some(Arc::new(RoomCreate::read(fields, faults))),
        _ => None,
    }
}
