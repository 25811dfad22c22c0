//! An event: a request that was verified and understood, with everything later stages may ask of it.
//!
//! Values only. The body stays the exact bytes that were signed; nothing here re-encodes them.

mod marks;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use marks::Marks;

use crate::kind::{Family, Kind};
use crate::lenient::{FieldFault, Fields, Typed};
use crate::verdict::Decision;

/// An event's own name: a UUIDv7, so ids sort by time.
///
/// ```
/// use offhook::event::EventId;
///
/// let id = EventId::parse("01a2006a-171b-717b-844e-363aa4bbb7c1").expect("an id");
/// assert_eq!(id.to_string(), "01a2006a-171b-717b-844e-363aa4bbb7c1");
/// assert!(id.made_at().is_some_and(|time| EventId::first_at(time) <= id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id for an event received at `time`.
    pub fn at(time: Timestamp) -> Self {
        let seconds = u64::try_from(time.as_second()).unwrap_or(0);
        let nanoseconds = time.subsec_nanosecond().unsigned_abs();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds)))
    }

    /// The smallest id of an event received at `time`: ids of later events come after it.
    pub fn first_at(time: Timestamp) -> Self {
        let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0);
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        Self::from_bytes(bytes)
    }

    /// When it was made, to a millisecond; `None` where it is of another sort.
    pub fn made_at(&self) -> Option<Timestamp> {
        let milliseconds = self.as_bytes()[..6].iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
        let is_v7 = self.0.get_version_num() == 7;
        Timestamp::from_millisecond(milliseconds).ok().filter(|_| is_v7)
    }

    /// The id written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The id's sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no event id")))
    }
}

/// A verified, understood request.
///
/// ```
/// use offhook::Event;
/// use offhook::yunxin::CallStart;
///
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","toAccountList":["an","bo"],"mine":9007199254740993}"#)?;
/// assert_eq!((event.kind().name(), event.subject()), ("call.start", Some("mei")));
///
/// // What is documented, read tolerantly; and what is not, as it was sent.
/// let call: CallStart = event.typed().expect("a call");
/// assert_eq!(call.callees(), ["an", "bo"]);
/// assert_eq!(event.field("mine").map(|field| field.get()), Some("9007199254740993"));
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Clone)]
pub struct Event {
    id: EventId,
    kind: Kind,
    app_key: Arc<str>,
    received: Timestamp,
    sent_at: Option<String>,
    subject: Option<String>,
    headers: Arc<str>,
    body: Bytes,
    decision: Option<Decision>,
    replayed: bool,
    marks: Option<Arc<Marks>>,
    payload: Option<Arc<dyn Any + Send + Sync>>,
}

/// What an [`Event`] is made of; a family's `decode` and the journal fill it.
///
/// ```
/// use offhook::Event;
/// use offhook::event::EventParts;
/// use offhook::kind::{Family, Kind};
///
/// let (kind, received) = (Kind::named(Family::YunxinCallback, "call.start"), jiff::Timestamp::UNIX_EPOCH);
/// let parts = EventParts::new(kind, "app", received, r#"{"eventType":20,"fromAccount":"mei"}"#);
/// let event = Event::new(EventParts { subject: Some("mei".to_owned()), ..parts });
/// assert_eq!(event.field("fromAccount").map(|field| field.get()), Some("\"mei\""));
/// ```
#[derive(Clone)]
pub struct EventParts {
    /// The event's own name.
    pub id: EventId,
    /// What happened.
    pub kind: Kind,
    /// Which app's secret proved the sender.
    pub app_key: Arc<str>,
    /// When the request was received.
    pub received: Timestamp,
    /// The sender's own time, as sent (`CurTime` in milliseconds).
    pub sent_at: Option<String>,
    /// Who acted.
    pub subject: Option<String>,
    /// The signed headers as sent, a `Name: value` line each.
    pub headers: Arc<str>,
    /// The exact bytes that were signed: a JSON object in UTF-8.
    pub body: Bytes,
    /// The answer given, once there is one.
    pub decision: Option<Decision>,
}

impl EventParts {
    /// An event of this kind and app with this body, under a new id, and nothing besides: not signed, nobody who acted, no
    /// answer.
    pub fn new(kind: Kind, app_key: impl Into<Arc<str>>, received: Timestamp, body: impl Into<Bytes>) -> Self {
        Self {
            id: EventId::at(received),
            kind,
            app_key: app_key.into(),
            received,
            sent_at: None,
            subject: None,
            headers: Arc::from(""),
            body: body.into(),
            decision: None,
        }
    }
}

