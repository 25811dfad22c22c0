//! What each handler's lane has in hand: a durable consumer gives it the next event, and no other before that is done.
//!
//! One event at a time over all instances keeps the journal's order without anybody leading. Whoever has it in hand says
//! so while it works; when it dies, the event goes to another instance after a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::link::Link;
use super::state::word;
use super::{NatsError, reader, stream};
use crate::journal::{Filter, Keys, Page, Position, ReadError, lock};

/// What one lane has in hand. When it goes, what is in it goes back.
#[derive(Debug)]
pub(in crate::journal) struct Hand {
    held: Arc<Held>,
    _pulling: DropGuard,
}

#[derive(Debug)]
struct Held {
    link: Arc<Link>,
    keys: Option<Keys>,
    state: Mutex<State>,
    /// Rung when there is something new.
    news: watch::Sender<Position>,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<InHand>,
    /// What was done last, in case that NATS did not hear of it.
    done: VecDeque<u64>,
}

/// A message that is neither done nor given back.
#[derive(Debug)]
struct InHand {
    position: u64,
    message: Message,
    /// Whether the lane has it.
    is_out: bool,
}

impl Hand {
    /// Begins to take in hand what comes for `handler`.
    pub(super) fn open(link: &Arc<Link>, keys: Option<Keys>, handler: &str, concurrency: usize) -> Self {
        let news = watch::Sender::new(Position::default());
        let held = Arc::new(Held { link: Arc::clone(link), keys, state: Mutex::default(), news });
        let stop = CancellationToken::new();
        link.spawn(pull(Arc::clone(&held), handler.to_owned(), concurrency, stop.clone()));
        Self { held, _pulling: stop.drop_guard() }
    }

    /// Changes when there is something new in it.
    pub(in crate::journal) fn news(&self) -> watch::Receiver<Position> {
        self.held.news.subscribe()
    }

    /// What is new in it and wanted, at most `limit` events; what is not wanted is done. What cannot be read stays in it.
    pub(in crate::journal) fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let mut page = Page { events: Vec::new(), scanned: after, more: false };
        let mut unwanted = Vec::new();
        let mut state = lock(&self.held.state);
        for held in state.messages.iter_mut().filter(|held| !held.is_out) {
            if page.events.len() >= limit {
                page.more = true;
                break;
            }
            let position = Position(held.position);
            let (headers, payload) = (held.message.headers.as_ref(), &held.message.payload);
            match reader::wanted(headers, payload, filter, self.held.keys.as_ref()) {
                Ok(Some(event)) if event.is_owed() => page.events.push((position, event)),
                Ok(_) => unwanted.push(position),
                Err(error) if page.events.is_empty() && unwanted.is_empty() => return Err(error),
                // The next page begins with it.
                Err(_) => {
                    page.more = true;
                    break;
                }
            }
            held.is_out = true;
        }
        drop(state);
        let last = page.events.iter().map(|(position, _)| *position).chain(unwanted.iter().copied()).max();
        page.scanned = page.scanned.max(last.unwrap_or_default());
        self.done(&unwanted);
        Ok(page)
    }

    /// These are done or parked.
    pub(in crate::journal) fn done(&self, positions: &[Position]) {
        self.held.done(positions);
    }

    /// Gives back what is in it: it comes again, to any instance, not before `wait` has passed.
    pub(in crate::journal) fn put_back(&self, wait: Duration) {
        self.held.put_back(Some(wait));
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.held.put_back(None);
    }
}

impl Held {
    /// `message` was given to us, perhaps again.
    fn takes(&self, message: Message) {
        let Ok(position) = message.info().map(|info| info.stream_sequence) else { return };
        let mut state = lock(&self.state);
        if state.done.contains(&position) {
            drop(state);
            // Only the word of it was lost.
            return self.says(vec![message], AckKind::Ack);
        }
        match state.messages.iter_mut().find(|held| held.position == position) {
            Some(held) => held.message = message,
            None => state.messages.push(InHand { position, message, is_out: false }),
        }
        drop(state);
        self.news.send_replace(Position(position));
    }

    fn done(&self, positions: &[Position]) {
        let mut done = Vec::new();
        let mut state = lock(&self.state);
        for position in positions {
            if let Some(place) = state.messages.iter().position(|held| held.position == position.get()) {
                done.push(state.messages.remove(place).message);
            }
            state.done.push_back(position.get());
        }
        let surplus = state.done.len().saturating_sub(REMEMBERED);
        state.done.drain(..surplus);
        drop(state);
        self.says(done, AckKind::Ack);
    }

