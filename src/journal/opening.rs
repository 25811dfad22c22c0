//! Opening a journal: what a crash left is brought in order before anybody is served.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::erase::Eraser;
use super::files::{self, EventsFile};
use super::index::Indexer;
use super::keeper::{Desk, Keeper};
use super::lanes::Lanes;
use super::options::{Options, Tuning};
use super::queue::{Limits, Queue};
use super::reader::Reader;
use super::repeats::Repeats;
use super::retention::Retainer;
use super::schema::{self, EVENTS};
use super::shadows::Shadows;
use super::spill::Spill;
use super::stretch::{self, Stretch};
use super::writer::{Shared, Writer};
use super::{Filter, Inner, OpenError, Position, ReadError, lock, lock_file, recall};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Opens the journal; blocking.
pub(super) fn open(options: Options, tuning: Tuning, clock: Clock, metrics: Arc<Metrics>) -> Result<Inner, OpenError> {
    let Options { path: directory, min_free, spill: spill_path, retention, leave_out, keys, tolerance, nats: _ } =
        options;
    files::make_directory(&directory).map_err(|error| io_error("make", &directory, error))?;
    let directory_lock = Arc::new(lock_file::take(&directory)?);
    let found = files::events_files(&directory).map_err(|error| io_error("read", &directory, error))?;
    check_versions(&found)?;
    let End { stretch, doubtful, last } = find_end(&found)?;
    let reader = Reader::at(&directory).with_keys(keys.clone());
    check_keys(&reader, &directory)?;

    let repeats = Arc::new(Repeats::default());
    if let Some(parent) = spill_path.parent()
        && let Err(error) = files::make_directory(parent)
    {
        tracing::warn!(path = %parent.display(), %error, "cannot make the directory of `journal.spill`");
    }
    let spill = Spill::new(spill_path.clone());
    let since = recall::Since::tolerating(tolerance, &clock);
    let repeats_until = recall::from_files(&repeats, &found, keys.as_ref(), since);
    let repeats_until = repeats_until.max(recall::from_spill(&repeats, &spill, keys.as_ref(), since));

    let durable = watch::Sender::new(Position(last));
    let lanes = Lanes::open(&directory, keys.clone(), durable.subscribe(), Arc::clone(&metrics))?;
    // Further than the events go only where the disk lost what it had promised. No position is given out twice all the
    // same: lanes would pass over the new events as if they had been delivered.
    let last = last.max(lanes.furthest().get());
    durable.send_replace(Position(last));
    let degraded = AtomicBool::new(false);
    let finished = watch::Sender::new(false);
    let (batches, logged) = (AtomicU64::new(0), AtomicUsize::new(0));
    let runtime = Handle::try_current().ok();
    let limits = Limits { bytes: tuning.queue_bytes, stalled_after: tuning.stalled_after };
    let shared = Arc::new(Shared {
        queue: Queue::new(limits),
        repeats,
        durable,
        degraded,
        finished,
        metrics: Arc::clone(&metrics),
        runtime,
        logged,
        batches,
        clock: clock.clone(),
        spill_path,
        spill: Mutex::new(spill),
        relief: Mutex::default(),
        relieved: AtomicBool::new(false),
        spilled_beside: AtomicBool::new(false),
        keys: keys.clone(),
        damaged: reader.damaged(),
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
        eraser: Eraser::new(&directory, &shared.spill_path, reader, &lanes, &shadows, &clock),
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
    writer.begin();

    let (flusher, writers_lock) = (lanes.clone(), Arc::clone(&directory_lock));
    let threads = Threads {
        writer: Some(spawn("journal-writer", &directory, move || {
            writer.run();
            drop(writers_lock);
        })?),
        keeper: Some(spawn("journal-keeper", &directory, move || keeper.run())?),
        lanes: Some(spawn("journal-lanes", &directory, move || flusher.run())?),
    };
    let (given_up, tolerance, shown_lanes) =
        (AtomicBool::new(false), Mutex::new(tolerance), super::Lanes::on_disk(lanes.clone()));
    Ok(Inner {
        shared,
        desk,
        lanes,
        shown_lanes,
        shadows,
        directory,
        leave_out,
        keys,
        threads,
        tolerance,
        given_up,
        _lock: directory_lock,
    })
}

/// The journal's threads.
#[derive(Debug, Default)]
pub(super) struct Threads {
    writer: Option<Running>,
    keeper: Option<Running>,
    lanes: Option<Running>,
}

/// A thread, and a channel that closes when it has ended.
#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    ended: Mutex<Receiver<()>>,
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
        Stretch::open(path.clone(), newest.first).and_then(Stretch::whole)
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

/// Files that nobody appends to any more, but whose log a crash left. The newest one is not among them: where it could
/// not be opened it stays as it is, or its end is still to be found out.
fn retire_old(desk: &Desk, found: &[EventsFile], active: Option<&Stretch>) {
    if let Some(active) = active {
        desk.activate(active.path(), active.bytes());
    }
    let is_active = |file: &&EventsFile| active.is_some_and(|active| active.path() == file.path);
    let older = found.split_last().map_or(found, |(_, older)| older);
    for file in older.iter().filter(|file| !is_active(file)) {
        if files::size(&files::beside(&file.path, "-wal")) > 0 && files::size(&file.path) > 0 {
            desk.retire(file.path.clone(), None);
        }
    }
}

fn spawn(name: &str, directory: &Path, work: impl FnOnce() + Send + 'static) -> Result<Running, OpenError> {
    let (running, ended) = mpsc::channel::<()>();
    let work = move || {
        let _running = running;
        work();
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    let thread = started.map_err(|error| io_error("start a thread for", directory, error))?;
    Ok(Running { thread, ended: Mutex::new(ended) })
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
        // However long it takes: it has what was accepted. Whoever cannot wait for that closes the journal first.
        join(writer, None);
        self.desk.stop();
        self.lanes.stop();
        let ended = [join(keeper, Some(END_WITHIN)), join(lanes, Some(END_WITHIN))];
        if ended.contains(&false) {
            tracing::error!(
                "the journal's disk does not answer; what is not folded or written yet is so after the next start"
            );
            std::mem::forget(self.lanes.clone());
        }
    }
}

/// Waits for a thread; whether it has ended. The last clone of a journal may be dropped by the journal's own thread, with
/// a task it wakes.
fn join(running: Option<Running>, within: Option<Duration>) -> bool {
    let Some(Running { thread, ended }) = running.filter(|it| it.thread.thread().id() != thread::current().id()) else {
        return true;
    };
    if let Some(within) = within
        && matches!(lock(&ended).recv_timeout(within), Err(RecvTimeoutError::Timeout))
    {
        return false;
    }
    // A panic was already logged, and there is nobody to tell.
    let _ = thread.join();
    true
}

/// How long the last checkpoint and the last positions may take. Both can be made up for.
const END_WITHIN: Duration = Duration::from_secs(5);

/// No row of an event is smaller than this: 16 bytes of id and 100 or more of headers and body.
pub(super) const SMALLEST_ROW: u64 = 64;
