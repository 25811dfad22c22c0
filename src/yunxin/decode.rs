//! From signed bytes to an event: which kind it is, who acted, and its typed content.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::content::content;
use super::kinds::kind_of;
use super::proof::{Product, Verified};
use crate::clock::Clock;
use crate::event::{Event, EventId, EventParts};
use crate::kind::Kind;
use crate::lenient::{FieldFault, Fields, NotFields};
use crate::refusal::Refusal;

/// A verified request, understood.
///
/// Example: [`decode`].
#[derive(Debug)]
pub struct Decoded {
    /// What it is.
    pub event: Event,
    /// Documented fields whose value is of an impossible type; they are absent from the typed content.
    pub faults: Vec<FieldFault>,
}

/// Says what a verified request received at `received` is.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::yunxin::{App, Apps, Decoded, decode, sign, verify};
///
/// let (apps, now): (Apps, _) = ([App::new("app", "made-up")].into_iter().collect(), jiff::Timestamp::now());
/// let (body, cur_time) = (br#"{"eventType":20,"fromAccount":"mei","callType":"video"}"#, now.as_millisecond().to_string());
/// let signature = sign("made-up", body, &cur_time);
/// let mut headers = http::HeaderMap::new();
/// for (name, value) in
///     [("appkey", "app"), ("curtime", &cur_time), ("md5", &signature.md5), ("checksum", &signature.check_sum)]
/// {
///     headers.insert(name, value.parse()?);
/// }
/// let verified = verify(&apps, &headers, body.to_vec().into(), now)?;
/// let Decoded { event, faults } = decode(verified, EventId::at(now), now)?;
/// assert_eq!((event.kind().name(), faults[0].field), ("call.start", "callType"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The body is no JSON object, or its `eventType` is neither an integer nor a text.
pub fn decode(verified: Verified, id: EventId, received: Timestamp) -> Result<Decoded, Refusal> {
    let app_key = Arc::clone(verified.headers().app_key());
    let product = verified.headers().product();
    let (sent_at, headers, body) = verified.into_record();
    understand(body, product, |kind, subject, body| EventParts {
        id,
        kind,
        app_key,
        received,
        sent_at: Some(sent_at),
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
    /// assert_eq!(event.typed::<CallStart>().and_then(|call| call.call_type), Some(2));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    ///
    /// # Errors
    /// As [`decode`].
    pub fn from_json(body: impl Into<Bytes>) -> Result<Self, Refusal> {
        let received = Clock::system().now();
        let decoded = understand(body.into(), Product::Callback, |kind, subject, body| EventParts {
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

fn understand(
    body: Bytes,
    product: Product,
    parts: impl FnOnce(Kind, Option<String>, Bytes) -> EventParts,
) -> Result<Decoded, Refusal> {
    let text = std::str::from_utf8(&body).map_err(|error| {
        Refusal::BodyNotJson(format!("the body is not JSON: not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let fields = Fields::parse(text).map_err(|not| match not {
        NotFields::NotJson(_) => Refusal::BodyNotJson(not.to_string()),
        NotFields::NotAnObject => Refusal::BodyNotAnObject,
    })?;
    let kind = kind_of(&fields, product)?;
    let mut faults = Vec::new();
    let (subject, payload) = (actor(&kind, &fields), content(&kind, &fields, &mut faults));
    drop(fields);
    Ok(Decoded { event: Event::new(parts(kind, subject, body)).with_payload(payload), faults })
}

fn actor(kind: &Kind, fields: &Fields<'_>) -> Option<String> {
    let field = kind.row().map_or("fromAccount", |row| row.actor);
    let actor = match field.split_once('.') {
        None => fields.read::<String>(field),
        Some((outer, inner)) => Fields::parse(fields.get(outer)?.get()).ok()?.read(inner),
    };
    actor.filter(|actor| !actor.is_empty())
}
