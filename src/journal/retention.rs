//! Retention: whole events files go once they are too old or too much, and nobody is owed an event in them.
//!
//! Never a row, never the file that is written, and never what somebody is owed: there the promise wins over the limit,
//! and the operator is told. It runs in the keeper's thread; neither the writer nor a reader waits for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::files::{self, EventsFile};
use super::lanes::Lanes;
use super::owed::Owed;
use super::reader::{self, Reader};
use super::schema::EVENTS;
use super::{Journal, Place, Position, ReadError, Shadows, lock};
use crate::clock::Clock;
use crate::event::EventId;
use crate::metrics::Metrics;

/// How long and how much is kept; the default keeps everything. What somebody is owed stays in any case.
///
/// Example: [`super::Options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Events go that were kept longer ago than this.
    pub keep: Option<Duration>,
    /// The oldest events go while the journal's directory holds more bytes than this.
    pub max_size: Option<u64>,
}

impl Retention {
    /// How long a handler that is configured no more still holds events back.
    fn patience(&self) -> Duration {
        self.keep.unwrap_or(PATIENCE)
    }
}

impl Journal {
    /// From now on it is kept so long and so much. In NATS the stream says that, and it is not ours to change.
    pub fn retain(&self, retention: Retention) {
        if let Place::Disk(inner) = &self.0 {
            *lock(&inner.desk.retention) = retention;
        }
    }
}

impl Reader {
    /// The position from which on events are kept; older ones went by retention.
    ///
    /// # Errors
    /// [`ReadError`] names the directory.
    pub(super) fn first(&self) -> Result<Position, ReadError> {
        Ok(Position(self.files()?.first().map_or(1, |file| file.first)))
    }
}

/// Carries it out.
#[derive(Debug)]
pub(super) struct Retainer {
    pub directory: PathBuf,
    pub lanes: Lanes,
    pub shadows: Shadows,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// How finished files ended, by their first position.
    ends: BTreeMap<u64, End>,
    told: Option<(Instant, Held)>,
    tidied: bool,
}

/// How a file ended.
#[derive(Debug, Clone, Copy)]
struct End {
    /// Nothing in it was kept later.
    at: Timestamp,
    /// Until when a repeat of anything in it may come, in seconds since 1970.
    repeats_until: i64,
}

/// What should be gone, and is not.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    /// Files that somebody is owed events of.
    files: usize,
    by: Option<Owed>,
    is_over: bool,
}

/// What one pass came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    /// The journal is larger than it may be, since somebody is owed what is in it.
    pub is_over: bool,
    /// The file that is written holds nothing young: another one should be begun.
    pub is_stale: bool,
    /// The first position that is kept.
    pub first: u64,
}

