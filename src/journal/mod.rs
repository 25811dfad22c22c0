//! The durable record of events, verdicts and deliveries.
//!
//! It promises that what it calls kept is on disk, and calls nothing kept that is not. It knows no HTTP, no family's
//! fields and no handler; what is to be delivered is read back from it.
//!
//! # Constraints
//!
//! - An answer waits for keeping, so keeping must cost about one sync of the disk, however many callers there are.
//! - The sender never asks twice. What cannot be kept is answered all the same, and must not be lost for it.
//! - One process owns the directory (`lock`, held by `flock`). Others may read it at any time.
//! - Nothing that takes long may stand between a caller and its sync: no checkpoint but the last few milliseconds of one
//!   (`keeper`), no deleting of old events, no index to maintain, no reader that pins the log.
//!
//! # What is stored
//!
//! | file | holds |
//! | --- | --- |
//! | `events-<first position>.db` | the events of one stretch, and what was answered; SQLite, WAL |
//! | `lanes.db` | how far each handler is, the deliveries that gave up, what is to be delivered again, the answers the platform could not use |
//! | `shadows.db` | what shadows would have answered, the newest of it; nothing waits for it or depends on it |
//! | `index.db` | of each thousand events when they were received and which words are in them; nothing depends on it |
//! | `outbox.db` | what handlers did outside that must not be done twice |
//! | `next.db`, `begin.db` | an empty events file that waits for its name |
//! | `lock` | the owner's process number |
//! | the spill file | events the journal could not keep, one JSON line each; with `.importing` being read back in, `.imported` how far that is, and `.bad` lines that are not whole |
//!
//! A row of `events` is the exact body, the signed headers, who, what and when, and the decision: it can be verified
//! again years later. Times are microseconds since 1970; `repeat_until` is seconds. The schema's version is in each
//! file (`PRAGMA user_version`), and opening brings older files up to date and refuses newer ones.
//!
//! **Why SQLite**: operators can open it with tools they know, each later feature is a query, and its log is the one
//! thing here that must never be wrong. **Why a file per stretch**: retention is an unlink, which takes no lock and
//! leaves no holes; a damaged file costs its own events only. A new file begins after about 128 MiB or an hour; it was
//! made ready beside the writer, so that this costs one sync of the directory. **Why no index** besides the position:
//! a second b-tree over random keys doubles the pages of each sync, and grows with ten million rows. Repeats are
//! found in memory instead. For people who look for something the keeper makes `index.db`, behind the writer: of each
//! block of 1024 events the earliest and the latest time, and a set (a Bloom filter) of the words that a filter may ask
//! for: ids, kinds, apps, verdicts, and everything between two quotes of a body, which is where accounts stand. A
//! reader passes over the blocks that cannot hold what is wanted, and looks through the others, and through what is not
//! covered yet. The index is some two hundredths of the journal; while much comes in it is made later.
//!
//! # What is promised when
//!
//! 1. [`Journal::claim`]: of two equal requests one gets the [`Ticket`]; the other waits for its decision.
//! 2. [`Journal::append`] returns: the event will be kept even if its caller goes away.
//! 3. [`Keeping`] gives a [`Kept`]: the event's transaction was committed with `synchronous = FULL`. The writer takes
//!    all that waits, makes one transaction of it, syncs once, and only then settles the claims, moves
//!    [`Journal::durable`] and wakes the callers, in this order.
//! 4. [`Keeping`] gives [`Unkept::Spilled`]: the event is synced in the spill file and comes back from there.
//! 5. [`Lanes::register`] returns: where the handler starts is synced. [`Lanes::advance`] promises nothing until later:
//!    positions are written every 100 ms or so, with no sync of their own. Losing one means a second delivery.
//!
//! # What a crash leaves, and how opening repairs it
//!
//! - *Before the commit*: nothing of the batch, or all of it, written but not synced. SQLite finds out by checksums when
//!   the file is opened. The log is then synced before anything in it is served, since it may have been in the page
//!   cache only. The caller got no answer; if the sender asks again, its repeat is found and gets the same verdict.
//! - *Between the commit and the answer*: the event is kept and will be delivered. The same holds for the repeat.
//! - *While a new file is begun*: an empty file without its name, which is made anew; or with it, which is used.
//! - *With logs not checkpointed*: SQLite reads them back in; the keeper folds them into their files afterwards.
//! - *While spilling*: a last line that is not whole. It was never acknowledged; it is set aside in `.bad`.
//! - *While reading the spill back in*: each line tells the last durable position when it was written. What stands after
//!   that is looked through first, and an id that is there is not kept again. Only when all is durable the file goes.
//!
//! # What is not kept, and what is taken out
//!
//! Fields that must not reach the disk are taken out of an event in [`Journal::append`], before anything sees it; the record
//! says which (`marks`). With keys, who acted, headers, body, a verdict's texts, notes and whom orders are about are encrypted
//! everywhere, and index words are hidden with what is made from the key; rows keep what ordering, repeats and filters need.
//!
//! An erasure is an order in `lanes.db`. The keeper has the writer begin a new file, so that nobody appends to what is
//! changed, and goes from file to file: notes about an event first, then its row, with `secure_delete`, then the file
//! is written anew and its log is emptied. A crash anywhere leaves an order that is not over: going on finds what is
//! left, and writes the files anew in which it had begun. Of a damaged file it erases what can be read, and the order
//! is over when that file is gone. At the end the index is made anew where it knew the account, and the order forgets
//! it. Imported events come through [`Journal::append`] like others; they carry a mark, and lanes pass over them. Two
//! of the same id are never there: an id tells its event's time, and what was received about then is looked through
//! first.
//!
//! # What goes again
//!
//! Every ten seconds or so the keeper deletes whole files: those in which everything was kept longer ago than `keep`,
//! and the oldest while the directory holds more than `max_size`. Neither ever takes a file that
//!
//! - is written, or whose log is not folded yet;
//! - holds an event whose request may come again, or the index of repeats could not be rebuilt;
//! - holds an event that a lane has not come to, that is parked, or that a replay which is not over still needs. A
//!   handler counts that is configured now; any other one as long as the file is younger than `keep`.
//!
//! Here the promise wins over the limit: the operator is told who holds what, and the journal counts as degraded. Younger
//! files go though an older one is held, so positions may have holes, over which readers step anyway. An unlink
//! takes no lock; a reader in the middle of a file reads on. What a kill between the unlinks leaves is a log without its file,
//! which is removed at the next start. Rows about deleted events in `lanes.db` and `shadows.db` go along; those in
//! `outbox.db` stay. A file that holds nothing young any more is given up by the writer, so that it may go too.
//!
//! # When keeping fails
//!
//! After a failed commit SQLite itself cannot know what is on the disk, so nothing is appended to that file again. Its
//! log is emptied first: from then on no crash can bring the failed batch back. Only then a new file begins, behind
//! all positions that were ever given out, and the spill file is read back in. All of this is tried about every
//! second; meanwhile batches go to the spill file, each with one sync. If that fails too, each event goes to the error
//! log with its tokens masked. The same happens, without a failed commit, while the disk has less than `min_free` left.
//! A disk that does not answer at all holds up the writer itself. Where more than 64 MiB wait for it, they are spilled past
//! it, on another disk if the spill file is on one; if that does not answer either, what is more than 128 MiB goes to the
//! error log, since memory that grows until the system ends the process would lose everything.
//! The spill file is read back in bit by bit beside what comes in. How far that is, is noted in `<spill>.imported` every
//! 16 MiB: neither a start nor a further failure waits for all of it again, or holds it in memory.
//! Positions grow by one per event; only such a failure leaves a gap. Nothing is ever given a position twice.
//!
//! A damaged events file is never renamed or changed, nor deleted before its time: it is said which one it is, and
//! readers step over what they cannot read. The pages above a damaged one still tell where all others are, so what
//! stands on it is lost, and nothing else. Each page of the newest file is looked at before anything is appended to it;
//! where one is damaged, a new file begins behind all it can hold. A damaged `lanes.db` is set aside, and a lost one
//! made anew; handlers then get every kept event again, rather than miss one. What its log holds behind a damage is
//! lost without a word, so a handler's start and a person's orders leave that log at once. Where `lanes.db` cannot be
//! opened for want of space, the journal opens without it: verdicts go on, and each lane begins once its position can
//! be read.

