//! What a caller holds while its event is being kept, and the proof it gets when it is.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Position;

/// An event handed to the journal; resolves when it is durable, or as durable as it could be made.
///
/// Dropping it does not cancel anything.
#[derive(Debug)]
#[must_use = "the event is kept anyway, but only this says when"]
pub struct Keeping {}

/// Proof that an event is on disk, synced. Only the journal makes one.
#[derive(Debug)]
pub struct Kept {
    position: Position,
}

/// The journal could not keep an event; where it went instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unkept {
    /// Synced in the spill file, from which it comes back when the journal recovers.
    #[error("the journal could not keep the event; it is in the spill file")]
    Spilled,
    /// Only in the error log, with its tokens masked.
    #[error("neither the journal nor the spill file could keep the event; it is in the error log")]
    Logged,
}

impl Kept {
    /// Where the event stands.
    pub fn position(&self) -> Position {
        self.position
    }
}

impl Future for Keeping {
    type Output = Result<Kept, Unkept>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