impl Event {
    /// Puts an event together.
    pub fn new(parts: EventParts) -> Self {
        let EventParts { id, kind, app_key, received, sent_at, subject, headers, body, decision } = parts;
        Self {
            id,
            kind,
            app_key,
            received,
            sent_at,
            subject,
            headers,
            body,
            decision,
            replayed: false,
            marks: None,
            payload: None,
        }
    }

    /// The same event with its content already read, where its kind has one.
    #[must_use]
    pub(crate) fn with_payload(self, payload: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        Self { payload, ..self }
    }

    /// The same event with the answer given to it.
    #[must_use]
    pub fn with_decision(mut self, decision: Decision) -> Self {
        self.decision = Some(decision);
        self
    }

    /// The same event with another body, and what else that means for it.
    #[must_use]
    pub(crate) fn rewritten(&self, body: impl Into<Bytes>, headers: Arc<str>, subject: Option<String>) -> Self {
        Self { body: body.into(), headers, subject, payload: None, ..self.clone() }
    }

    /// The same event, with what is to be known of its record.
    #[must_use]
    pub fn with_marks(mut self, marks: Marks) -> Self {
        self.marks = (!marks.is_empty()).then(|| Arc::new(marks));
        self
    }

    /// What is to be known of its record besides the event itself.
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.as_deref()
    }

    /// Whether its record holds the bytes that were signed, with their headers.
    pub fn is_verifiable(&self) -> bool {
        self.marks().is_none_or(Marks::is_verifiable)
    }

    /// Whether the person was erased that it was about: there is nothing left to hand on.
    pub fn is_erased(&self) -> bool {
        self.marks().is_some_and(|marks| marks.erased.is_some())
    }

    /// Whether handlers are owed it: it came in here, and was not erased since.
    pub fn is_owed(&self) -> bool {
        self.marks().is_none_or(|marks| marks.imported.is_none() && marks.erased.is_none())
    }

    /// The same event, delivered again because a person asked for a replay.
    #[must_use]
    pub fn as_replayed(mut self) -> Self {
        self.replayed = true;
        self
    }

    /// Whether it is delivered again because a person asked for a replay.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The event's own name.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// What happened.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Which sender and product it is from.
    pub fn family(&self) -> Family {
        self.kind.family()
    }

    /// Which app's secret proved the sender.
    pub fn app_key(&self) -> &Arc<str> {
        &self.app_key
    }

    /// When the request was received.
    pub fn received(&self) -> Timestamp {
        self.received
    }

    /// The sender's own time, as sent (`CurTime` in milliseconds).
    pub fn sent_at(&self) -> Option<&str> {
        self.sent_at.as_deref()
    }

    /// Who acted, where the kind has an actor and the sender named it.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The signed headers as sent, a `Name: value` line each.
    pub fn headers(&self) -> &str {
        &self.headers
    }

    /// The exact bytes that were signed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text. A body is UTF-8, or it would not have become an event.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("{}")
    }

    /// The answer given; `None` while it is being decided.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// The sender's JSON, value for value.
    pub fn data(&self) -> &RawValue {
        serde_json::from_str(self.text()).unwrap_or(RawValue::NULL)
    }

    /// One field of the sender's JSON, as it was sent.
    pub fn field(&self, name: &str) -> Option<&RawValue> {
        Fields::parse(self.text()).ok()?.get(name)
    }

    /// The typed content, where the event's kind has a `T`; [`payload`](Self::payload) gives it whatever the kind is.
    pub fn typed<T: Typed>(&self) -> Option<T> {
        let kind = self.kind.name();
        let means = |pattern: &&str| pattern.strip_suffix('*').map_or(*pattern == kind, |stem| kind.starts_with(stem));
        T::KINDS.iter().any(means).then(|| self.read())
    }

    /// The content as a `T`, as it was read when the event came in, or read anew.
    pub(crate) fn read<T: Typed>(&self) -> T {
        let read = self.payload.as_ref().and_then(|payload| payload.downcast_ref::<T>());
        read.cloned().unwrap_or_else(|| {
            let mut faults: Vec<FieldFault> = Vec::new();
            T::read(&Fields::parse(self.text()).unwrap_or_default(), &mut faults)
        })
    }
}

impl fmt::Debug for Event {
    /// Never shows the body or the headers: both hold what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("app_key", &self.app_key)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