impl Retainer {
    pub(super) fn new(
        directory: &Path,
        lanes: &Lanes,
        shadows: &Shadows,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            directory: directory.to_owned(),
            lanes: lanes.clone(),
            shadows: shadows.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(metrics),
            ends: BTreeMap::new(),
            told: None,
            tidied: false,
        }
    }

    /// Deletes what may go of the files that are not `in_use`.
    pub(super) fn pass(&mut self, retention: Retention, in_use: &[PathBuf]) -> Passed {
        if !std::mem::replace(&mut self.tidied, true) {
            remove_orphans(&self.directory);
        }
        let Ok(files) = files::events_files(&self.directory) else { return Passed::default() };
        self.ends.retain(|first, _| files.iter().any(|file| file.first == *first));
        let mut size = files::total_size(&self.directory);
        let (mut held, mut gone) = (Held::default(), Vec::new());
        for pair in files.windows(2) {
            let [file, next] = pair else { break };
            let end = self.end(file, next);
            let (too_old, too_much) = (self.is_past(end.at, retention.keep), is_over(size, retention));
            if !too_old && !too_much {
                break;
            }
            let may_be_repeated = end.repeats_until >= self.clock.now().as_second();
            if in_use.contains(&file.path) || may_be_repeated {
                continue;
            }
            let (first, last) = (Position(file.first), Position(next.first.saturating_sub(1)));
            let is_old = self.is_past(end.at, Some(retention.patience()));
            match self.lanes.owed(first, last, is_old) {
                Ok(None) => match remove(file) {
                    Ok(bytes) => {
                        size = size.saturating_sub(bytes);
                        gone.push((first, last, bytes));
                    }
                    Err(error) => {
                        tracing::error!(path = %file.path.display(), %error, "old events cannot be deleted; it is tried again");
                        break;
                    }
                },
                Ok(owed) => {
                    held.files += 1;
                    held.by = held.by.take().or(owed);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot tell what handlers are owed, so nothing is deleted");
                    break;
                }
            }
        }
        let kept = || files.iter().filter(|file| !gone.iter().any(|(first, ..)| first.0 == file.first));
        let first = kept().next().map_or(0, |file| file.first);
        self.metrics.journal_first_position.set(i64::try_from(first).unwrap_or(i64::MAX));
        if !gone.is_empty() {
            self.trim(&gone, first, retention);
        }
        held.is_over = held.by.is_some() && is_over(size, retention);
        let over = if held.is_over { size.saturating_sub(retention.max_size.unwrap_or(size)) } else { 0 };
        self.metrics.journal_over_limit_bytes.set(i64::try_from(over).unwrap_or(i64::MAX));
        let is_over = held.is_over;
        self.tell(held, size, retention);
        let newest = files.last().and_then(|file| newest(&file.path, false));
        Passed { is_over, is_stale: newest.is_some_and(|at| self.is_past(at, retention.keep)), first }
    }

    fn is_past(&self, at: Timestamp, keep: Option<Duration>) -> bool {
        keep.and_then(|keep| at.checked_add(keep).ok()).is_some_and(|end| end <= self.clock.now())
    }

    /// When `file` ended. Its followers say that too, but later, where little happens.
    fn end(&mut self, file: &EventsFile, next: &EventsFile) -> End {
        if let Some(known) = self.ends.get(&file.first) {
            return *known;
        }
        let is_short = next.first - file.first <= SHORT;
        let newest = newest(&file.path, is_short);
        if let Some((begun, repeats_until)) = begun(&next.path) {
            let end = End { at: newest.filter(|_| is_short).map_or(begun, |newest| newest.min(begun)), repeats_until };
            self.ends.insert(file.first, end);
            return end;
        }
        // The next one is empty, or damaged.
        let at = newest.or_else(|| written(&file.path)).unwrap_or_else(|| self.clock.now());
        End { at, repeats_until: at.as_second().saturating_add(LONGEST_REPEAT) }
    }

    /// What else was written down about the events that are gone.
    fn trim(&self, gone: &[(Position, Position, u64)], first: u64, retention: Retention) {
        if let Err(error) = files::sync_directory(&self.directory) {
            tracing::debug!(%error, "the directory is not synced: deleted files may come back after a power cut");
        }
        let (now, events) = (self.clock.now(), gone.iter().map(|(first, last, _)| last.0 + 1 - first.0).sum::<u64>());
        let bytes: u64 = gone.iter().map(|(_, _, bytes)| bytes).sum();
        tracing::info!(
            files = gone.len(),
            up_to_events = events,
            bytes,
            first_position = first,
            "old events were deleted"
        );
        let oldest = oldest(&files::events_file(&self.directory, first));
        let traces_until = now.checked_sub(retention.patience()).unwrap_or(Timestamp::UNIX_EPOCH);
        let ranges: Vec<_> = gone.iter().map(|(first, last, _)| (*first, *last)).collect();
        let before = oldest.and_then(|oldest| oldest.checked_sub(RECEIVED_BEFORE).ok()).map(EventId::first_at);
        if let Err(error) = self.lanes.forget(&ranges, Position(first), before, traces_until, now) {
            tracing::warn!(%error, "what was noted about deleted events stays for now");
        }
        if let Some(before) = before {
            self.shadows.forget_before(before);
        }
    }

    /// Tells of what is held: when that changes, and again after a while.
    fn tell(&mut self, held: Held, size: u64, retention: Retention) {
        let Some(by) = &held.by else {
            if self.told.take().is_some_and(|(_, told)| told.is_over) {
                tracing::info!("the journal is within its limits again");
            }
            return;
        };
        let is_told = |(at, told): &(Instant, Held)| {
            at.elapsed() < TELL_AGAIN && told.is_over == held.is_over && told.by == held.by
        };
        if self.told.as_ref().is_some_and(is_told) {
            return;
        }
        let files = held.files;
        if held.is_over {
            let max_size = retention.max_size.unwrap_or_default();
            tracing::error!(
                size,
                max_size,
                files,
                "the journal is larger than `journal.max_size`, and stays so: {by}. Nothing that is owed is deleted"
            );
        } else {
            tracing::warn!(
                files,
                "events are kept for longer than `journal.keep`: {by}. Nothing that is owed is deleted"
            );
        }
        self.told = Some((Instant::now(), held));
    }
}

