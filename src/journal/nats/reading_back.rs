//! What was spilled, on its way back into the stream as soon as NATS takes it.
//!
//! A thread of its own: NATS may take long, and neither an answer nor the spill file may wait for it. When the journal is let
//! go of, what is under way is left where it stands: the file keeps it, and the next start goes on.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::message::message_id;
use super::publisher::{NotTaken, Publisher};
use super::{NatsError, hands, reader};
use crate::event::EventId;
use crate::journal::lock;
use crate::journal::record::Record;
use crate::journal::spill::{Import, Spill, moved_away};

/// Reads the spill file back in.
#[derive(Debug)]
pub(super) struct ReadingBack {
    publisher: Arc<Publisher>,
    spill: Arc<Mutex<Spill>>,
    path: PathBuf,
    import: Option<Import>,
    /// Requests that NATS has kept since before the first spilled one.
    known: HashSet<String>,
    stop: CancellationToken,
}

impl ReadingBack {
    pub(super) fn new(publisher: Arc<Publisher>, spill: Arc<Mutex<Spill>>, stop: CancellationToken) -> Self {
        let path = lock(&spill).path().to_owned();
        Self { publisher, spill, path, import: None, known: HashSet::new(), stop }
    }

    /// Until it is stopped.
    pub(super) fn run(mut self) {
        while self.may_go_on() {
            if self.read_back() {
                continue;
            }
            // Also while NATS fails at once: nothing is gained by asking it all the time.
            let pause = async {
                tokio::time::sleep(RETRY).await;
                Ok(())
            };
            if self.wait("wait", pause).is_err() {
                return;
            }
        }
    }

    fn may_go_on(&self) -> bool {
        !self.stop.is_cancelled()
    }

    /// Runs `work` to its end, or until it is stopped. Blocking.
    fn wait<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, NatsError>> + Send + 'static,
    ) -> Result<T, NatsError> {
        let (link, stop) = (&self.publisher.link, self.stop.clone());
        let stopped = link.failed(doing, "it was cut short");
        link.wait(doing, async move {
            tokio::select! { done = work => done, () = stop.cancelled() => Err(stopped) }
        })
    }

    /// Gives NATS the next of what was spilled. Where that works, keeping works again. Whether there may be more at once.
    fn read_back(&mut self) -> bool {
        if self.publisher.is_degraded() && !self.publisher.link.is_connected() {
            return false;
        }
        let error = match self.next() {
            Ok(more) => return more,
            Err(error) => error,
        };
        self.import = None;
        if self.may_go_on() {
            if !self.publisher.is_degraded() {
                let path = self.path.display();
                tracing::error!(%path, %error, "cannot read spilled events back in; it is tried again");
            }
            self.publisher.degrade(&error.to_string());
        }
        false
    }

    /// Whether there may be more.
    fn next(&mut self) -> io::Result<bool> {
        let placed = match self.publisher.is_degraded() {
            true => Some(self.is_ready().map_err(io::Error::other)?),
            false => None,
        };
        let now = self.publisher.second();
        if self.import.is_none() && lock(&self.spill).move_away()? {
            let known = RefCell::new(HashSet::new());
            self.import = Some(Import::begin(&self.path, now, |since, until| {
                let (ids, requests) = self.known_between(since, until).map_err(io::Error::other)?;
                known.borrow_mut().extend(requests);
                Ok(ids)
            })?);
            self.known = known.into_inner();
        }
        let Some(mut import) = self.import.take() else {
            self.recovers(placed);
            return Ok(false);
        };
        let mut records = import.next_records()?;
        let at_the_end = records.is_empty();
        records.retain(|record| self.known.insert(message_id(record)));
        for record in self.import(records).map_err(io::Error::other)? {
            import.reject(&record)?;
        }
        import.kept_up_to(now);
        self.recovers(placed);
        if at_the_end {
            import.finish()?;
            self.known.clear();
        } else {
            self.import = Some(import);
        }
        Ok(true)
    }

    /// NATS keeps again, if it did not and these handlers have their places in it.
    fn recovers(&self, placed: Option<BTreeMap<String, usize>>) {
        if let Some(placed) = placed {
            self.publisher.recover(&placed);
        }
    }

    /// Sees to it that the streams are there and fit, and that every handler has its place in them: these. Blocking.
    fn is_ready(&self) -> Result<BTreeMap<String, usize>, NatsError> {
        let (link, names) = (Arc::clone(&self.publisher.link), lock(&self.publisher.handlers).clone());
        self.wait("look for the stream", async move {
            super::stream::ready(&link).await.map_err(|error| link.failed("use the stream", error))?;
            for (name, concurrency) in &names {
                hands::consumer(&link, name, *concurrency).await?;
            }
            Ok(names)
        })
    }

    /// Gives NATS `records`, and gives back those that are too large for it. Blocking.
    fn import(&self, records: Vec<Record<'static>>) -> Result<Vec<Record<'static>>, NatsError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let publisher = Arc::clone(&self.publisher);
        self.wait("read spilled events back in", async move {
            let given: Vec<_> =
                records.into_iter().map(|record| give(Arc::clone(&publisher), record).boxed()).collect();
            let given: Vec<_> = stream::iter(given).buffer_unordered(AT_ONCE).collect().await;
            let mut large = Vec::new();
            for (record, taken) in given {
                match taken {
                    Ok(_) => {
                        let decision = record.decision_with(publisher.keys.as_ref());
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

    /// The events and the requests that NATS got from shortly before `since` until shortly after `until`, in seconds since
    /// 1970. Blocking.
    fn known_between(&self, since: u64, until: u64) -> Result<Known, NatsError> {
        let age = self.publisher.second().checked_sub(since).map(Duration::from_secs);
        if age.is_some_and(|age| age < self.publisher.link.settings().window() / 2) && moved_away(&self.path) < LITTLE {
            // NATS itself still knows whatever it got of this, and will until all of it is given. Where much came in, to
            // look through that would take seconds, after each acknowledgement that came a moment too late.
            return Ok(Known::default());
        }
        let moment = |seconds| Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX));
        let window = SignedDuration::try_from(self.publisher.link.settings().window()).unwrap_or(SignedDuration::ZERO);
        let since = moment(since).unwrap_or_default().checked_sub(window).unwrap_or(Timestamp::MIN);
        let until = moment(until).ok().and_then(|until| until.checked_add(window).ok()).unwrap_or(Timestamp::MAX);
        let link = Arc::clone(&self.publisher.link);
        self.wait("look for spilled events in the stream", async move {
            let (mut ids, mut requests) = (HashSet::new(), HashSet::new());
            reader::heads_between(&link, since, until, |head| {
                requests.insert(message_id(&head));
                ids.insert(head.id);
            })
            .await?;
            Ok((ids, requests))
        })
    }
}

/// The events, and the ids of their messages.
type Known = (HashSet<EventId>, HashSet<String>);

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

/// How long it waits until it looks again whether there is something to read back in, and whether NATS takes it.
const RETRY: Duration = Duration::from_millis(500);
/// How often it is asked again whether what NATS calls a repeat is one.
const ASKED_AGAIN: usize = 4;
/// So many bytes are given to NATS in no time.
const LITTLE: u64 = 4 << 20;
/// For one spilled event; nobody waits for its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Spilled events on their way at once.
const AT_ONCE: usize = 256;