mod again;
mod attempts;
mod backup;
mod backwards;
mod by_id;
mod closing;
mod erase;
mod error;
mod failures;
mod files;
mod filter;
mod forwards;
mod holes;
mod import;
mod index;
mod keeper;
mod keeping;
mod lanes;
mod lanes_file;
mod leave_out;
mod lock_file;
mod mask;
mod nats;
mod opening;
mod options;
mod outbox;
mod owed;
mod place;
mod position;
mod queue;
mod reader;
mod recall;
mod record;
mod relief;
mod repeats;
mod retention;
mod schema;
mod sealing;
mod shadows;
mod slot;
mod spill;
mod standing;
mod stretch;
mod walk;
mod words;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use again::{Replay, Which};
pub use attempts::{Attempt, AttemptEnd};
pub use backup::{Backup, BackupError, backup};
pub use closing::Closed;
pub use erase::Erasure;
pub use error::{LaneError, OpenError, ReadError};
pub use failures::Failure;
pub use filter::Filter;
pub use holes::Hole;
pub use import::{Copies, ImportError};
pub use keeping::{Keeping, Kept, Unkept};
pub use lanes::Parked;
pub use leave_out::LeaveOut;
pub use nats::{NatsError, NatsSettings};
pub use options::{Options, Tuning};
pub use outbox::{Entry, Stage};
pub(crate) use place::Hand;
pub use place::{Failures, Lanes, Outbox, OutboxError, Reader};
pub use position::Position;
pub use reader::Page;
pub use repeats::{Claim, Repeat, RepeatKey, Ticket};
pub use retention::Retention;
pub use sealing::{Key, Keys, NoKey};
pub use shadows::{Shadow, ShadowReader, Shadows};
pub use standing::{Standing, Trouble};

