//! Kept events, from a journal or from a file that `events export --json` wrote, oldest first.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;

use crate::cli::journal::JournalArgs;
use crate::cli::{exported, unreadable};
use crate::event::Event;
use crate::journal::{Filter, Position, Reader};
use crate::verdict::Decision;

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
            let decision = event.decision().filter(|_| !event.is_erased())?.clone();
            Some(Ok(Kept { event, decision, whole: true }))
        });
        kept.chain(error)
    })
}

fn exported(path: &Path, filter: Filter) -> anyhow::Result<Box<dyn Iterator<Item = anyhow::Result<Kept>>>> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
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

/// The event of a line; `None` where it was never answered, or is empty of what it was about.
fn read(line: &str) -> anyhow::Result<Option<Kept>> {
    let (event, whole) = exported::event(line)?;
    let decision = event.decision().cloned().filter(|_| !event.is_erased());
    Ok(decision.map(|decision| Kept { event, decision, whole }))
}

fn wants(filter: &Filter, event: &Event) -> bool {
    let kind = event.kind().name();
    (filter.kinds.is_empty() || filter.kinds.iter().any(|pattern| pattern.matches(kind)))
        && filter.app.as_deref().is_none_or(|app| app == &**event.app_key())
        && filter.since.is_none_or(|since| event.received() >= since)
        && filter.until.is_none_or(|until| event.received() < until)
}
