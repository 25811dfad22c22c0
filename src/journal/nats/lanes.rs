//! How far each handler is, what is parked, and what is to be delivered again: for all instances alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::erase::{self, Eraser};
use super::hands::{self, Hand};
use super::publisher::Publisher;
use super::state::State;
use super::turns::Turns;
use super::{NatsError, notes};
use crate::journal::attempts::Attempts;
use crate::journal::standing::Told;
use crate::journal::{Failure, Filter, Parked, Position, Replay, Standing, Which, lock};
use crate::metrics::HandlerLabel;

/// How far each handler is.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Lanes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    publisher: Arc<Publisher>,
    state: State,
    turns: Turns,
    told: Told,
    attempts: Attempts,
    seen: Arc<Mutex<Seen>>,
    /// Rung when an erasure was asked for.
    asked: Arc<Notify>,
    _looking: DropGuard,
}

/// How far each of our handlers was, and how much was parked for it, when it was looked last.
type Seen = BTreeMap<String, (Position, u64)>;

impl Lanes {
    /// `spill` is the spill file of this instance.
    pub(super) fn new(publisher: Arc<Publisher>, spill: &Path) -> Self {
        let state = State::over(&publisher.link, publisher.keys.clone());
        let turns = Turns::new(&state, &publisher.clock);
        let (seen, stop) = (Arc::default(), CancellationToken::new());
        publisher.link.spawn(look(Arc::clone(&publisher), Arc::clone(&seen), stop.clone()));
        let asked = Arc::new(Notify::new());
        let eraser = Eraser {
            publisher: Arc::clone(&publisher),
            state: state.clone(),
            turns: turns.turning(),
            spill: spill.to_owned(),
            asked: Arc::clone(&asked),
        };
        publisher.link.spawn(eraser.run(stop.clone()));
        let (told, attempts, _looking) = (Told::default(), Attempts::default(), stop.drop_guard());
        Self(Arc::new(Inner { publisher, state, turns, told, attempts, seen, asked, _looking }))
    }

    /// What the lanes have told of themselves.
    pub(in crate::journal) fn told(&self) -> &Told {
        &self.0.told
    }

    /// What became of our last attempts to deliver.
    pub(in crate::journal) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// How each of our lanes stood when it was looked last.
    pub(in crate::journal) fn standings(&self) -> Vec<Standing> {
        let seen = lock(&self.0.seen).clone();
        let standing = |(handler, (position, parked))| self.0.told.standing(handler, position, parked);
        seen.into_iter().map(standing).collect()
    }

    pub(in crate::journal) fn ask_erasure(
        &self,
        account: &str,
        app: Option<&str>,
        now: Timestamp,
    ) -> Result<i64, NatsError> {
        let number = erase::ask(&self.0.state, account, app, now)?;
        self.0.asked.notify_one();
        Ok(number)
    }

    pub(in crate::journal) fn register(&self, handler: &str) -> Result<Position, NatsError> {
        let publisher = &self.0.publisher;
        let (concurrency, is_seen_to) = publisher.awaits(handler);
        if is_seen_to {
            // NATS was just found not to answer. A start that asked for each handler again would take as long for each.
            return Ok(Position::default());
        }
        let (link, name) = (Arc::clone(&publisher.link), handler.to_owned());
        let made = publisher.link.wait("make a handler's consumer", async move {
            let consumer = hands::consumer(&link, &name, concurrency).await?;
            Ok(Position(consumer.cached_info().ack_floor.stream_sequence))
        });
        match made {
            Ok(position) => {
                lock(&self.0.seen).insert(handler.to_owned(), (position, 0));
                self.recount(handler)?;
                Ok(position)
            }
            // A start without NATS must not keep the verdicts waiting. Nothing is kept there before it has its place.
            Err(error) => {
                publisher.degrade(&error.to_string());
                Ok(Position::default())
            }
        }
    }

    pub(in crate::journal) fn hand(&self, handler: &str, concurrency: usize) -> Hand {
        lock(&self.0.publisher.handlers).insert(handler.to_owned(), concurrency);
        let publisher = &self.0.publisher;
        Hand::open(&publisher.link, publisher.keys.clone(), handler, concurrency)
    }

    pub(in crate::journal) fn park(&self, parked: &Parked) -> Result<(), NatsError> {
        notes::park(&self.0.state, parked)?;
        self.recount(&parked.handler)
    }

    pub(in crate::journal) fn ask_again(&self, which: &Which) -> Result<u64, NatsError> {
        let mut count = 0;
        for parked in notes::meant(&self.0.state, which)? {
            notes::park(&self.0.state, &Parked { asked: true, ..parked })?;
            count += 1;
        }
        Ok(count)
    }

    pub(in crate::journal) fn asked_again(&self, handler: &str) -> Result<Option<Parked>, NatsError> {
        match notes::parked(&self.0.state, Some(handler))?.into_iter().find(|parked| parked.asked) {
            Some(asked) if self.0.turns.take(handler)? => Ok(Some(asked)),
            _ => Ok(None),
        }
    }

