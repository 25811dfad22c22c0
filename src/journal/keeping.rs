//! What a caller holds while its event is being kept, and the proof it gets when it is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Position;
use super::slot::Slot;
use crate::verdict::Decision;

/// An event handed to the journal; resolves when it is durable, or as durable as it could be made.
///
/// Dropping it does not cancel anything.
///
/// Example: [`Kept`].
#[derive(Debug)]
#[must_use = "the event is kept anyway, but only this says when"]
pub struct Keeping(pub(super) Arc<Slot<Result<Kept, Unkept>>>);

/// Proof that an event is on disk, synced. Only the journal makes one.
///
/// An answer asks for it, so it cannot leave before the record is safe:
///
/// ```
/// use offhook::journal::{Journal, Kept};
///
/// fn answer(_proof: &Kept) -> &'static str {
///     "allow"
/// }
///
/// async fn keep_then_answer(journal: &Journal, event: offhook::event::Event) -> Option<&'static str> {
///     let kept = journal.append(event, None).await.ok()?;
///     Some(answer(&kept))
/// }
/// ```
///
/// Nobody else can make one:
///
/// ```compile_fail
/// use offhook::journal::{Kept, Position};
///
/// fn answer(_proof: &Kept) -> &'static str {
///     "allow"
/// }
///
/// answer(&Kept { position: Position(1) });
/// ```
#[derive(Debug)]
pub struct Kept {
    position: Position,
    /// What was decided about an equal request that another instance kept before.
    first: Option<Decision>,
}

/// The journal could not keep an event; where it went instead.
///
/// ```
/// use offhook::Event;
/// use offhook::journal::{Journal, Unkept};
///
/// /// What became of an event that the disk would not take.
/// async fn keep(journal: &Journal, event: Event) -> &'static str {
///     match journal.append(event, None).await {
///         Ok(_) => "kept",
///         Err(Unkept::Spilled) => "in the spill file, until the journal recovers",
///         Err(_) => "in the log",
///     }
/// }
/// # let _ = keep;
/// ```
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
    /// For the writer, after a commit returned.
    pub(super) fn at(position: u64) -> Self {
        Self { position: Position(position), first: None }
    }

    /// For an equal request that was kept before, with this decision.
    pub(super) fn after(self, first: Option<Decision>) -> Self {
        Self { first, ..self }
    }

    /// The same; `None` where another instance was asked the same before, and its decision takes the place of ours.
    pub fn or_first(mut self, decision: &mut Decision) -> Option<Self> {
        let Some(first) = self.first.take() else { return Some(self) };
        *decision = first;
        None
    }

    /// Where the event stands.
    pub fn position(&self) -> Position {
        self.position
    }
}

impl Future for Keeping {
    type Output = Result<Kept, Unkept>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}
