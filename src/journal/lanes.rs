//! How far each handler is, and which deliveries gave up.

use jiff::Timestamp;

use super::{LaneError, Position};
use crate::event::EventId;

/// How far each handler is. A position lost in a crash means a second delivery, never a missing one.
#[derive(Debug)]
pub struct Lanes {}

/// A delivery that gave up and waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Whose delivery.
    pub handler: String,
    /// Where the event stands.
    pub position: Position,
    /// The event.
    pub id: EventId,
    /// What happened.
    pub kind: String,
    /// Which app's.
    pub app_key: String,
    /// Why it gave up, in words.
    pub why: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it gave up.
    pub parked_at: Timestamp,
}

impl Lanes {
    /// The handler's position. A name never seen before starts at the present end, synced to disk before this returns.
    ///
    /// # Errors
    /// [`LaneError`] when the start could not be written.
    pub fn register(&self, handler: &str) -> Result<Position, LaneError> {
        let _ = handler;
        unimplemented!()
    }

    /// Everything up to `position` is done for `handler`. Cheap: in memory until the next flush (every 100 ms or so, and at close).
    pub fn advance(&self, handler: &str, position: Position) {
        let _ = (handler, position);
    }

    /// `parked.position` gave up for `parked.handler`. Written before this returns. Parking the same one again replaces it.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: the lane must not go past it then.
    pub fn park(&self, parked: Parked) -> Result<(), LaneError> {
        let _ = parked;
        unimplemented!()
    }

    /// How many of `handler`'s deliveries are parked.
    pub fn parked_count(&self, handler: &str) -> u64 {
        let _ = handler;
        0
    }
}
