//! The spill file while NATS is not there, and its way back into the stream.
//!
//! A thread of its own: writing a file waits, and no answer may wait for what is read back in.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::message::message_id;
use super::publisher::{NotTaken, Publisher};
use super::{NatsError, hands, reader};
use crate::event::EventId;
use crate::journal::lock;
use crate::journal::queue::Entry;
use crate::journal::record::Record;
use crate::journal::spill::{Import, Spill};

/// Writes the spill file, and reads it back in.
#[derive(Debug)]
pub(super) struct Spilling {
    pub(super) publisher: Arc<Publisher>,
    pub(super) spill: Spill,
    pub(super) entries: Receiver<Entry>,
    pub(super) import: Option<Import>,
    /// Requests that NATS has kept since before the first spilled one.
    pub(super) known: HashSet<String>,
    /// When to look whether there is something to read back in.
    pub(super) look_at: Instant,
}

impl Spilling {
    /// Until nobody can spill any more.
    pub(super) fn run(mut self) {
        loop {
            match self.entries.recv_timeout(LOOK) {
                Ok(entry) => self.write(entry),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= self.look_at {
                self.read_back();
            }
        }
    }

    /// Everything that waits goes to the file, with one sync.
    fn write(&mut self, first: Entry) {
        let mut entries = vec![first];
        entries.extend(self.entries.try_iter().take(MOST_AT_ONCE));
        self.publisher.takes_over(&entries);
        // Where a disk's journal writes its last position, this one writes the time.
        let (now, keys) = (self.now(), self.publisher.keys.clone());
        let records = entries.iter().map(|entry| Record::of(&entry.event, entry.repeat).sealed_with(keys.as_ref()));
        match self.spill.append(now, records) {
            Ok(()) => entries.into_iter().for_each(|entry| self.publisher.spilled(entry)),
            Err(error) => {
                let path = self.spill.path().display();
                tracing::error!(%path, %error, events = entries.len(), "cannot write the spill file; the events follow");
                entries.into_iter().for_each(|entry| self.publisher.lose(entry));
            }
        }
    }

    /// In seconds since 1970.
    fn now(&self) -> u64 {
        u64::try_from(self.publisher.clock.now().as_second()).unwrap_or(0)
    }

    /// Gives NATS the next of what was spilled. Where that works, keeping works again.
    fn read_back(&mut self) {
        self.look_at = Instant::now() + RETRY;
        if self.publisher.is_degraded() && !self.publisher.link.is_connected() {
            return;
        }
        match self.next() {
            Ok(true) => self.look_at = Instant::now(),
            Ok(false) => {}
            Err(error) => {
                self.import = None;
                let path = self.spill.path().display();
                if !self.publisher.is_degraded() {
                    tracing::error!(%path, %error, "cannot read spilled events back in; it is tried again");
                }
                self.publisher.degrade(&error.to_string());
            }
        }
    }

    /// Whether there may be more.
    fn next(&mut self) -> io::Result<bool> {
        if self.publisher.is_degraded() {
            self.publisher.is_ready().map_err(io::Error::other)?;
        }
        if self.import.is_none() {
            let (publisher, now, known) = (Arc::clone(&self.publisher), self.now(), RefCell::new(HashSet::new()));
            self.import = self.spill.import(now, |since, until| {
                let (ids, requests) = known_between(&publisher, since, until).map_err(io::Error::other)?;
                known.borrow_mut().extend(requests);
                Ok(ids)
            })?;
            self.known = known.into_inner();
        }
        let now = self.now();
        let Some(import) = &mut self.import else {
            self.publisher.recover();
            return Ok(false);
        };
        let mut records = import.next_records()?;
        let at_the_end = records.is_empty();
        records.retain(|record| self.known.insert(message_id(record)));
        for record in self.publisher.import(records).map_err(io::Error::other)? {
            import.reject(&record)?;
        }
        import.kept_up_to(now);
        self.publisher.recover();
        if at_the_end && let Some(import) = self.import.take() {
            import.finish()?;
            self.known.clear();
        }
        Ok(true)
    }
}

/// The events, and the ids of their messages.
type Known = (HashSet<EventId>, HashSet<String>);

impl Publisher {
    /// Whether the streams are there and fit, and every handler has its place in them. Blocking.
    fn is_ready(&self) -> Result<(), NatsError> {
        let (link, names) = (Arc::clone(&self.link), lock(&self.handlers).clone());
        self.link.wait("look for the stream", async move {
            super::stream::ready(&link).await.map_err(|error| link.failed("use the stream", error))?;
            for (name, concurrency) in names {
                hands::consumer(&link, &name, concurrency).await?;
            }
            Ok(())
        })
    }