fn is_over(size: u64, retention: Retention) -> bool {
    retention.max_size.is_some_and(|max| size > max)
}

/// When a file was begun, and until when a repeat of anything before it may come; nothing while it is empty.
fn begun(path: &Path) -> Option<(Timestamp, i64)> {
    let connection = reader::connect(path, &EVENTS).ok()?;
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (at, until): (i64, i64) =
        connection.query_row("SELECT begun, repeats_until FROM stretch", [], row).optional().ok()??;
    Some((Timestamp::from_microsecond(at).ok()?, until))
}

/// When a file was last written.
fn written(path: &Path) -> Option<Timestamp> {
    Timestamp::try_from(std::fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// When the newest event in a file was received; the last one stands for all where there are too many to look at.
fn newest(path: &Path, look_at_all: bool) -> Option<Timestamp> {
    let connection = reader::connect(path, &EVENTS).ok()?;
    let last = "SELECT received FROM events ORDER BY position DESC LIMIT 1";
    let sql = if look_at_all { "SELECT max(received) FROM events" } else { last };
    moment(&connection, sql)
}

/// When the first event in a file was received.
fn oldest(path: &Path) -> Option<Timestamp> {
    let connection = reader::connect(path, &EVENTS).ok()?;
    moment(&connection, "SELECT received FROM events ORDER BY position LIMIT 1")
}

fn moment(connection: &Connection, sql: &str) -> Option<Timestamp> {
    let at: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional().ok()??;
    Timestamp::from_microsecond(at?).ok()
}

/// Deletes a file with what belongs to it; how many bytes that were. Whoever reads it just now reads on.
fn remove(file: &EventsFile) -> std::io::Result<u64> {
    let beside = ["-wal", "-shm"].map(|suffix| files::beside(&file.path, suffix));
    let bytes = files::size(&file.path) + beside.iter().map(|path| files::size(path)).sum::<u64>();
    std::fs::remove_file(&file.path)?;
    for path in beside {
        // A reader that goes away may have taken it along; what stays is removed at the next start.
        let _ = std::fs::remove_file(path);
    }
    Ok(bytes)
}

/// Removes what a kill between two of these deletions left.
fn remove_orphans(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = ["-wal", "-shm"].iter().find_map(|suffix| name.strip_suffix(suffix));
        if let Some(owner) = owner.filter(|owner| owner.starts_with("events-") && owner.ends_with(".db"))
            && !directory.join(owner).exists()
        {
            let _ = std::fs::remove_file(directory.join(&name));
        }
    }
}

/// How long what nobody is configured for any more is held back where events are kept for ever.
const PATIENCE: Duration = Duration::from_secs(7 * 86_400);
/// A repeat comes at most this much later, in seconds: the largest `clock_tolerance`, in both directions.
const LONGEST_REPEAT: i64 = 2 * 3600;
/// Positions in a file whose events are few enough to look at each.
const SHORT: u64 = 20_000;
/// An event may have been received so long before it was written.
const RECEIVED_BEFORE: Duration = Duration::from_secs(120);
const TELL_AGAIN: Duration = Duration::from_secs(600);