use crate::clock::Clock;
use crate::event::Event;
use crate::metrics::Metrics;

/// The journal of one directory, or the one in NATS that several machines share. Cheap to clone: all are the same one.
///
/// When the last clone goes, everything accepted is kept first; [`Journal::close`] does the same with a limit.
/// Example: [`Options`].
#[derive(Clone, Debug)]
pub struct Journal(Place);

#[derive(Clone, Debug)]
enum Place {
    Disk(Arc<Inner>),
    Nats(Arc<InNats>),
}

/// The journal in NATS, with what is this machine's own.
#[derive(Debug)]
struct InNats {
    shared: nats::Shared,
    lanes: Lanes,
    shadows: Shadows,
    leave_out: LeaveOut,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<writer::Shared>,
    desk: Arc<keeper::Desk>,
    lanes: lanes::Lanes,
    shown_lanes: Lanes,
    shadows: Shadows,
    directory: PathBuf,
    leave_out: LeaveOut,
    keys: Option<Keys>,
    threads: opening::Threads,
    /// How far back repeats are known.
    tolerance: Mutex<Duration>,
    /// Closing was not waited for to its end: the disk does not answer.
    given_up: AtomicBool,
    /// The writer holds it too: a directory is not free while something may still be written to it.
    _lock: Arc<lock_file::Lock>,
}

impl Journal {
    /// Opens the journal: makes its directory, takes the lock, repairs what a crash left, rebuilds the repeat index
    /// and reads the spill file back in. Blocking. A journal that cannot keep right now opens all the same, degraded.
    ///
    /// # Errors
    /// [`OpenError`] says which file, and what to do.
    pub fn open(options: Options, clock: Clock, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        Self::open_tuned(options, Tuning::default(), clock, metrics)
    }

    /// The same with other numbers than the measured ones, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`Journal::open`].
    #[doc(hidden)]
    pub fn open_tuned(
        options: Options,
        tuning: Tuning,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let Some(settings) = options.nats.clone() else {
            return opening::open(options, tuning, clock, metrics).map(|inner| Self(Place::Disk(Arc::new(inner))));
        };
        let (shadows, leave_out) = (Shadows::at(&options.path), options.leave_out.clone());
        let shared = nats::open(options, &settings, clock, metrics)?;
        let lanes = Lanes::in_nats(shared.lanes().clone());
        Ok(Self(Place::Nats(Arc::new(InNats { shared, lanes, shadows, leave_out }))))
    }

    /// Is this request a repeat? In memory: no I/O.
    pub fn claim(&self, key: RepeatKey) -> Claim {
        match &self.0 {
            Place::Disk(inner) => inner.shared.repeats.claim(key),
            Place::Nats(inner) => inner.shared.claim(key),
        }
    }

