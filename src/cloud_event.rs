//! An event as handlers, files and other programs see it: CloudEvents 1.0, structured JSON.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::{Event, EventId};

/// An event in the CloudEvents form; serialise it.
///
/// `data` is the sender's JSON, value for value: nothing is read and written again, so no number loses a digit.
///
/// ```
/// use offhook::Event;
/// use offhook::cloud_event::CloudEvent;
///
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?;
/// let json = CloudEvent::of(&event).to_json();
/// assert!(json.contains(r#""type":"offhook.call.start""#) && json.contains(r#""data":{"eventType":20,"fromAccount":"mei"}"#));
/// // For places that must not hold what people write.
/// assert!(!CloudEvent::without_data(&event).to_json().contains(r#""data":"#));
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CloudEvent")]
pub struct CloudEvent<'a> {
    /// The version of CloudEvents: 1.0.
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// The event's own name, a UUIDv7: the same each time the event is handed on.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: EventId,
    /// The family of senders and the AppKey, e.g. `/yunxin/callback/<AppKey>`.
    source: String,
    /// `offhook.` and the kind, e.g. `offhook.call.start`.
    #[serde(rename = "type")]
    #[schemars(extend("pattern" = "^offhook\\."))]
    kind: String,
    /// Who acted, where the sender named somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// When it was received, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    time: String,
    /// What `data` is: JSON.
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: &'static str,
    /// The app whose secret proved the sender.
    appkey: &'a str,
    /// The sender's own time as it was sent: CurTime, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    sentat: Option<&'a str>,
    /// The answer that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["allow", "reject"]))]
    verdict: Option<&'static str>,
    /// Its code: 20000 for an allow, up to 20099 for a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20000, max = 20099))]
    verdictcode: Option<u16>,
    /// Who gave it: `default`, `rule:<name>`, a decider's name or `fallback:<why>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdictby: Option<&'a str>,
    /// The fields that were left out of `data` before the event was kept, with commas between; absent where none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    leftout: Option<String>,
    /// When it was read back in from an export, RFC 3339; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    imported: Option<String>,
    /// When the person was erased that it was about, RFC 3339; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    erased: Option<String>,
    /// False where the record cannot be verified again; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    verifiable: Option<bool>,
    /// Whether a person asked for this delivery again; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    replayed: bool,
    /// The sender's JSON, value for value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    data: Option<Cow<'a, RawValue>>,
}

impl<'a> CloudEvent<'a> {
    /// The whole event.
    pub fn of(event: &'a Event) -> Self {
        Self { data: Some(on_one_line(event.data())), ..Self::without_data(event) }
    }

    /// The event without the sender's JSON, for places that must not hold personal data.
    pub fn without_data(event: &'a Event) -> Self {
        let decision = event.decision();
        let marks = event.marks();
        let time = |time: Option<jiff::Timestamp>| time.map(|time| format!("{time:.6}"));
        Self {
            specversion: "1.0",
            id: event.id(),
            source: format!("{}/{}", event.family().source(), event.app_key()),
            kind: format!("offhook.{}", event.kind()),
            subject: event.subject(),
            time: format!("{:.6}", event.received()),
            datacontenttype: "application/json",
            appkey: event.app_key(),
            sentat: event.sent_at(),
            verdict: decision.map(|decision| decision.verdict.word()),
            verdictcode: decision.map(|decision| decision.verdict.code()),
            verdictby: decision.map(|decision| &*decision.by),
            leftout: marks.filter(|marks| !marks.left_out.is_empty()).map(|marks| marks.left_out.join(",")),
            imported: marks.and_then(|marks| time(marks.imported)),
            erased: marks.and_then(|marks| time(marks.erased)),
            verifiable: (!event.is_verifiable()).then_some(false),
            replayed: event.is_replayed(),
            data: None,
        }
    }

    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The same JSON without line breaks: inside a JSON text there is no bare one, so only its layout changes.
fn on_one_line(data: &RawValue) -> Cow<'_, RawValue> {
    if !data.get().contains(['\n', '\r']) {
        return Cow::Borrowed(data);
    }
    RawValue::from_string(data.get().replace(['\n', '\r'], " ")).map_or(Cow::Borrowed(data), Cow::Owned)
}
