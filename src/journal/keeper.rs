//! The work beside the writer: checkpoints, free space, sizes, and the next file made ready.
//!
//! It never appends. The writer waits for it only where the last of its log is moved into the file, which takes some
//! milliseconds: from then on the log's space is used again, and a sync has no more to do than write it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::erase::{Eraser, Wants};
use super::index::Indexer;
use super::retention::{Retainer, Retention};
use super::writer::Shared;
use super::{files, lock, stretch};
use crate::metrics::Metrics;

/// What the writer and the keeper tell each other.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    bell: Condvar,
    /// There is less free space than `min_free`.
    pub short_of_space: AtomicBool,
    /// A new file should follow the active one: its log has grown so long, or what it holds is to go.
    pub log_is_long: AtomicBool,
    /// There is more than `max_size`, and somebody is owed it.
    pub over_limit: AtomicBool,
    /// How long and how much is kept.
    pub retention: Mutex<Retention>,
    /// Held while something is committed, and while the last of the log is moved into its file.
    commits: Mutex<()>,
    /// Bytes of events in the active file.
    appended: AtomicU64,
    /// Held by the one that reads events in from an export.
    pub importing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    active: Option<PathBuf>,
    retired: Vec<(PathBuf, Option<Connection>)>,
    prepared: bool,
    stop: bool,
}

impl Desk {
    /// A desk for a journal that is kept so long and so much.
    pub(super) fn retaining(retention: Retention) -> Self {
        Self { retention: Mutex::new(retention), ..Self::default() }
    }

    /// The writer appends to `path` now, in which there are about so many bytes of events.
    pub(super) fn activate(&self, path: &Path, bytes: u64) {
        self.appended.store(bytes, Ordering::Relaxed);
        lock(&self.state).active = Some(path.to_owned());
        self.log_is_long.store(false, Ordering::Relaxed);
    }

    /// Appends to the active file with `append`, which says how many bytes of events are in it then.
    pub(super) fn append<T>(&self, append: impl FnOnce() -> (T, u64)) -> T {
        let commits = lock(&self.commits);
        let (done, bytes) = append();
        drop(commits);
        self.appended.store(bytes, Ordering::Relaxed);
        done
    }

    /// Nobody appends to `path` any more: fold its log into it.
    pub(super) fn retire(&self, path: PathBuf, connection: Option<Connection>) {
        let mut state = lock(&self.state);
        if state.active.as_ref() == Some(&path) {
            state.active = None;
        }
        state.retired.push((path, connection));
        drop(state);
        self.bell.notify_one();
    }

    /// Takes the file that was made ready, if there is one.
    pub(super) fn take_prepared(&self) -> bool {
        std::mem::take(&mut lock(&self.state).prepared)
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.bell.notify_one();
    }
}

/// The keeper itself; lives in a thread of its own.
#[derive(Debug)]
pub(super) struct Keeper {
    pub desk: Arc<Desk>,
    pub directory: PathBuf,
    pub min_free: u64,
    pub rotate_bytes: u64,
    pub every: Duration,
    pub metrics: Arc<Metrics>,
    pub active: Option<Watched>,
    pub measured: Option<Instant>,
    pub retainer: Retainer,
    pub retained: Option<Instant>,
    pub indexer: Indexer,
    pub eraser: Eraser,
    pub shared: Arc<Shared>,
}

/// The active file, seen from here.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    connection: Connection,
    /// How much had been appended when the log was last moved into the file,
    folded_up_to: u64,
    /// and when that was.
    folded: Instant,
    /// How much had been appended when it was last looked at,
    looked: u64,
    /// and how much between the last two looks.
    grew: u64,
}

impl Keeper {
    pub(super) fn run(mut self) {
        let mut hurry = false;
        loop {
            let state = lock(&self.desk.state);
            let idle = !state.stop && state.retired.is_empty() && !hurry;
            let mut state = if idle {
                let rest = if self.is_busy() { self.every.min(BUSY_EVERY) } else { self.every };
                self.desk.bell.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
            } else {
                state
            };
            let stop = state.stop;
            let retired = std::mem::take(&mut state.retired);
            let active = state.active.clone();
            let prepare = !state.prepared && !stop;
            drop(state);

            self.watch_space();
            self.watch_active(active.filter(|_| !stop).as_deref());
            self.fold_retired(retired, stop);
            if stop {
                return;
            }
            if prepare && !self.desk.short_of_space.load(Ordering::Relaxed) {
                self.prepare();
            }
            self.measure();
            self.retain();
            let blocks = match self.active.as_ref().map_or(0, |active| active.grew) {
                _ if self.desk.short_of_space.load(Ordering::Relaxed) => 0,
                ..BUSY => BLOCKS,
                BUSY..FLOODED => BLOCKS_BUSY,
                FLOODED.. => 0,
            };
            let end = *self.shared.durable.borrow();
            self.indexer.advance(end, blocks);
            hurry = self.erase();
        }
    }

    /// Goes on with erasing a person; whether there is more to do at once.
    fn erase(&mut self) -> bool {
        let in_use = self.in_use();
        match self.eraser.step(&in_use, &mut self.indexer) {
            Wants::Nothing => false,
            Wants::NewFile => {
                self.desk.log_is_long.store(true, Ordering::Relaxed);
                self.shared.queue.nudge();
                false
            }
            Wants::Again => true,
        }
    }

    /// The files that are written, or are to be folded.
    fn in_use(&self) -> Vec<PathBuf> {
        let state = lock(&self.desk.state);
        state.retired.iter().map(|(path, _)| path.clone()).chain(state.active.clone()).collect()
    }

