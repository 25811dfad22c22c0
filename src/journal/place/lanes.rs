//! How far each handler is, wherever that is written down.

use std::future::pending;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::super::{Attempt, Failure, Filter, LaneError, Page, Parked, Position, ReadError, Replay, Standing, Trouble};
use super::super::{Which, lanes, nats};
use crate::event::EventId;
use crate::kind::KindPattern;

/// How far each handler is, what is parked, and what is to be delivered again.
///
/// ```
/// use offhook::journal::{Journal, LaneError, Position};
///
/// /// Where a handler stands, and how much of what it could not take is parked.
/// fn standing(journal: &Journal, handler: &str) -> Result<(Position, u64), LaneError> {
///     let position = journal.lanes().register(handler)?;
///     let standing = journal.lanes().standings().into_iter().find(|standing| standing.handler == handler);
///     Ok((position, standing.map_or(0, |standing| standing.parked)))
/// }
/// # let _ = standing;
/// ```
#[derive(Debug, Clone)]
pub struct Lanes(Place);

#[derive(Debug, Clone)]
enum Place {
    Disk(lanes::Lanes),
    Nats(nats::Lanes),
}

/// What one handler has in hand, where events are given to instances rather than read by each.
#[derive(Debug)]
pub(crate) struct Hand(nats::Hand);

impl Lanes {
    pub(in crate::journal) fn on_disk(lanes: lanes::Lanes) -> Self {
        Self(Place::Disk(lanes))
    }

    pub(in crate::journal) fn in_nats(lanes: nats::Lanes) -> Self {
        Self(Place::Nats(lanes))
    }