    pub(in crate::journal) fn unpark(&self, parked: &Parked) -> Result<(), NatsError> {
        notes::unpark(&self.0.state, parked)?;
        self.recount(&parked.handler)
    }

    pub(in crate::journal) fn drop_parked(&self, which: &Which, now: Timestamp) -> Result<u64, NatsError> {
        let mut count = 0;
        for parked in notes::meant(&self.0.state, which)? {
            let (state, handler) = (self.0.state.clone(), parked.handler.clone());
            let leave = async move { notes::leave_trace(&state, &parked, now).await };
            self.0.publisher.link.wait("write the journal's state", leave)?;
            self.recount(&handler)?;
            count += 1;
        }
        Ok(count)
    }

    pub(in crate::journal) fn ask_replay(
        &self,
        handler: &str,
        filter: &Filter,
        per_second: Option<f64>,
    ) -> Result<i64, NatsError> {
        let link = Arc::clone(&self.0.publisher.link);
        let last = super::Reader::over(&link, std::path::Path::new(""), None).last()?;
        let mut id = notes::replays(&self.0.state)?.iter().map(|replay| replay.id).max().unwrap_or(0) + 1;
        loop {
            let replay = Replay {
                id,
                handler: handler.to_owned(),
                filter: filter.clone(),
                per_second,
                position: Position::default(),
                last,
                delivered: 0,
                parked: 0,
                ended: false,
            };
            if notes::add_replay(&self.0.state, &replay)? {
                return Ok(id);
            }
            id += 1;
        }
    }

    pub(in crate::journal) fn next_replay(&self, handler: &str) -> Result<Option<Replay>, NatsError> {
        let mut open = notes::replays(&self.0.state)?;
        open.retain(|replay| replay.handler == handler && !replay.ended);
        open.sort_by_key(|replay| replay.id);
        match open.into_iter().next() {
            Some(replay) if self.0.turns.take(handler)? => {
                let opened = replay.filter.clone().opened_with(self.0.state.keys());
                let failed = |why| self.0.publisher.link.failed("carry out a replay", why);
                opened.map_err(failed).map(|filter| Some(Replay { filter, ..replay }))
            }
            Some(_) => Ok(None),
            // It is asked for last: there is nothing left to do.
            None => self.0.turns.leave(handler).map(|()| None),
        }
    }

    pub(in crate::journal) fn advance_replay(&self, replay: &Replay) -> Result<(), NatsError> {
        notes::note_replay(&self.0.state, replay)
    }

    pub(in crate::journal) fn note_failure(&self, failure: &Failure) -> Result<bool, NatsError> {
        notes::add_failure(&self.0.state, failure)
    }

    /// Resolves when another instance may have left something to be done again.
    pub(in crate::journal) async fn stirs(&self) {
        tokio::time::sleep(LOOK_ROUND).await;
    }

    /// Shows how much is parked.
    fn recount(&self, handler: &str) -> Result<(), NatsError> {
        let (state, name) = (self.0.state.clone(), handler.to_owned());
        let counting = async move { notes::count_parked(&state, &name).await };
        let count = self.0.publisher.link.wait("read the journal's state", counting)?;
        show(&self.0.publisher, &self.0.seen, handler, None, count);
        Ok(())
    }
}

/// Looks now and then how far our handlers are: others may be at it.
async fn look(publisher: Arc<Publisher>, seen: Arc<Mutex<Seen>>, stop: CancellationToken) {
    let state = State::over(&publisher.link, None);
    loop {
        tokio::select! { () = tokio::time::sleep(LOOK) => {}, () = stop.cancelled() => return }
        if !publisher.link.is_connected() {
            continue;
        }
        let handlers: Vec<String> = lock(&publisher.handlers).keys().cloned().collect();
        for handler in handlers {
            if let Err(error) = look_at(&publisher, &state, &seen, &handler).await {
                tracing::debug!(handler.name = handler, %error, "it cannot be seen how far a handler is");
            }
        }
    }
}

async fn look_at(publisher: &Publisher, state: &State, seen: &Mutex<Seen>, handler: &str) -> Result<(), NatsError> {
    let Some(position) = hands::position(&publisher.link, handler).await? else { return Ok(()) };
    let parked = notes::count_parked(state, handler).await?;
    show(publisher, seen, handler, Some(position), parked);
    Ok(())
}

/// Shows how much is parked for `handler`, and how far it is where that is known.
fn show(publisher: &Publisher, seen: &Mutex<Seen>, handler: &str, position: Option<Position>, parked: u64) {
    let label = HandlerLabel { handler: Arc::from(handler) };
    publisher.metrics.parked.get_or_create(&label).set(i64::try_from(parked).unwrap_or(i64::MAX));
    let mut seen = lock(seen);
    let seen = seen.entry(handler.to_owned()).or_default();
    *seen = (position.unwrap_or(seen.0), parked);
}

/// How often it is looked how far handlers are.
const LOOK: Duration = Duration::from_secs(3);
/// How often it is looked whether another instance left something behind.
const LOOK_ROUND: Duration = Duration::from_secs(15);
