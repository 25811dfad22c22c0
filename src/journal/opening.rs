//! Opening a journal: what a crash left is brought in order before anybody is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::erase::Eraser;
use super::files::{self, EventsFile};
use super::index::Indexer;
use super::keeper::{Desk, Keeper};
use super::options::{Options, Tuning};
use super::queue::Queue;
use super::repeats::{RepeatKey, Repeats};
use super::retention::Retainer;
use super::schema::{self, EVENTS};
use super::shadows::Shadows;
use super::spill::Spill;
use super::stretch::{self, Stretch};
use super::writer::{Shared, Writer};
use super::{Filter, Inner, Lanes, OpenError, Position, ReadError, Reader, lock_file, reader, record};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Opens the journal; blocking.
pub(super) fn open(options: Options, tuning: Tuning, clock: Clock, metrics: Arc<Metrics>) -> Result<Inner, OpenError> {
    let Options { path: directory, min_free, spill, retention, leave_out, keys } = options;
    files::make_directory(&directory).map_err(|error| io_error("make", &directory, error))?;
    let lock = Arc::new(lock_file::take(&directory)?);
    let found = files::events_files(&directory).map_err(|error| io_error("read", &directory, error))?;
    check_versions(&found)?;
    let End { stretch, doubtful, last } = find_end(&found)?;
    let reader = Reader::at(&directory).with_keys(keys.clone());
    check_keys(&reader, &directory)?;

    let repeats = Arc::new(Repeats::default());
    if let Some(parent) = spill.parent()
        && let Err(error) = files::make_directory(parent)
    {
        tracing::warn!(path = %parent.display(), %error, "cannot make the directory of `journal.spill`");
    }
    let eraser_spill = spill.clone();
    let spill = Spill::new(spill);
    let repeats_until = rebuild(&repeats, &found, &spill, &clock);

    let durable = watch::Sender::new(Position(last));
    let lanes = Lanes::open(&directory, durable.subscribe(), Arc::clone(&metrics))?;
    // Further than the events go only where the disk lost what it had promised. No position is given out twice all the
    // same: lanes would pass over the new events as if they had been delivered.
    let last = last.max(lanes.furthest().get());
    durable.send_replace(Position(last));
    let degraded = AtomicBool::new(false);
    let finished = watch::Sender::new(false);
    let (batches, logged) = (AtomicU64::new(0), AtomicUsize::new(0));
    let runtime = Handle::try_current().ok();
    let shared = Arc::new(Shared {
        queue: Queue::default(),
        repeats,
        durable,
        degraded,
        finished,
        metrics: Arc::clone(&metrics),
        runtime,
        logged,
        batches,
    });
    let desk = Arc::new(Desk::retaining(retention));
    let shadows = Shadows::at(&directory);
    let rotate_bytes = rotate_bytes(tuning.rotate_bytes, retention.max_size);
    let tuning = Tuning { rotate_bytes, ..tuning };
    let keeper = Keeper {
        desk: Arc::clone(&desk),
        directory: directory.clone(),
        min_free,
        rotate_bytes,
        every: tuning.retry_every,
        metrics: Arc::clone(&metrics),
        active: None,
        measured: None,
        retainer: Retainer::new(&directory, &lanes, &shadows, &clock, &metrics),
        retained: None,
        indexer: Indexer::of(&directory, reader.clone()),
        eraser: Eraser::new(&directory, &eraser_spill, reader, &lanes, &shadows, &clock),
        shared: Arc::clone(&shared),
    };
    keeper.watch_space();
    retire_old(&desk, &found, stretch.as_ref());
    let now = Instant::now();
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        desk: Arc::clone(&desk),
        directory: directory.clone(),
        tuning,
        clock,
        spill,
        keys: keys.clone(),
        stretch,
        doubtful,
        import: None,
        import_at: Some(now),
        last,
        durable: last,
        repeats_until,
        next_try: now,
        callers: 0,
    };
    writer.import_all();

    let (flusher, writers_lock) = (lanes.clone(), Arc::clone(&lock));
    let threads = Threads {
        writer: Some(spawn("journal-writer", &directory, move || {
            writer.run();
            drop(writers_lock);
        })?),
        keeper: Some(spawn("journal-keeper", &directory, move || keeper.run())?),
        lanes: Some(spawn("journal-lanes", &directory, move || flusher.run())?),
    };
    Ok(Inner {
        shared,
        desk,
        lanes,
        shadows,
        directory,
        leave_out,
        keys,
        threads,
        given_up: AtomicBool::new(false),
        _lock: lock,
    })
}