    /// The handler's position. A name never seen before starts at the present end, which is durable before this returns.
    /// Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when the start could not be written.
    pub fn register(&self, handler: &str) -> Result<Position, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.register(handler),
            Place::Nats(lanes) => Ok(lanes.register(handler)?),
        }
    }

    /// From now on these handlers are the configured ones. What another one was not given is held back only as long as
    /// events are kept anyway. In NATS no handler holds anything back.
    pub fn attended_by<'a>(&self, handlers: impl IntoIterator<Item = &'a str>) {
        if let Place::Disk(lanes) = &self.0 {
            lanes.attended_by(handlers);
        }
    }

    /// Everything up to `position` is done for `handler`. Cheap: it is written down a little later. A position before the
    /// present one changes nothing. Where events are given to instances, each is done by itself: see [`Hand::done`].
    pub fn advance(&self, handler: &str, position: Position) {
        match &self.0 {
            Place::Disk(lanes) => lanes.advance(handler, position),
            Place::Nats(_) => {}
        }
    }

    /// `parked.position` gave up for `parked.handler`. Written before this returns. Parking the same one again replaces
    /// it. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: the lane must not go past it then.
    pub fn park(&self, parked: Parked) -> Result<(), LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.park(parked),
            Place::Nats(lanes) => Ok(lanes.park(&parked)?),
        }
    }

    /// Another try is wanted for `which`; durable before this returns. How many that are. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn ask_again(&self, which: &Which) -> Result<u64, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.ask_again(which),
            Place::Nats(lanes) => Ok(lanes.ask_again(which)?),
        }
    }

    /// The first parked delivery of `handler` for which another try is wanted, and which is ours to try. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be read.
    pub fn asked_again(&self, handler: &str) -> Result<Option<Parked>, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.asked_again(handler),
            Place::Nats(lanes) => Ok(lanes.asked_again(handler)?),
        }
    }

    /// A parked delivery arrived after all. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: it may be delivered once more then.
    pub fn unpark(&self, parked: &Parked) -> Result<(), LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.unpark(parked),
            Place::Nats(lanes) => Ok(lanes.unpark(parked)?),
        }
    }

    /// Gives up `which` for good, and leaves a trace of each; durable before this returns. How many that are. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn drop_parked(&self, which: &Which, now: Timestamp) -> Result<u64, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.drop_parked(which, now),
            Place::Nats(lanes) => Ok(lanes.drop_parked(which, now)?),
        }
    }

    /// Everything that names `account` is to be erased; durable before this returns. The number of the erasure. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn ask_erasure(&self, account: &str, app: Option<&str>, now: Timestamp) -> Result<i64, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.ask_erasure(account, app, now),
            Place::Nats(lanes) => Ok(lanes.ask_erasure(account, app, now)?),
        }
    }

    /// `handler` is to get again what `filter` wants of the events up to the last durable one; durable before this
    /// returns. The replay's number. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn ask_replay(&self, handler: &str, filter: &Filter, per_second: Option<f64>) -> Result<i64, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.ask_replay(handler, filter, per_second),
            Place::Nats(lanes) => Ok(lanes.ask_replay(handler, filter, per_second)?),
        }
    }

    /// The first replay of `handler` that is not over, and which is ours to do. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be read.
    pub fn next_replay(&self, handler: &str) -> Result<Option<Replay>, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.next_replay(handler),
            Place::Nats(lanes) => Ok(lanes.next_replay(handler)?),
        }
    }

    /// Writes down how far a replay is. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: some of it may be delivered once more then.
    pub fn advance_replay(&self, replay: &Replay) -> Result<(), LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.advance_replay(replay),
            Place::Nats(lanes) => Ok(lanes.advance_replay(replay)?),
        }
    }

    /// Notes `failure`; false where its copy was noted before. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn note_failure(&self, failure: &Failure) -> Result<bool, LaneError> {
        match &self.0 {
            Place::Disk(lanes) => lanes.note_failure(failure),
            Place::Nats(lanes) => Ok(lanes.note_failure(failure)?),
        }
    }

    /// The lane of `handler` begins to run, for `kinds`; none means all.
    pub fn takes(&self, handler: &str, kinds: &[KindPattern]) {
        match &self.0 {
            Place::Disk(lanes) => lanes.told().takes(handler, kinds),
            Place::Nats(lanes) => lanes.told().takes(handler, kinds),
        }
    }

    /// The lane of `handler` is stuck, or no longer is.
    pub fn stuck_at(&self, handler: &str, trouble: Option<Trouble>) {
        match &self.0 {
            Place::Disk(lanes) => lanes.told().stuck_at(handler, trouble),
            Place::Nats(lanes) => lanes.told().stuck_at(handler, trouble),
        }
    }

    /// `handler` was handed these events.
    pub fn attempted(&self, handler: &str, attempts: impl IntoIterator<Item = Attempt>) {
        match &self.0 {
            Place::Disk(lanes) => lanes.attempts().attempted(handler, attempts),
            Place::Nats(lanes) => lanes.attempts().attempted(handler, attempts),
        }
    }

    /// The attempts to deliver `id` that are remembered, each with its handler, oldest first for each; in NATS, this
    /// instance's.
    pub fn attempts_at(&self, id: EventId) -> Vec<(String, Attempt)> {
        match &self.0 {
            Place::Disk(lanes) => lanes.attempts().attempts_at(id),
            Place::Nats(lanes) => lanes.attempts().attempts_at(id),
        }
    }

    /// How every lane stands that ever had a position here, by name; in NATS, every lane of this instance, as it was some
    /// seconds ago at most.
    pub fn standings(&self) -> Vec<Standing> {
        match &self.0 {
            Place::Disk(lanes) => lanes.standings(),
            Place::Nats(lanes) => lanes.standings(),
        }
    }

    /// What `handler`, which works at so many events at once, is given from now on; `None` where each lane reads the
    /// journal for itself.
    pub(crate) fn hand(&self, handler: &str, concurrency: usize) -> Option<Hand> {
        match &self.0 {
            Place::Disk(_) => None,
            Place::Nats(lanes) => Some(Hand(lanes.hand(handler, concurrency))),
        }
    }

    /// Resolves when it makes sense to look for orders that nobody told us of.
    pub(crate) async fn stirs(&self) {
        match &self.0 {
            Place::Disk(_) => pending().await,
            Place::Nats(lanes) => lanes.stirs().await,
        }
    }
}

impl Hand {
    /// Changes when there is something new in it.
    pub(crate) fn news(&self) -> watch::Receiver<Position> {
        self.0.news()
    }

    /// What is new in it and wanted, at most `limit` events.
    pub(crate) fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        self.0.page(after, limit, filter)
    }

    /// These are done or parked.
    pub(crate) fn done(&self, positions: &[Position]) {
        self.0.done(positions);
    }

    /// Gives back what is in it; it comes again, to any instance, after `wait`.
    pub(crate) fn put_back(&self, wait: Duration) {
        self.0.put_back(wait);
    }
}
