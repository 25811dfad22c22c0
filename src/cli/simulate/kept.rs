//! Kept events, from a journal or from a file that `events export --json` wrote, oldest first.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::journal::JournalArgs;
use crate::event::{Event, EventId, EventParts};
use crate::journal::{Filter, Position, Reader};
use crate::kind::{Family, Kind};
use crate::verdict::{Decision, RejectCode, Verdict};

/// An event that was answered.
pub(super) struct Kept {
    pub(super) event: Event,
    /// What was answered.
    pub(super) decision: Decision,
    /// Whether all of the verdict is known: an export tells neither the text for client SDKs nor changes of a message.
    pub(super) whole: bool,
}

/// Events read at once.
const PAGE: usize = 500;

/// The events that `filter` wants.
pub(super) fn events(
    from: Option<&Path>,
    journal: &JournalArgs,
    filter: &Filter,
) -> anyhow::Result<Box<dyn Iterator<Item = anyhow::Result<Kept>>>> {
    match from {
        Some(path) => exported(path, filter.clone()),
        None => Ok(Box::new(journaled(journal.open()?, filter.clone()))),
    }
}

fn journaled(reader: Reader, filter: Filter) -> impl Iterator<Item = anyhow::Result<Kept>> {
    let (mut after, mut more) = (Position::default(), true);
    let pages = std::iter::from_fn(move || {
        if !std::mem::take(&mut more) {
            return None;
        }
        Some(reader.page(after, PAGE, &filter).map(|page| {
            (after, more) = (page.scanned, page.more);
            page.events
        }))
    });
    pages.flat_map(|page| {
        let (events, error) = match page {
            Ok(events) => (events, None),
            Err(error) => (Vec::new(), Some(Err(error.into()))),
        };
        let kept = events.into_iter().filter_map(|(_, event)| {
            let decision = event.decision()?.clone();
            Some(Ok(Kept { event, decision, whole: true }))
        });
        kept.chain(error)
    })
}

/// A line of an export.
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
}

fn exported(path: &Path, filter: Filter) -> anyhow::Result<Box<dyn Iterator<Item = anyhow::Result<Kept>>>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let path = path.to_owned();
    let lines = BufReader::new(file).lines().enumerate();
    let kept = lines.filter_map(move |(place, line)| {
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            line => line.map_err(anyhow::Error::from),
        };
        let read = line.and_then(|line| read(&line)).with_context(|| format!("{}, line {}", path.display(), place + 1));
        match read {
            Ok(kept) => kept.filter(|kept| wants(&filter, &kept.event)).map(Ok),
            Err(error) => Some(Err(error)),
        }
    });
    Ok(Box::new(kept))
}

/// The event of a line; `None` where it was never answered.
fn read(line: &str) -> anyhow::Result<Option<Kept>> {
    let line: Line<'_> = serde_json::from_str(line).context("it is no event of `events export --json`")?;
    let Some(data) = line.data else { bail!("the event has no `data`") };
    let family = Family::ALL.into_iter().find(|family| line.source.starts_with(&format!("{}/", family.source())));
    let (Some(family), Some(kind)) = (family, line.kind.strip_prefix("offhook.")) else {
        bail!("`{}` of `{}` is no event of offhook", line.kind, line.source)
    };
    let Some(id) = EventId::parse(&line.id) else { bail!("`{}` is no event id", line.id) };
    let verdict = match line.verdict.as_deref() {
        None => return Ok(None),
        Some("allow") => Verdict::allow(),
        Some(_) => {
            let code = line.verdictcode.and_then(RejectCode::new).unwrap_or(RejectCode::DEFAULT);
            Verdict::Reject { code, ext: String::new() }
        }
    };
    let Ok(received) = line.time.parse::<Timestamp>() else { bail!("`{}` is no time", line.time) };
    let decision = Decision { verdict, by: line.verdictby.unwrap_or_else(|| "default".to_owned()).into() };
    let event = Event::new(EventParts {
        id,
        kind: Kind::named(family, kind),
        app_key: Arc::from(&*line.appkey),
        received,
        sent_at: line.sentat,
        subject: line.subject,
        headers: Arc::from(""),
        body: Bytes::copy_from_slice(data.get().as_bytes()),
        decision: None,
    });
    Ok(Some(Kept { event, decision, whole: false }))
}

fn wants(filter: &Filter, event: &Event) -> bool {
    let kind = event.kind().name();
    (filter.kinds.is_empty() || filter.kinds.iter().any(|pattern| pattern.matches(kind)))
        && filter.app.as_deref().is_none_or(|app| app == &**event.app_key())
        && filter.since.is_none_or(|since| event.received() >= since)
        && filter.until.is_none_or(|until| event.received() < until)
}