    /// Gives NATS `records`, and gives back those that are too large for it. Blocking.
    fn import(self: &Arc<Self>, records: Vec<Record<'static>>) -> Result<Vec<Record<'static>>, NatsError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let publisher = Arc::clone(self);
        self.link.wait("read spilled events back in", async move {
            let given: Vec<_> =
                records.into_iter().map(|record| give(Arc::clone(&publisher), record).boxed()).collect();
            let given: Vec<_> = stream::iter(given).buffer_unordered(AT_ONCE).collect().await;
            let mut large = Vec::new();
            for (record, taken) in given {
                match taken {
                    Ok(_) => {
                        let decision = record.decision();
                        let claim = record.repeat.map(|repeat| (repeat, decision.as_ref()));
                        publisher.repeats.settle(claim.into_iter(), None);
                    }
                    Err(NotTaken::TooLarge) => large.push(record),
                    Err(NotTaken::Trouble(why)) => {
                        return Err(publisher.link.failed("read spilled events back in", why));
                    }
                    Err(NotTaken::Unfounded) => {
                        return Err(publisher.link.failed("read spilled events back in", "it is taken for a repeat"));
                    }
                }
            }
            Ok(large)
        })
    }
}

/// Gives NATS one record.
async fn give(publisher: Arc<Publisher>, record: Record<'static>) -> (Record<'static>, Result<(), NotTaken>) {
    // It may have been written before there was a key.
    let sealed = || record.clone().sealed_with(publisher.keys.as_ref());
    let mut taken = publisher.publish(sealed(), PATIENCE).await.map(drop);
    for _ in 0..ASKED_AGAIN {
        if !matches!(taken, Err(NotTaken::Unfounded)) {
            break;
        }
        // It may be on its way still.
        tokio::time::sleep(RETRY).await;
        taken = publisher.publish(sealed(), PATIENCE).await.map(drop);
    }
    if matches!(taken, Err(NotTaken::Unfounded)) {
        taken = publisher.publish_anew(sealed(), PATIENCE).await;
    }
    (record, taken)
}

/// The events and the requests that NATS got from shortly before `since` until shortly after `until`, in seconds since
/// 1970. Blocking.
fn known_between(publisher: &Arc<Publisher>, since: u64, until: u64) -> Result<Known, NatsError> {
    let moment = |seconds| Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX));
    let window = SignedDuration::try_from(publisher.link.settings().window()).unwrap_or(SignedDuration::ZERO);
    let since = moment(since).unwrap_or_default().checked_sub(window).unwrap_or(Timestamp::MIN);
    let until = moment(until).ok().and_then(|until| until.checked_add(window).ok()).unwrap_or(Timestamp::MAX);
    let link = Arc::clone(&publisher.link);
    publisher.link.wait("look for spilled events in the stream", async move {
        let (mut ids, mut requests) = (HashSet::new(), HashSet::new());
        reader::heads_between(&link, since, until, |head| {
            requests.insert(message_id(&head));
            ids.insert(head.id);
        })
        .await?;
        Ok((ids, requests))
    })
}

/// How often it is looked whether NATS takes again.
const LOOK: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(500);
/// How often it is asked again whether what NATS calls a repeat is one.
const ASKED_AGAIN: usize = 4;
/// For one spilled event; nobody waits for its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Spilled events on their way at once.
const AT_ONCE: usize = 256;
const MOST_AT_ONCE: usize = 4096;
