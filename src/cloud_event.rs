//! An event as handlers, files and other programs see it: CloudEvents 1.0, structured JSON.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::{Event, EventId};

/// An event in the CloudEvents form; serialise it.
///
/// `data` is the sender's JSON, value for value: nothing is read and written again, so no number loses a digit.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    appkey: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentat: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdictcode: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdictby: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
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