    fn put_back(&self, wait: Option<Duration>) {
        let messages = std::mem::take(&mut lock(&self.state).messages);
        self.says(messages.into_iter().map(|held| held.message).collect(), AckKind::Nak(wait));
    }

    fn goes_on(&self) {
        let messages = lock(&self.state).messages.iter().map(|held| held.message.clone()).collect();
        self.says(messages, AckKind::Progress);
    }

    /// Tells NATS about `messages`. Where that is lost they come again.
    fn says(&self, messages: Vec<Message>, what: AckKind) {
        if messages.is_empty() {
            return;
        }
        self.link.spawn(async move {
            for message in messages {
                if let Err(error) = message.ack_with(what).await {
                    tracing::debug!(%error, "NATS cannot be told how a delivery went");
                }
            }
        });
    }
}

/// Takes what comes until `stop`.
async fn pull(held: Arc<Held>, handler: String, concurrency: usize, stop: CancellationToken) {
    let mut told = false;
    while !stop.is_cancelled() {
        let pulling = pull_once(&held, &handler, concurrency, &mut told);
        let error = tokio::select! { error = pulling => error, () = stop.cancelled() => break };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(handler.name = handler, %error, "nothing comes from NATS; this lane waits");
        }
        tokio::select! { () = sleep(AGAIN) => {}, () = stop.cancelled() => {} }
    }
    // Something may have come after the hand was emptied.
    held.put_back(None);
}

async fn pull_once(held: &Held, handler: &str, concurrency: usize, told: &mut bool) -> NatsError {
    let link = &held.link;
    let failed = |error: String| link.failed("get events for a handler", error);
    let consumer = match consumer(link, handler, concurrency).await {
        Ok(consumer) => consumer,
        Err(error) => return error,
    };
    let stream =
        consumer.stream().max_messages_per_batch(concurrency).expires(EXPIRES).heartbeat(HEARTBEAT).messages().await;
    let mut messages = match stream {
        Ok(messages) => messages,
        Err(error) => return failed(stream::cause(&error)),
    };
    if std::mem::take(told) {
        tracing::info!(handler.name = handler, "events come from NATS again");
    }
    let mut progress = interval(PROGRESS);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) => held.takes(message),
                Some(Err(error)) => return failed(stream::cause(&error)),
                None => return failed("it ended".to_owned()),
            },
            _ = progress.tick() => held.goes_on(),
        }
    }
}

/// The durable consumer of `handler`, which gives out so many events at once: made at the present end where there is none.
pub(super) async fn consumer(
    link: &Link,
    handler: &str,
    concurrency: usize,
) -> Result<Consumer<pull::Config>, NatsError> {
    let doing = "make a handler's consumer";
    let stream = stream::find(link).await?.ok_or_else(|| link.failed(doing, "there is no stream"))?;
    let config = pull::Config {
        durable_name: Some(word(handler)),
        description: Some(format!("offhook: handler {handler}")),
        deliver_policy: DeliverPolicy::New,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        // What gives up is parked by us; what waits for its target waits without limit.
        max_deliver: -1,
        max_ack_pending: i64::try_from(concurrency).unwrap_or(1),
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.map_err(|error| link.failed(doing, stream::cause(&error)))
}

/// How far `handler` is: everything up to there is done or parked. `None` where it has no consumer.
pub(super) async fn position(link: &Link, handler: &str) -> Result<Option<Position>, NatsError> {
    let Some(stream) = stream::find(link).await? else { return Ok(None) };
    let Ok(info) = stream.consumer_info(word(handler)).await else { return Ok(None) };
    // With nothing on its way and nothing behind, it has seen all there is.
    let is_through = info.num_pending == 0 && info.num_ack_pending == 0;
    let floor = if is_through { stream.cached_info().state.last_sequence } else { info.ack_floor.stream_sequence };
    Ok(Some(Position(floor)))
}

/// Deliveries whose word may have been lost.
const REMEMBERED: usize = 1024;
/// An event whose holder says nothing for so long goes to another one.
const ACK_WAIT: Duration = Duration::from_secs(15);
const PROGRESS: Duration = Duration::from_secs(4);
const EXPIRES: Duration = Duration::from_secs(20);
const HEARTBEAT: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(500);
