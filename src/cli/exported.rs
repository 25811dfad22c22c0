//! Lines that `events export` wrote, read back as the events they tell of.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::{Event, EventId, EventParts, Marks};
use crate::kind::{Family, Kind};
use crate::verdict::{Decision, RejectCode, Verdict};

/// What an export tells with `--raw`: the signed bytes, and all of the verdict.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Raw<'l> {
    /// The signed headers, a `Name: value` line each.
    pub(super) headers: Cow<'l, str>,
    /// The exact bytes that were signed.
    pub(super) body: Cow<'l, str>,
    /// What was handed to the client SDK.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub(super) ext: Cow<'l, str>,
    /// What was changed of a message, a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) modify: Option<Box<RawValue>>,
    /// Whether it could not be verified again where it comes from.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub(super) marks: Marks,
}

impl<'l> Raw<'l> {
    pub(super) fn of(event: &'l Event) -> Self {
        let verdict = event.decision().map(|decision| &decision.verdict);
        let modify = match verdict {
            Some(Verdict::Allow { modify, .. }) if !modify.is_empty() => serde_json::value::to_raw_value(modify).ok(),
            _ => None,
        };
        Self {
            headers: Cow::Borrowed(event.headers()),
            body: Cow::Borrowed(event.text()),
            ext: Cow::Borrowed(verdict.map(Verdict::ext).unwrap_or_default()),
            modify,
            marks: event.marks().cloned().unwrap_or_default(),
        }
    }
}

/// A line.
#[derive(Deserialize)]
struct Line<'l> {
    id: Cow<'l, str>,
    source: Cow<'l, str>,
    #[serde(rename = "type")]
    kind: Cow<'l, str>,
    subject: Option<String>,
    time: Cow<'l, str>,
    appkey: Cow<'l, str>,
    sentat: Option<String>,
    verdict: Option<Cow<'l, str>>,
    verdictcode: Option<i64>,
    verdictby: Option<String>,
    #[serde(borrow)]
    data: Option<&'l RawValue>,
    raw: Option<Raw<'l>>,
}

/// How far an id's own time may be from its event's.
const APART: SignedDuration = SignedDuration::from_secs(1);

/// The event of a line, with the answer it got; whether all of that answer is known.
pub(super) fn event(line: &str) -> anyhow::Result<(Event, bool)> {
    let line: Line<'_> = serde_json::from_str(line).context("it is no event of `events export --json`")?;
    let Some(data) = line.data else { bail!("the event has no `data`") };
    let family = Family::ALL.into_iter().find(|family| line.source.starts_with(&format!("{}/", family.source())));
    let (Some(family), Some(kind)) = (family, line.kind.strip_prefix("offhook.")) else {
        bail!("`{}` of `{}` is no event of offhook", line.kind, line.source)
    };
    let Some(id) = EventId::parse(&line.id) else { bail!("`{}` is no event id", line.id) };
    let Ok(received) = line.time.parse::<Timestamp>() else { bail!("`{}` is no time", line.time) };
    if id.made_at().is_none_or(|made| made.duration_since(received).abs() > APART) {
        bail!("the id {id} was not made at {received}")
    }
    let (body, headers) = match &line.raw {
        Some(raw) => (&*raw.body, &*raw.headers),
        None => (data.get(), ""),
    };
    if !body.trim_ascii_start().starts_with('{') || serde_json::from_str::<&RawValue>(body).is_err() {
        bail!("what was sent is no JSON object")
    }
    let decision = decision(&line)?;
    let event = Event::new(EventParts {
        id,
        kind: Kind::named(family, kind),
        app_key: Arc::from(&*line.appkey),
        received,
        sent_at: line.sentat,
        subject: line.subject,
        headers: Arc::from(headers),
        body: Bytes::copy_from_slice(body.as_bytes()),
        decision,
    });
    let is_whole = line.raw.is_some();
    let marks = line.raw.map_or(Marks { retold: true, ..Marks::default() }, |raw| raw.marks);
    Ok((if marks.is_empty() { event } else { event.with_marks(marks) }, is_whole))
}

/// The answer that was given; `None` where there was none.
fn decision(line: &Line<'_>) -> anyhow::Result<Option<Decision>> {
    let ext = line.raw.as_ref().map(|raw| raw.ext.to_string()).unwrap_or_default();
    let verdict = match line.verdict.as_deref() {
        None => return Ok(None),
        Some("allow") => {
            let modify = line.raw.as_ref().and_then(|raw| raw.modify.as_ref());
            let modify = modify.map(|modify| serde_json::from_str(modify.get())).transpose();
            Verdict::Allow { modify: modify.context("`raw.modify` is no object")?.unwrap_or_default(), ext }
        }
        Some("reject") => {
            let code = line.verdictcode.and_then(RejectCode::new).unwrap_or(RejectCode::DEFAULT);
            Verdict::Reject { code, ext }
        }
        Some(other) => bail!("`{other}` is no verdict"),
    };
    let by = line.verdictby.clone().unwrap_or_else(|| "default".to_owned());
    Ok(Some(Decision { verdict, by: by.into() }))
}