    /// Hands `event`, which carries its decision, over to be kept. It is enqueued when this returns: dropping what
    /// this gives cancels nothing. After [`Journal::close`] it only goes to the error log.
    pub fn append(&self, event: Event, ticket: Option<Ticket>) -> Keeping {
        let inner = match &self.0 {
            Place::Disk(inner) => inner,
            Place::Nats(inner) => return inner.shared.append(inner.leave_out.applied_to(event), ticket),
        };
        let event = inner.leave_out.applied_to(event);
        let slot = slot::Slot::empty();
        let repeat = ticket.and_then(|ticket| ticket.hand_over(event.decision()));
        let entry = queue::Entry { event, repeat, slot: Arc::clone(&slot), handed_over: Instant::now() };
        match inner.shared.queue.push(entry) {
            Ok(crowded) => {
                if crowded {
                    relief::call(&inner.shared);
                }
                Keeping(slot)
            }
            Err(entry) => {
                inner.shared.log_event(&entry);
                let claim = entry.repeat.map(|repeat| (repeat, entry.event.decision()));
                inner.shared.repeats.settle(claim.into_iter(), None);
                Keeping(slot::Slot::full(Err(Unkept::Logged)))
            }
        }
    }

    /// From now on requests are taken until so long after their own time: repeats of what was kept are known that far
    /// back. Blocking where that is longer than before.
    ///
    /// # Errors
    /// [`ReadError`] when the directory cannot be read; then repeats are known as far back as before.
    pub fn tolerate(&self, tolerance: Duration) -> Result<(), ReadError> {
        let inner = match &self.0 {
            Place::Disk(inner) => inner,
            Place::Nats(inner) => return Ok(inner.shared.tolerate(tolerance)?),
        };
        let mut before = lock(&inner.tolerance);
        if tolerance > *before {
            let found = files::events_files(&inner.directory);
            let found = found.map_err(|error| ReadError::Io { path: inner.directory.clone(), error })?;
            let since = recall::Since::tolerating(tolerance, &inner.shared.clock);
            recall::from_files(&inner.shared.repeats, &found, inner.keys.as_ref(), since);
            *before = tolerance;
        }
        Ok(())
    }

    /// The last durable position; changes after each batch.
    pub fn durable(&self) -> watch::Receiver<Position> {
        match &self.0 {
            Place::Disk(inner) => inner.shared.durable.subscribe(),
            Place::Nats(inner) => inner.shared.durable(),
        }
    }

    /// The directory it is in; of one in NATS, the directory of what is this machine's own.
    pub fn directory(&self) -> &Path {
        match &self.0 {
            Place::Disk(inner) => &inner.directory,
            Place::Nats(inner) => inner.shared.directory(),
        }
    }

    /// Reads this journal.
    pub fn reader(&self) -> Reader {
        match &self.0 {
            Place::Disk(inner) => {
                let reader = reader::Reader::at(&inner.directory).with_keys(inner.keys.clone());
                Reader::on_disk(reader.telling_with(&inner.shared.damaged))
            }
            Place::Nats(inner) => Reader::in_nats(inner.shared.reader()),
        }
    }

    /// How far each handler is.
    pub fn lanes(&self) -> &Lanes {
        match &self.0 {
            Place::Disk(inner) => &inner.shown_lanes,
            Place::Nats(inner) => &inner.lanes,
        }
    }

    /// What shadows would have answered.
    pub fn shadows(&self) -> &Shadows {
        match &self.0 {
            Place::Disk(inner) => &inner.shadows,
            Place::Nats(inner) => &inner.shadows,
        }
    }

    /// Whether the journal is in trouble: it cannot keep right now, so that events go to the spill file, or it is larger
    /// than it may be, and somebody is owed what is in it.
    pub fn is_degraded(&self) -> bool {
        let inner = match &self.0 {
            Place::Disk(inner) => inner,
            Place::Nats(inner) => return inner.shared.is_degraded(),
        };
        let shared = &inner.shared;
        shared.degraded.load(Ordering::Relaxed)
            || inner.desk.short_of_space.load(Ordering::Relaxed)
            || inner.desk.over_limit.load(Ordering::Relaxed)
            || shared.queue.is_stalled()
    }

    /// Commits so far: with the number of events it gives the mean batch.
    #[doc(hidden)]
    pub fn batches(&self) -> u64 {
        match &self.0 {
            Place::Disk(inner) => inner.shared.batches.load(Ordering::Relaxed),
            Place::Nats(_) => 0,
        }
    }
}

/// Locks a mutex, whatever happened to a thread that held it: everything under one here is changed in single steps.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
