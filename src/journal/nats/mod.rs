//! The journal in NATS `JetStream`, shared by several machines.
//!
//! The same promises as on a disk of one's own, kept by other means. Who uses the journal does not see which one it is
//! (`journal/place`).
//!
//! # Constraints
//!
//! - Instances come and go, and know nothing of each other. What they share is in NATS; each has a directory of its own
//!   besides, for its spill file, its `control.sock` and what its shadows said.
//! - The sender asks once, and whoever balances load may send its repeat to another instance. NATS tells both apart.
//! - NATS may be away, slow, or without a leader for seconds. An answer never waits for that longer than
//!   [`NatsSettings::patience`]; the spill file takes what NATS does not.
//! - What is there already belongs to whoever runs NATS: a stream that does not fit is said, and never changed.
//!
//! # What is stored where
//!
//! | in NATS (for the stream `offhook`) | holds |
//! | --- | --- |
//! | stream `offhook`, subjects `offhook.events.<kind>` | the events: the exact body as payload; the record (signed headers, who, what, when, the decision) as JSON in the header `Offhook-Record`; where there is a key, what is encrypted as payload, and the rest in the header; `Nats-Msg-Id` is made of app and `CheckSum`, or of the body where there is none. The position is the stream's sequence |
//! | a durable consumer for each handler, of its name | how far it is: `nats consumer report offhook` shows its lag |
//! | bucket `offhook-state` (`nats kv ls offhook-state`), no age | `parked.<handler>.<position>`; `dropped.…`, the traces of those that were given up; `replay.<number>`; `failure.<copy>`; `outbox.<handler>.<id>`; `erasure.<number>` and, while it is not over, `whom.<number>`; `turn.<handler>`, who carries orders out |
//!
//! The stream drops what is older than `keep`, whoever still owes it: NATS knows nothing of our handlers. It never drops
//! because it is full (`discard new`): then events go to the spill file, and that is said.
//!
//! # What is promised when
//!
//! 1. `claim`: of two equal requests to one instance one gets the ticket. Of two to two instances both are decided, and
//!    the one that NATS has first counts: the other's acknowledgement says `duplicate`, and it answers with the verdict
//!    that it reads back from there ([`Kept::or_first`](crate::journal::Kept::or_first)). NATS knows repeats for the stream's
//!    duplicate window, which is at least twice the longest `clock_tolerance`: longer than a repeat can be believed.
//! 2. A `Kept` means the stream's acknowledgement: with `replicas = 1` the server has written it, with 3 a majority has.
//!    Written is not synced: a server syncs every two minutes unless its `sync_interval` says `always`. With three
//!    replicas on three machines that matters only if two of them lose power within it; with one, always.
//! 3. `Unkept::Spilled`: it is synced in this machine's spill file, and goes to NATS from there. Writing that file waits for
//!    its disk alone: a thread of its own asks NATS whether it takes again, and reads back in. Every question to NATS has an
//!    end, and every further try a pause before it.
//! 4. `Lanes::register`: the handler's consumer is there, at the present end where it is new. Without NATS an instance
//!    starts all the same; then nothing is kept there before the consumers are (it is spilled), so no handler misses it.
//! 5. A lane has one event in hand over all instances (`max_ack_pending = 1`), so the order is the journal's. It is
//!    acknowledged when it is done or parked; while it is worked on, every few seconds somebody says so. Where the
//!    *target* is in trouble it is given back with a delay, so that another instance tries next; where it may be the
//!    event's fault, it stays in hand for its attempts. `max_deliver` is without limit: we count, and park.
//!
//! # What a crash leaves
//!
//! - *Before the acknowledgement*: the event is in the stream or not; the sender got no answer. If it asks again, another
//!   instance either finds the first one's verdict or decides.
//! - *After it, before the answer*: kept and delivered. The same holds for the repeat.
//! - *While spilled*: the file stays on that machine's disk until an instance runs there again. So the directory belongs
//!   on a volume that outlives the process. A line is given to NATS with the same `Nats-Msg-Id`; what NATS got since
//!   before it was spilled is looked through first, so nothing is kept twice, however long the outage was. What is
//!   little, and younger than half the duplicate window, needs no looking: NATS itself still knows it.
//! - *With an event in hand*: after 15 s without a word it goes to another instance. It may have arrived: at least once.
//! - *While an order is carried out*: its turn passes after a minute; a replay goes on where it was written down, and an
//!   erasure begins again and finds what is left. It removes events whole, and NATS overwrites their bytes.
//! - *NATS loses its leader*: publishing fails for some seconds; what comes meanwhile is spilled, and read back in as soon
//!   as there is a new leader. An acknowledgement that was lost on the way is harmless: the same id is not kept twice.
//!   Before 2.11 NATS may call that a repeat which an earlier leader was given and never kept. So a repeat counts only where
//!   the first one can be read; what cannot is given once more under an id of its own, from the spill file.
//! - *A server comes back*: it may be behind the others for a while. What is read from it ends only where the leader says so.