    /// Deletes what is kept for long enough, and nobody is owed.
    fn retain(&mut self) {
        if self.retained.is_some_and(|retained| retained.elapsed() < self.every * RETAIN_EVERY) {
            return;
        }
        let in_use = self.in_use();
        let retention = *lock(&self.desk.retention);
        let passed = self.retainer.pass(retention, &in_use);
        self.desk.over_limit.store(passed.is_over, Ordering::Relaxed);
        self.indexer.forget_before(passed.first);
        if passed.is_stale {
            self.desk.log_is_long.store(true, Ordering::Relaxed);
            self.shared.queue.nudge();
        }
        self.retained = Some(Instant::now());
    }

    /// Whether so much is appended that it should be looked at more often.
    fn is_busy(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.grew >= BUSY)
    }

    /// Asks how much space is free. Where that cannot be told, keeping is tried anyway.
    pub(super) fn watch_space(&self) {
        match rustix::fs::statvfs(&self.directory) {
            Ok(space) => {
                let free = space.f_bavail.saturating_mul(space.f_frsize);
                self.metrics.journal_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
                self.desk.short_of_space.store(free < self.min_free, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::debug!(path = %self.directory.display(), %error, "cannot tell how much space is free");
            }
        }
    }

    /// Moves the active file's log into it, as far as no reader is in the way: readers and a restart have less to do.
    fn watch_active(&mut self, path: Option<&Path>) {
        if self.active.as_ref().map(|active| &*active.path) != path {
            self.active = path.and_then(|path| {
                let (path, connection) = (path.to_owned(), stretch::connect(path).ok()?);
                Some(Watched { path, connection, folded_up_to: 0, folded: Instant::now(), looked: 0, grew: 0 })
            });
        }
        let Some(active) = &mut self.active else { return };
        if files::size(&files::beside(&active.path, "-wal")) > self.rotate_bytes {
            self.desk.log_is_long.store(true, Ordering::Relaxed);
        }
        let appended = self.desk.appended.load(Ordering::Relaxed);
        active.grew = appended.saturating_sub(active.looked);
        active.looked = appended;
        let waits = appended.saturating_sub(active.folded_up_to);
        if waits >= FOLD_BYTES || (waits > 0 && active.folded.elapsed() >= FOLD_AFTER) {
            if let Err(error) = fold_beside_the_writer(&active.connection, &self.desk.commits) {
                tracing::warn!(path = %active.path.display(), %error, "checkpoint failed; it is tried again");
            }
            active.folded_up_to = appended;
            active.folded = Instant::now();
        }
    }

    fn fold_retired(&mut self, retired: Vec<(PathBuf, Option<Connection>)>, stop: bool) {
        let mut again = Vec::new();
        for (path, connection) in retired {
            if self.active.as_ref().is_some_and(|active| active.path == path) {
                self.active = None;
            }
            let connection = connection.or_else(|| stretch::connect(&path).ok());
            let folded = connection.as_ref().map(stretch::fold);
            if !matches!(folded, Some(Ok(true))) {
                tracing::debug!(path = %path.display(), "checkpoint of a closed file is tried again later");
                again.push((path, connection));
            }
        }
        if !again.is_empty() && !stop {
            lock(&self.desk.state).retired.append(&mut again);
            self.pause();
        }
    }

    /// Waits a while before what failed is tried again.
    fn pause(&self) {
        let state = lock(&self.desk.state);
        if !state.stop {
            drop(self.desk.bell.wait_timeout(state, self.every).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn prepare(&self) {
        let path = self.directory.join(files::NEXT);
        match stretch::prepare(&path) {
            Ok(()) => lock(&self.desk.state).prepared = true,
            Err(error) => tracing::debug!(%error, "the next events file is made when it is needed"),
        }
    }

    fn measure(&mut self) {
        if self.measured.is_none_or(|measured| measured.elapsed() >= MEASURE_EVERY) {
            let bytes = files::total_size(&self.directory);
            self.metrics.journal_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            self.measured = Some(Instant::now());
        }
    }
}

/// Moves most of a log into its file while the writer goes on, then what came meanwhile, and the rest while the writer waits.
/// Only a log that was moved to its end is used again from its beginning; the longer one grows, the more its syncs take, and
/// a restart after a crash.
fn fold_beside_the_writer(connection: &Connection, commits: &Mutex<()>) -> rusqlite::Result<()> {
    let fold = || connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    fold()?;
    fold()?;
    let _nobody_commits = lock(commits);
    fold()
}

/// A log that grew by this much is moved into its file: little at a time, since the writer's syncs share the disk.
const FOLD_BYTES: u64 = 4 << 20;
/// So is one that rested this long.
const FOLD_AFTER: Duration = Duration::from_secs(30);
/// It grows fast where this much came since the last look;
const BUSY: u64 = FOLD_BYTES / 8;
/// so often is looked then.
const BUSY_EVERY: Duration = Duration::from_millis(100);
/// So much is more than the index could follow beside the writer, some 12 000 events a second: it waits until less comes.
const FLOODED: u64 = FOLD_BYTES / 4;
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// So many blocks are added to the index at once: few while the writer needs the machine, which is every 100 ms then.
const BLOCKS: usize = 64;
const BLOCKS_BUSY: usize = 1;
/// Every so many turns, which take about a second, it is looked whether something may be deleted.
const RETAIN_EVERY: u32 = 10;
