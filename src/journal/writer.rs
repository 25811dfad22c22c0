//! The one writer: takes everything that waits, keeps it in one transaction with one sync, then tells all its callers.
//!
//! It is the only one that appends to events files. What it cannot keep it spills, and what it cannot spill it logs; nobody
//! is left waiting.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::keeper::Desk;
use super::keeping::{Kept, Unkept};
use super::mask::masked;
use super::options::Tuning;
use super::queue::{Entry, Patience, Queue};
use super::reader::Damaged;
use super::record::Record;
use super::repeats::Repeats;
use super::spill::{Import, Spill};
use super::stretch::{self, Stretch};
use super::{Keys, OpenError, Position, by_id, files, lock};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// What the writer shares with the journal's callers.
#[derive(Debug)]
pub(super) struct Shared {
    pub queue: Queue,
    pub repeats: Arc<Repeats>,
    pub durable: watch::Sender<Position>,
    pub degraded: AtomicBool,
    /// True once the last accepted event is settled and no more will come.
    pub finished: watch::Sender<bool>,
    pub metrics: Arc<Metrics>,
    /// Where the callers run, where the journal was opened inside a runtime.
    pub runtime: Option<Handle>,
    /// Events that only the error log has.
    pub logged: AtomicUsize,
    /// Commits that kept something.
    pub batches: AtomicU64,
    pub clock: Clock,
    pub spill_path: PathBuf,
    /// The writer's, but for what is taken over from it.
    pub spill: Mutex<Spill>,
    /// Held while somebody takes over from the writer.
    pub relief: Mutex<()>,
    /// Somebody does, or is about to.
    pub relieved: AtomicBool,
    /// Something was spilled behind the writer's back: it is to be read back in.
    pub spilled_beside: AtomicBool,
    /// What is written is encrypted with these.
    pub keys: Option<Keys>,
    /// For all readers of this journal.
    pub damaged: Arc<Damaged>,
}

impl Shared {
    /// The only copy of an event that neither the journal nor the spill file took.
    pub(super) fn log_event(&self, entry: &Entry) {
        self.logged.fetch_add(1, Ordering::Relaxed);
        tracing::error!(event = masked(&entry.event), "an event could not be kept; this is its only record");
    }

    /// The batch goes to the spill file, or else to the error log.
    pub(super) fn spill(&self, batch: &mut Vec<Entry>) {
        let mut spill = lock(&self.spill);
        let after = self.durable.borrow().0;
        let keys = self.keys.as_ref();
        let records = batch.iter().map(|entry| Record::of(&entry.event, entry.repeat).sealed_with(keys));
        let spilled = spill.append(after, records);
        drop(spill);
        let unkept = match spilled {
            Ok(()) => {
                self.metrics.spilled.inc_by(batch.len() as u64);
                Unkept::Spilled
            }
            Err(error) => {
                let path = self.spill_path.display();
                tracing::error!(%path, %error, events = batch.len(), "cannot write the spill file; the events follow");
                for entry in &*batch {
                    self.log_event(entry);
                }
                Unkept::Logged
            }
        };
        self.tell(batch, self.clock.now(), None, |_| Err(unkept));
    }

    /// Settles the batch's claims, moves the last durable position to `durable`, then wakes its callers.
    fn tell(
        &self,
        batch: &mut Vec<Entry>,
        now: jiff::Timestamp,
        durable: Option<u64>,
        outcome: impl Fn(usize) -> Result<Kept, Unkept>,
    ) {
        let claims = batch.iter().filter_map(|entry| Some((entry.repeat?, entry.event.decision())));
        self.repeats.settle(claims, Some(now));
        if let Some(durable) = durable.map(Position) {
            self.durable.send_if_modified(|before| std::mem::replace(before, durable) != durable);
            self.queue.rests();
        }
        self.queue.settled(batch);
        let told = Instant::now();
        let mut callers = Callers(Vec::with_capacity(batch.len()));
        for (index, entry) in batch.drain(..).enumerate() {
            let took = told.saturating_duration_since(entry.handed_over);
            self.metrics.journal_append.observe(took.as_secs_f64());
            callers.0.extend(entry.slot.put(outcome(index)));
        }
        match &self.runtime {
            Some(runtime) if callers.0.len() > 1 => drop(runtime.spawn(async move { drop(callers) })),
            _ => drop(callers),
        }
    }
}

/// Callers that were told; dropping this wakes them.
///
/// A thread of the runtime does that much more cheaply than the writer: it puts them into its own queue, while every
/// wake from outside goes through a shared one. If that runtime is gone, the drop comes at once, and nobody is forgotten.
struct Callers(Vec<Waker>);