/// The journal's threads.
#[derive(Debug, Default)]
pub(super) struct Threads {
    writer: Option<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
    lanes: Option<JoinHandle<()>>,
}

/// Where the journal ends.
struct End {
    stretch: Option<Stretch>,
    doubtful: Option<(PathBuf, u32)>,
    last: u64,
}

/// What cannot be read cannot be delivered either, so this is told at the start; what else is wrong is told elsewhere.
fn check_keys(reader: &Reader, directory: &Path) -> Result<(), OpenError> {
    match reader.page_before(Position(u64::MAX), 1, &Filter::default()) {
        Err(ReadError::Sealed { why }) => Err(OpenError::Sealed { path: directory.to_owned(), why }),
        _ => Ok(()),
    }
}

/// A limit holds only where a file is a small part of it.
fn rotate_bytes(usual: u64, max_size: Option<u64>) -> u64 {
    max_size.map_or(usual, |most| usual.min((most / 8).max(1 << 20)))
}

/// Refuses files of a newer version before any file is changed, and brings older ones up to date.
fn check_versions(found: &[EventsFile]) -> Result<(), OpenError> {
    for file in found {
        let version = EVENTS.peek(&file.path).map_err(|error| io_error("read", &file.path, error))?;
        let known = EVENTS.newest();
        match version {
            Some(found) if found > known => return Err(OpenError::Newer { path: file.path.clone(), found, known }),
            Some(found) if found < known => drop(stretch::connect(&file.path)?),
            _ => {}
        }
    }
    Ok(())
}

/// Opens the newest file to append to it. Where that does not work, a new one begins behind all it can possibly hold.
fn find_end(found: &[EventsFile]) -> Result<End, OpenError> {
    let Some(newest) = found.last() else { return Ok(End { stretch: None, doubtful: None, last: 0 }) };
    let path = &newest.path;
    let log = files::size(&files::beside(path, "-wal"));
    let opened = if files::size(path) == 0 {
        let error = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some("the file is empty".to_owned()),
        );
        Err(OpenError::Database { path: path.clone(), error })
    } else {
        Stretch::open(path.clone(), newest.first)
    };
    let is_damaged = match opened {
        Ok(stretch) => {
            let last = stretch.last().unwrap_or(newest.first.saturating_sub(1));
            return Ok(End { stretch: Some(stretch), doubtful: None, last });
        }
        Err(error @ (OpenError::Newer { .. } | OpenError::Foreign { .. })) => return Err(error),
        Err(error) => {
            let is_damaged = matches!(&error, OpenError::Database { error, .. } if schema::is_damage(error));
            tracing::error!(
                path = %path.display(), %error, is_damaged,
                "the newest events file cannot be appended to; it is left as it is and a new one is begun. \
                 Keep it: `sqlite3 FILE .recover` may save what it holds"
            );
            is_damaged
        }
    };
    let most_rows = (files::size(path) + log) / SMALLEST_ROW + 1;
    let doubtful = (!is_damaged).then(|| (path.clone(), 0));
    Ok(End { stretch: None, doubtful, last: newest.first.saturating_add(most_rows) })
}