mod backwards;
mod erase;
mod hands;
mod lanes;
mod leader;
mod link;
mod message;
mod notes;
mod outbox;
mod publisher;
mod reader;
mod reading_back;
mod settings;
mod spilling;
mod state;
mod stream;
mod turns;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_nats::jetstream::stream::State;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use link::NatsError;
pub use settings::NatsSettings;

pub(super) use hands::Hand;
pub(super) use lanes::Lanes;
pub(super) use outbox::Outbox;
pub(super) use reader::Reader;

use super::spill::Spill;
use super::{
    Claim, Closed, Erasure, Failure, Filter, Keeping, OpenError, Options, Parked, Position, ReadError, RepeatKey,
};
use super::{Replay, Ticket, files, lock_file, recall, slot};
use crate::clock::Clock;
use crate::event::{Event, EventId};
use crate::metrics::Metrics;
use link::{Link, Unreached};
use publisher::Publisher;
use reading_back::ReadingBack;
use spilling::Spilling;

/// The journal in NATS, as one instance has it.
#[derive(Debug)]
pub(super) struct Shared {
    publisher: Arc<Publisher>,
    lanes: Lanes,
    directory: PathBuf,
    /// Whoever writes the spill file, and whoever reads it back in.
    threads: Vec<JoinHandle<()>>,
    /// Ends all that goes on beside.
    stop: CancellationToken,
    /// The directory's; the threads hold it too.
    lock: Arc<lock_file::Lock>,
}