impl Drop for Callers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub desk: Arc<Desk>,
    pub directory: PathBuf,
    pub tuning: Tuning,
    /// The file appended to; none before the first event, and while keeping does not work.
    pub stretch: Option<Stretch>,
    /// A file in which a commit failed: what it holds has to be found out before anything stands after it.
    pub doubtful: Option<(PathBuf, u32)>,
    pub import: Option<Import>,
    /// When to look for spilled events; none while there are none.
    pub import_at: Option<Instant>,
    /// The highest position given to any event, kept or not.
    pub last: u64,
    /// The highest durable one.
    pub durable: u64,
    /// Until when anything kept so far may be repeated, in seconds since 1970.
    pub repeats_until: u32,
    pub next_try: Instant,
    /// How many callers there seem to be.
    pub callers: usize,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        while self.shared.queue.take(&mut batch, self.patience()) {
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(&mut batch)));
            if turn.is_err() {
                tracing::error!("the journal's writer panicked; the batch goes to the spill file");
                self.doubt();
                self.spill_batch(&mut batch);
            }
        }
        // What was taken over is on its way to the spill file.
        drop(lock(&self.shared.relief));
        self.shared.finished.send_replace(true);
        if let Some(stretch) = self.stretch.take() {
            let (path, connection) = stretch.into_connection();
            self.desk.retire(path, Some(connection));
        }
    }

    fn patience(&self) -> Patience {
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        let idle = if self.shared.degraded.load(Ordering::Relaxed) {
            Some(until(self.next_try).max(Duration::from_millis(1)))
        } else {
            self.import_at.map(until)
        };
        // Where a commit is sooner done than the waiting, those that come meanwhile are a batch by the time it is done.
        let Tuning { gather_most, gather_percent, .. } = self.tuning;
        let is_worth_it = self.stretch.as_ref().is_some_and(|stretch| stretch.commit_takes() >= gather_most);
        let gather = if is_worth_it { (self.callers * gather_percent).div_ceil(100) } else { 0 };
        Patience { idle, gather, gather_most }
    }

    /// Deals with one batch, which may be empty; it is empty afterwards.
    fn turn(&mut self, batch: &mut Vec<Entry>) {
        let degraded = self.shared.degraded.load(Ordering::Relaxed);
        let short = self.desk.short_of_space.load(Ordering::Relaxed);
        if short || (degraded && Instant::now() < self.next_try) {
            if short {
                self.degrade("there is less free space than `journal.min_free`");
            }
            return self.spill_batch(batch);
        }
        if let Err(error) = self.make_ready() {
            self.degrade(&error.to_string());
            return self.spill_batch(batch);
        }
        if self.shared.spilled_beside.swap(false, Ordering::Relaxed) {
            self.import_at.get_or_insert_with(Instant::now);
        }
        let imported = self.next_import().unwrap_or_else(|error| {
            let path = self.shared.spill_path.display();
            tracing::error!(%path, %error, "cannot read spilled events back in; it is tried again");
            self.import = None;
            self.import_at = Some(Instant::now() + IMPORT_RETRY);
            Vec::new()
        });
        if let Err(error) = self.keep(batch, &imported, degraded) {
            self.degrade(&error.to_string());
            return self.spill_batch(batch);
        }
        if let Some(import) = &mut self.import {
            import.kept_up_to(self.durable);
        }
        if degraded {
            self.shared.degraded.store(false, Ordering::Relaxed);
            self.import_at = Some(Instant::now());
            tracing::info!("the journal keeps again");
        }
    }

    /// Begins or goes on with a file, where that works; reading spilled events back in is left for later.
    pub(super) fn begin(&mut self) {
        let import_at = self.import_at.take();
        self.turn(&mut Vec::new());
        self.import_at = import_at;
    }

    /// Sees to it that there is a file to append to.
    fn make_ready(&mut self) -> Result<(), OpenError> {
        self.settle_doubt()?;
        let now = self.shared.clock.now();
        let log_is_long = self.desk.log_is_long.load(Ordering::Relaxed);
        let full =
            |stretch: &Stretch| stretch.is_full(self.tuning.rotate_bytes, log_is_long, self.tuning.rotate_after, now);
        if self.stretch.as_ref().is_some_and(full)
            && let Some(full) = self.stretch.take()
        {
            let (path, connection) = full.into_connection();
            self.desk.retire(path, Some(connection));
        }
        if self.stretch.is_none() {
            let next = self.directory.join(files::NEXT);
            let prepared = self.desk.take_prepared().then_some(&*next);
            let stretch = Stretch::begin(&self.directory, self.last + 1, prepared)?;
            self.desk.activate(stretch.path(), stretch.bytes());
            self.stretch = Some(stretch);
        }
        Ok(())
    }

    /// Empties the log of a file in which a commit failed. Only then is it certain which of its rows are there: until
    /// then a crash could bring back a commit that was reported as failed, behind the backs of readers.
    fn settle_doubt(&mut self) -> Result<(), OpenError> {
        let Some((path, tries)) = &mut self.doubtful else { return Ok(()) };
        *tries += 1;
        let last = match settled_end(path) {
            Ok(last) => last,
            Err(error) if *tries < DOUBT_TRIES && !is_damaged(&error) => return Err(error),
            Err(error) => {
                tracing::error!(
                    path = %path.display(), %error,
                    "an events file cannot be brought in order; it is left as it is and a new one is begun. \
                     Its readable events can still be read; keep it, and look at the disk"
                );
                None
            }
        };
        if let Some(last) = last.filter(|last| *last > self.durable) {
            self.last = self.last.max(last);
            self.durable = last;
            self.shared.durable.send_replace(Position(last));
        }
        if let Some((path, _)) = self.doubtful.take() {
            self.desk.retire(path, None);
        }
        Ok(())
    }

    /// The next records to read back in; begins an import where it is time for one, and ends one that is through.
    fn next_import(&mut self) -> io::Result<Vec<Record<'static>>> {
        if self.import_at.is_none_or(|at| at > Instant::now()) {
            return Ok(Vec::new());
        }
        if self.import.is_none() {
            let directory = &self.directory;
            let ids = |after, until| by_id::ids_between(directory, after, until).map_err(io::Error::other);
            self.import = lock(&self.shared.spill).import(self.durable, ids)?;
        }
        let Some(import) = &mut self.import else {
            self.import_at = None;
            return Ok(Vec::new());
        };
        let records = import.next_records()?;
        if records.is_empty()
            && let Some(import) = self.import.take()
        {
            import.finish()?;
        }
        Ok(records)
    }

    /// One transaction, one sync, then everybody is told.
    ///
    /// With `probe` a new file gets its first commit even where nothing waits: only that shows that keeping works.
    fn keep(&mut self, batch: &mut Vec<Entry>, imported: &[Record<'static>], probe: bool) -> Result<(), OpenError> {
        let needed = probe || !batch.is_empty() || !imported.is_empty();
        let Some(stretch) = self.stretch.as_mut().filter(|_| needed) else { return Ok(()) };
        let first = self.last + 1;
        self.last += (batch.len() + imported.len()) as u64;
        let now = self.shared.clock.now();
        let keys = self.shared.keys.as_ref();
        let own = batch.iter().map(|entry| Record::of(&entry.event, entry.repeat).sealed_with(keys));
        let records = own.chain(imported.iter().cloned());
        let until = self.repeats_until;
        let append = || (stretch.append(first, records, now, until), stretch.bytes());
        if let Err(error) = self.desk.append(append) {
            let path = stretch.path().to_owned();
            self.doubt();
            return Err(OpenError::Database { path, error });
        }
        self.durable = self.last;
        self.shared.batches.fetch_add(1, Ordering::Relaxed);
        let until =
            batch.iter().filter_map(|entry| entry.repeat).chain(imported.iter().filter_map(|record| record.repeat));
        self.repeats_until = until.map(|repeat| repeat.valid_until).fold(self.repeats_until, u32::max);
        self.callers = (batch.len() + self.shared.queue.waiting()).max(self.callers * 3 / 4);
        let decisions: Vec<_> =
            imported.iter().filter_map(|record| Some((record.repeat?, record.decision_with(keys)))).collect();
        if !decisions.is_empty() {
            let known = decisions.iter().map(|(repeat, decision)| (*repeat, decision.as_ref()));
            self.shared.repeats.settle(known, None);
        }
        self.shared.tell(batch, now, Some(self.durable), |index| Ok(Kept::at(first + index as u64)));
        Ok(())
    }

    fn spill_batch(&self, batch: &mut Vec<Entry>) {
        if !batch.is_empty() {
            self.shared.spill(batch);
        }
    }

    /// Nothing is appended to the present file any more.
    fn doubt(&mut self) {
        self.import = None;
        if let Some(stretch) = self.stretch.take() {
            self.doubtful = Some((stretch.path().to_owned(), 0));
        }
    }

    /// Keeping does not work: said once, tried again later.
    fn degrade(&mut self, why: &str) {
        self.next_try = Instant::now() + self.tuning.retry_every;
        if !self.shared.degraded.swap(true, Ordering::Relaxed) {
            let spill = self.shared.spill_path.display();
            tracing::error!(%spill, why, "the journal cannot keep events; they go to the spill file until it can");
        }
    }
}

/// The last position in a file whose log was emptied.
fn settled_end(path: &Path) -> Result<Option<u64>, OpenError> {
    let connection = stretch::connect(path)?;
    let database = |error| OpenError::Database { path: path.to_owned(), error };
    if !stretch::fold(&connection).map_err(database)? {
        let doing = "checkpoint";
        let error = std::io::Error::other("another process reads or writes it just now");
        return Err(OpenError::Io { doing, path: path.to_owned(), error });
    }
    let last = connection.query_row("SELECT max(position) FROM events", [], |row| row.get::<_, Option<i64>>(0));
    Ok(last.map_err(database)?.and_then(|last| u64::try_from(last).ok()))
}

fn is_damaged(error: &OpenError) -> bool {
    matches!(error, OpenError::Database { error, .. } if super::schema::is_damage(error))
}

/// How long after reading the spill file failed it is tried again.
const IMPORT_RETRY: Duration = Duration::from_secs(10);

/// How often a file in which a commit failed is tried to be brought in order before a new one is begun anyway.
const DOUBT_TRIES: u32 = 10;