/// Fills the repeat index from the newest files, as far back as a repeat may still come, and from what is spilled.
/// Tells until when one may come, in seconds since 1970.
fn rebuild(repeats: &Repeats, found: &[EventsFile], spill: &Spill, clock: &Clock) -> u32 {
    let now = u32::try_from(clock.now().as_second()).unwrap_or(0);
    let mut until = 0;
    for file in found.iter().rev() {
        match read_repeats(repeats, &file.path, now) {
            Ok((in_file, before)) => {
                until = until.max(in_file).max(before.unwrap_or(0));
                if before.is_some_and(|before| before < now) {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(path = %file.path.display(), %error, "repeats of events in this file may be taken for new ones");
            }
        }
    }
    let in_spill = spill.each(|record| {
        if let (Some(key), Some(decision)) = (record.repeat, record.decision()) {
            until = until.max(key.valid_until);
            repeats.settle(std::iter::once((key, Some(&decision))), None);
        }
    });
    if let Err(error) = in_spill {
        tracing::error!(path = %spill.path().display(), %error, "repeats of spilled events may be taken for new ones");
    }
    until
}

/// Tells until when repeats of this file's events may come, and the same of all files before it, where it says so.
fn read_repeats(repeats: &Repeats, path: &Path, now: u32) -> Result<(u32, Option<u32>), ReadError> {
    let failed = |error| ReadError::Database { path: path.to_owned(), error };
    let connection = reader::connect(path, &EVENTS)?;
    let mut until = 0;
    let mut read = || {
        let sql = "SELECT repeat_key, repeat_until, verdict, code, ext, modify, decided_by FROM events \
                   WHERE repeat_until >= ?1";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([now])?;
        while let Some(row) = rows.next()? {
            let key = RepeatKey { key: row.get(0)?, valid_until: row.get(1)? };
            until = until.max(key.valid_until);
            let text = |column: usize| row.get_ref(column).map(|value| value.as_str_or_null().ok().flatten());
            let decision = record::decision(text(2)?, row.get(3)?, text(4)?, text(5)?, text(6)?);
            if let Some(decision) = decision {
                repeats.settle(std::iter::once((key, Some(&decision))), None);
            }
        }
        let mut before = connection.prepare("SELECT repeats_until FROM stretch")?;
        let mut rows = before.query([])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    };
    let before = read().map_err(failed)?;
    Ok((until, before))
}

/// Files that nobody appends to any more, but whose log a crash left.
fn retire_old(desk: &Desk, found: &[EventsFile], active: Option<&Stretch>) {
    if let Some(active) = active {
        desk.activate(active.path());
    }
    let is_active = |file: &&EventsFile| active.is_some_and(|active| active.path() == file.path);
    for file in found.iter().filter(|file| !is_active(file)) {
        if files::size(&files::beside(&file.path, "-wal")) > 0 && files::size(&file.path) > 0 {
            desk.retire(file.path.clone(), None);
        }
    }
}

fn spawn(name: &str, directory: &Path, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| io_error("start a thread for", directory, error))
}

fn io_error(doing: &'static str, path: &Path, error: std::io::Error) -> OpenError {
    OpenError::Io { doing, path: path.to_owned(), error }
}

impl Drop for Inner {
    /// Whatever was accepted is kept first; then the threads end, and the lock is let go. Where that was waited for in
    /// vain already, they are left to themselves: a disk that does not answer must not keep the process from ending.
    fn drop(&mut self) {
        let Threads { writer, keeper, lanes } = std::mem::take(&mut self.threads);
        self.shared.queue.close();
        if self.given_up.load(Ordering::Relaxed) {
            self.desk.stop();
            self.lanes.stop();
            // Closing its database would wait for the disk too.
            std::mem::forget(self.lanes.clone());
            return;
        }
        join(writer);
        self.desk.stop();
        join(keeper);
        self.lanes.stop();
        join(lanes);
    }
}

/// Waits for a thread. The last clone of a journal may be dropped by the journal's own thread, with a task it wakes.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
        // A panic was already logged, and there is nobody to tell.
        let _ = thread.join();
    }
}

/// No row of an event is smaller than this: 16 bytes of id and 100 or more of headers and body.
const SMALLEST_ROW: u64 = 64;
