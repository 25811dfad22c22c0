//! Hands each event to NATS and waits for its acknowledgement; what NATS does not take in time goes to the spill file.
//!
//! Nobody is left waiting, and nothing is thrown away: what cannot be spilled either goes to the error log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::publish::PublishAck;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::link::Link;
use super::{leader, message, stream};
use crate::clock::Clock;
use crate::journal::keeping::{Kept, Unkept};
use crate::journal::mask::masked;
use crate::journal::queue::Entry;
use crate::journal::record::Record;
use crate::journal::repeats::Repeats;
use crate::journal::{Keys, Position, lock};
use crate::metrics::Metrics;
use crate::verdict::Decision;

/// What everybody who keeps shares.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) link: Arc<Link>,
    pub(super) repeats: Arc<Repeats>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    /// What is encrypted, and with what; `None`: nothing is.
    pub(super) keys: Option<Keys>,
    /// The last position that we know of: acknowledged to us, or seen in the stream.
    pub(super) durable: watch::Sender<Position>,
    /// Accepted, and their callers not told yet.
    pub(super) unsettled: watch::Sender<usize>,
    /// Events that only the error log has.
    pub(super) logged: AtomicUsize,
    pub(super) closed: AtomicBool,
    /// The handlers that must have their place before anything is kept, each with how many events it works at at once.
    pub(super) handlers: Mutex<BTreeMap<String, usize>>,
    degraded: AtomicBool,
    /// To whoever writes the spill file; none after closing.
    spilling: Mutex<Option<mpsc::Sender<Entry>>>,
    /// About how many bytes wait to be written there.
    to_spill: AtomicUsize,
}

/// Why NATS did not take an event.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// It cannot be reached, or does not keep now.
    Trouble(String),
    /// This event is too large for it.
    TooLarge,
    /// NATS takes it for a repeat of something that it does not have.
    Unfounded,
}

/// Where an event stands in the stream.
#[derive(Debug)]
pub(super) struct Taken {
    position: u64,
    /// The equal one that stands there, where NATS knew it.
    first: Option<Record<'static>>,
}

impl Publisher {
    pub(super) fn new(
        link: Arc<Link>,
        metrics: Arc<Metrics>,
        clock: Clock,
        keys: Option<Keys>,
        spilling: mpsc::Sender<Entry>,
    ) -> Self {
        Self {
            link,
            repeats: Arc::default(),
            metrics,
            clock,
            keys,
            durable: watch::Sender::new(Position::default()),
            unsettled: watch::Sender::new(0),
            logged: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            handlers: Mutex::default(),
            degraded: AtomicBool::new(false),
            spilling: Mutex::new(Some(spilling)),
            to_spill: AtomicUsize::new(0),
        }
    }

    /// Spills no more: whoever writes the file ends.
    pub(super) fn hang_up(&self) {
        lock(&self.spilling).take();
    }