/// Opens the journal in NATS: connects, makes or checks the stream. Blocking. Where NATS cannot be reached it opens all
/// the same, and spills.
pub(super) fn open(
    options: Options,
    settings: &NatsSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> Result<Shared, OpenError> {
    let Options { path: directory, spill, keys, tolerance, .. } = options;
    let io = |doing, path: &PathBuf, error| OpenError::Io { doing, path: path.clone(), error };
    files::make_directory(&directory).map_err(|error| io("make", &directory, error))?;
    let lock = Arc::new(lock_file::take(&directory)?);
    let link = Link::open(settings, Unreached::Waits)?;
    let (tell, entries) = mpsc::channel();
    let publisher = Arc::new(Publisher::new(Arc::clone(&link), Arc::clone(&metrics), clock.clone(), keys, tell));
    let asking = Arc::clone(&link);
    let ready = link.wait("look for the stream", async move {
        let late = || asking.failed("look for the stream", "no answer in time");
        Ok(timeout(OPENING, stream::ready(&asking)).await.unwrap_or_else(|_| Err(late().into())))
    })?;
    match ready {
        Ok(()) => look_at_the_end(&publisher, &directory)?,
        Err(stream::Unready::Unfit { stream, faults }) => {
            return Err(OpenError::Unfit { stream, servers: settings.servers.to_string(), faults: faults.join("; ") });
        }
        Err(stream::Unready::Nats(error)) => publisher.degrade(&error.to_string()),
    }
    if let Some(parent) = spill.parent()
        && let Err(error) = files::make_directory(parent)
    {
        tracing::warn!(path = %parent.display(), %error, "cannot make the directory of `journal.spill`");
    }
    let spill = Spill::new(spill);
    // Of what is in NATS, NATS knows.
    recall::from_spill(
        &publisher.repeats,
        &spill,
        publisher.keys.as_ref(),
        recall::Since::tolerating(tolerance, &clock),
    );
    let lanes = Lanes::new(Arc::clone(&publisher), spill.path());
    let (stop, spill) = (CancellationToken::new(), Arc::new(Mutex::new(spill)));
    let mut shared = Shared { publisher, lanes, directory, threads: Vec::new(), stop, lock };
    let (publisher, stop) = (&shared.publisher, &shared.stop);
    link.spawn(watch_over(Arc::clone(publisher), metrics, stop.clone()));
    let writing = Spilling { publisher: Arc::clone(publisher), spill: Arc::clone(&spill), entries };
    let reading = ReadingBack::new(Arc::clone(publisher), spill, stop.clone());
    shared.starts("journal-spill", move || writing.run())?;
    shared.starts("journal-back", move || reading.run())?;
    Ok(shared)
}

/// What cannot be read cannot be delivered either, so this is told at the start.
fn look_at_the_end(publisher: &Publisher, directory: &Path) -> Result<(), OpenError> {
    let reader = Reader::over(&publisher.link, directory, publisher.keys.clone());
    publisher.reaches(reader.last().unwrap_or_default().get());
    match reader.page_before(Position(u64::MAX), 1, &Filter::default()) {
        Err(ReadError::Sealed { why }) => Err(OpenError::Sealed { path: directory.to_owned(), why }),
        _ => Ok(()),
    }
}

impl Shared {
    /// Starts a thread that ends with the journal.
    fn starts(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let held = Arc::clone(&self.lock);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            work();
            drop(held);
        });
        let failed = |error| OpenError::Io { doing: "start a thread for", path: self.directory.clone(), error };
        self.threads.push(thread.map_err(failed)?);
        Ok(())
    }

    /// As [`crate::journal::Journal::tolerate`]: NATS knows repeats for as long as it was told at the start.
    pub(super) fn tolerate(&self, tolerance: Duration) -> Result<(), NatsError> {
        let (link, least) = (&self.publisher.link, tolerance.saturating_mul(2));
        if link.settings().window() >= least {
            return Ok(());
        }
        let [has, wants] = [link.settings().window(), least].map(humantime::format_duration);
        let error = format!("its stream knows repeats for {has}, and {wants} are needed: start anew");
        Err(link.failed("take requests that are so old", error))
    }

    pub(super) fn claim(&self, key: RepeatKey) -> Claim {
        self.publisher.repeats.claim(key)
    }

    pub(super) fn append(&self, event: Event, ticket: Option<Ticket>) -> Keeping {
        let slot = slot::Slot::empty();
        let repeat = ticket.and_then(|ticket| ticket.hand_over(event.decision()));
        if self.publisher.take(publisher::entry(event, repeat, Arc::clone(&slot))) {
            return Keeping(slot);
        }
        Keeping(slot::Slot::full(Err(super::Unkept::Logged)))
    }

    pub(super) fn durable(&self) -> watch::Receiver<Position> {
        self.publisher.durable.subscribe()
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::over(&self.publisher.link, &self.directory, self.publisher.keys.clone())
    }

    pub(super) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.publisher.is_degraded()
    }

    pub(super) async fn close(&self, within: Duration) -> Closed {
        self.publisher.closed.store(true, Ordering::Relaxed);
        let mut unsettled = self.publisher.unsettled.subscribe();
        // When time runs out the count tells what is missing.
        let _ = tokio::time::timeout(within, unsettled.wait_for(|count| *count == 0)).await;
        // What was delivered last would come again otherwise.
        let _ = tokio::time::timeout(LAST_WAIT.min(within), self.publisher.link.flush()).await;
        let unsettled = *self.publisher.unsettled.borrow();
        Closed { unkept: unsettled + self.publisher.logged.load(Ordering::Relaxed) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.publisher.closed.store(true, Ordering::Relaxed);
        let mut unsettled = self.publisher.unsettled.subscribe();
        let link = &self.publisher.link;
        let settled = link.wait("finish", async move {
            Ok(tokio::time::timeout(LAST_WAIT, unsettled.wait_for(|count| *count == 0)).await.is_ok())
        });
        if !settled.unwrap_or(false) {
            tracing::error!("events were still on their way when the journal was let go of");
        }
        self.publisher.hang_up();
        // What is not read back in yet stays in the file until the next start.
        self.stop.cancel();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != thread::current().id()) {
            // A panic was already logged, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

/// Looks how large the stream is and where it ends, and says when the connection goes.
async fn watch_over(publisher: Arc<Publisher>, metrics: Arc<Metrics>, stop: CancellationToken) {
    loop {
        if publisher.link.is_connected() {
            if let Ok(Some(stream)) = stream::find(&publisher.link).await {
                let State { bytes, first_sequence, last_sequence, .. } = stream.cached_info().state;
                publisher.reaches(last_sequence);
                metrics.journal_first_position.set(i64::try_from(first_sequence).unwrap_or(i64::MAX));
                metrics.journal_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        } else {
            publisher.degrade("no server of NATS can be reached");
        }
        tokio::select! {
            () = publisher.link.changed().notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What is parked, for a reader.
pub(super) fn parked(reader: &Reader, handler: Option<&str>) -> Result<Vec<Parked>, NatsError> {
    notes::parked(&reader.state(), handler)
}

/// How a replay stands, for a reader.
pub(super) fn replay(reader: &Reader, id: i64) -> Result<Option<Replay>, NatsError> {
    notes::replay(&reader.state(), id)
}

/// How an erasure stands, for a reader.
pub(super) fn erasure(reader: &Reader, id: i64) -> Result<Option<Erasure>, NatsError> {
    erase::erasure(&reader.state(), id)
}

/// What this copy told, for a reader.
pub(super) fn failure(reader: &Reader, copy: EventId) -> Result<Option<Failure>, NatsError> {
    notes::failure(&reader.state(), copy)
}

/// What was told of our answers, for a reader.
pub(super) fn failures(reader: &Reader) -> Result<Vec<Failure>, NatsError> {
    notes::failures(&reader.state())
}

/// NATS may take so long to say whether the stream is there; without an answer the journal opens, and spills.
const OPENING: Duration = Duration::from_secs(10);
/// What is on its way may take so long at the very end.
const LAST_WAIT: Duration = Duration::from_secs(3);
/// How often it is asked for the stream's size, and for what others kept.
const LOOK: Duration = Duration::from_secs(1);