    /// Takes `entry`; false after closing, when it only went to the error log.
    pub(super) fn take(self: &Arc<Self>, entry: Entry) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            self.log(&entry);
            let claim = entry.repeat.map(|repeat| (repeat, entry.event.decision()));
            self.repeats.settle(claim.into_iter(), None);
            return false;
        }
        self.unsettled.send_modify(|count| *count += 1);
        if self.is_degraded() {
            self.spill(entry);
        } else {
            let publisher = Arc::clone(self);
            self.link.spawn(async move { publisher.keep(entry).await });
        }
        true
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed)
    }

    /// Keeping does not work: said once, tried again by whoever watches.
    pub(super) fn degrade(&self, why: &str) {
        if !self.degraded.swap(true, Ordering::Relaxed) {
            tracing::error!(why, "the journal in NATS cannot keep events; they go to the spill file until it can");
        }
    }

    /// Keeping works again, and these have their places. Where another one came meanwhile it has none yet, and nothing changes.
    pub(super) fn recover(&self, placed: &BTreeMap<String, usize>) {
        let handlers = lock(&self.handlers);
        if *handlers == *placed && self.degraded.swap(false, Ordering::Relaxed) {
            tracing::info!("the journal in NATS keeps again");
        }
    }

    /// From now on nothing is kept before `handler` has its place. With how many events at once it works, and whether that
    /// place is seen to already, since nothing is kept now.
    pub(super) fn awaits(&self, handler: &str) -> (usize, bool) {
        let mut handlers = lock(&self.handlers);
        let concurrency = *handlers.entry(handler.to_owned()).or_insert(1);
        (concurrency, self.is_degraded())
    }

    /// Now, in seconds since 1970.
    pub(super) fn second(&self) -> u64 {
        u64::try_from(self.clock.now().as_second()).unwrap_or(0)
    }

    async fn keep(self: Arc<Self>, entry: Entry) {
        let patience = self.link.settings().patience;
        let left = || patience.saturating_sub(entry.handed_over.elapsed());
        let record = Record::of(&entry.event, entry.repeat).sealed_with(self.keys.as_ref());
        let mut taken = self.publish(record.clone(), left()).await;
        while matches!(taken, Err(NotTaken::Unfounded)) && left() > patience / 2 {
            // The equal one may be on its way, from another instance.
            sleep(SHORTLY).await;
            taken = self.publish(record.clone(), left()).await;
        }
        match taken {
            Ok(Taken { position, first }) => {
                let first = first.filter(|first| first.id != entry.event.id());
                let first = first.and_then(|first| first.decision_with(self.keys.as_ref()));
                self.kept(entry, position, first);
            }
            Err(NotTaken::Trouble(why)) => {
                self.degrade(&why);
                self.spill(entry);
            }
            // It finds its way from there.
            Err(NotTaken::Unfounded) => self.spill(entry),
            Err(NotTaken::TooLarge) => {
                let (id, most) = (entry.event.id(), self.link.largest());
                tracing::error!(
                    event.id = %id, bytes = entry.event.body().len(), most,
                    "an event is larger than a message of this NATS may be, and goes to the spill file: raise `max_payload` of NATS, or lower `server.body_limit`"
                );
                self.spill(entry);
            }
        }
    }

    /// Gives NATS one record, and waits for its acknowledgement.
    pub(super) async fn publish(&self, record: Record<'_>, within: Duration) -> Result<Taken, NotTaken> {
        let (begun, id) = (Instant::now(), message::message_id(&record));
        let ack = self.send(record, id.clone(), within).await?;
        if !ack.duplicate {
            return Ok(Taken { position: ack.sequence, first: None });
        }
        // Before 2.11 a leader also calls that a repeat which an earlier leader was given and never kept. So only what can
        // be read there counts.
        let left = within.saturating_sub(begun.elapsed()).max(AT_LEAST);
        let first = timeout(left, leader::record_of(&self.link, &id, ack.sequence)).await;
        match first {
            Ok(Ok(Some(first))) => Ok(Taken { position: ack.sequence, first: Some(first) }),
            Ok(Ok(None)) => Err(NotTaken::Unfounded),
            Ok(Err(error)) => Err(NotTaken::Trouble(error.to_string())),
            Err(_) => Err(NotTaken::Trouble("the first of two equal events takes too long to read".to_owned())),
        }
    }

    /// The same as a message that is a repeat of none. Only for what is certainly not there.
    pub(super) async fn publish_anew(&self, record: Record<'_>, within: Duration) -> Result<(), NotTaken> {
        let id = format!("{}-{}", message::message_id(&record), record.id);
        self.send(record, id, within).await.map(drop)
    }

    async fn send(&self, record: Record<'_>, id: String, within: Duration) -> Result<PublishAck, NotTaken> {
        if !self.link.is_connected() {
            return Err(NotTaken::Trouble("no server can be reached".to_owned()));
        }
        let subject = message::subject(&self.link.settings().stream, &record.kind);
        let message = message::encode(record, &id, self.link.largest());
        let publishing = async { self.link.context().send_publish(subject, message).await?.await };
        match timeout(within, publishing).await {
            Ok(Ok(ack)) => Ok(ack),
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => Err(NotTaken::TooLarge),
            Ok(Err(error)) if error.kind() == PublishErrorKind::StreamNotFound => Err(NotTaken::Trouble(
                "nobody takes it there: the stream is gone, or JetStream has no leader now".to_owned(),
            )),
            Ok(Err(error)) => Err(NotTaken::Trouble(stream::cause(&error))),
            Err(_) => Err(NotTaken::Trouble(format!("no acknowledgement within {within:?}"))),
        }
    }

    fn kept(&self, entry: Entry, position: u64, first: Option<Decision>) {
        let decision = first.as_ref().or(entry.event.decision());
        self.repeats.settle(entry.repeat.map(|repeat| (repeat, decision)).into_iter(), Some(self.clock.now()));
        self.reaches(position);
        self.metrics.journal_append.observe(entry.handed_over.elapsed().as_secs_f64());
        self.tell(entry, Ok(Kept::at(position).after(first)));
    }

    /// Something stands at `position`.
    pub(super) fn reaches(&self, position: u64) {
        self.durable.send_if_modified(|durable| {
            let grows = durable.0 < position;
            durable.0 = durable.0.max(position);
            grows
        });
    }

    pub(super) fn spill(&self, entry: Entry) {
        // Memory that grows until the system ends the process would lose everything.
        if self.to_spill.fetch_add(entry.weight(), Ordering::Relaxed) > MOST_TO_SPILL {
            self.to_spill.fetch_sub(entry.weight(), Ordering::Relaxed);
            return self.lose(entry);
        }
        let spilling = lock(&self.spilling);
        let sent = match &*spilling {
            Some(spilling) => spilling.send(entry).map_err(|mpsc::SendError(entry)| entry),
            None => Err(entry),
        };
        drop(spilling);
        if let Err(entry) = sent {
            self.lose(entry);
        }
    }

    /// Somebody has taken `entries` to write them down.
    pub(super) fn takes_over(&self, entries: &[Entry]) {
        self.to_spill.fetch_sub(entries.iter().map(Entry::weight).sum(), Ordering::Relaxed);
    }

    /// `entry` is in the spill file.
    pub(super) fn spilled(&self, entry: Entry) {
        self.metrics.spilled.inc();
        let claim = entry.repeat.map(|repeat| (repeat, entry.event.decision()));
        self.repeats.settle(claim.into_iter(), Some(self.clock.now()));
        self.tell(entry, Err(Unkept::Spilled));
    }

    /// `entry` is nowhere but in the error log.
    pub(super) fn lose(&self, entry: Entry) {
        self.log(&entry);
        let claim = entry.repeat.map(|repeat| (repeat, entry.event.decision()));
        self.repeats.settle(claim.into_iter(), Some(self.clock.now()));
        self.tell(entry, Err(Unkept::Logged));
    }

    fn log(&self, entry: &Entry) {
        self.logged.fetch_add(1, Ordering::Relaxed);
        tracing::error!(event = masked(&entry.event), "an event could not be kept; this is its only record");
    }

    fn tell(&self, entry: Entry, outcome: Result<Kept, Unkept>) {
        let waker = entry.slot.put(outcome);
        self.unsettled.send_modify(|count| *count = count.saturating_sub(1));
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// An entry of now.
pub(super) fn entry(
    event: crate::event::Event,
    repeat: Option<crate::journal::RepeatKey>,
    slot: Arc<crate::journal::slot::Slot<Result<Kept, Unkept>>>,
) -> Entry {
    Entry { event, repeat, slot, handed_over: Instant::now() }
}

/// Until it is asked again whether a repeat is one.
const SHORTLY: Duration = Duration::from_millis(50);
/// Reading what a repeat repeats may take so long, however late it is.
const AT_LEAST: Duration = Duration::from_millis(200);
/// What may wait for the spill file's disk; more goes to the error log.
const MOST_TO_SPILL: usize = 128 << 20;
