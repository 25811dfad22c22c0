//! One attempt: events in a handler's hands, whatever it does there; and word of how it went, for whoever looks on.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::report::{self, brief};
use super::{AnyHandler, Outcome};
use crate::clock::Clock;
use crate::event::Event;
use crate::journal::{Attempt, AttemptEnd, Journal};

/// An attempt that is under way for so long is told of: a handler that hangs must not stop its lane unseen.
const SLOW: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// What the target said to the attempt that is under way.
    static ANSWER: Cell<Option<String>>;
}

/// Says what the target answered to the delivery that is under way: the inspector shows it beside the attempt, once the
/// event has arrived. A handler calls this in its `deliver`, in the same task; anywhere else it does nothing.
///
/// In words for a person: no body, no secret. Only the beginning of it is kept. What did not arrive says why in its
/// [`Outcome`].
///
/// ```
/// use offhook::{Event, Handler, Outcome, deliver};
///
/// struct Billing;
///
/// impl Handler for Billing {
///     fn name(&self) -> &str {
///         "billing"
///     }
///
///     async fn deliver(&self, _: &Event) -> Outcome {
///         let booked = 4711; // in earnest: what the books say
///         deliver::answered(format!("booked as {booked}"));
///         Outcome::Done
///     }
/// }
/// ```
pub fn answered(what: impl Into<String>) {
    // Elsewhere there is nobody who listens.
    let _ = ANSWER.try_with(|answer| answer.set(Some(what.into())));
}

/// A handler, and where its attempts are noted.
#[derive(Clone)]
pub(super) struct Hands {
    name: Arc<str>,
    handler: AnyHandler,
    journal: Journal,
    clock: Clock,
    /// Whether a person asked for these attempts.
    asked: bool,
}

impl Hands {
    /// Those of the lane `name`.
    pub(super) fn of(name: &Arc<str>, handler: AnyHandler, journal: &Journal, clock: &Clock) -> Self {
        Self { name: Arc::clone(name), handler, journal: journal.clone(), clock: clock.clone(), asked: false }
    }

    /// The same, for what a person asked for.
    pub(super) fn asked_for(self) -> Self {
        Self { asked: true, ..self }
    }

    pub(super) fn handler(&self) -> &AnyHandler {
        &self.handler
    }

    /// One attempt, as [`Pages::deliver`](super::Pages::deliver) tells of it.
    pub(super) async fn take(&self, events: &[Event]) -> (usize, Outcome) {
        let (at, began) = (self.clock.now(), Instant::now());
        // A handler keeps what it broke by panicking: the lane shares nothing with it but the events, which cannot change.
        let delivers = AssertUnwindSafe(async { self.handler.deliver(events).await }).catch_unwind();
        let mut attempt = pin!(ANSWER.scope(Cell::new(None), async { (delivers.await, ANSWER.with(Cell::take)) }));
        let (ended, answer) = match timeout(SLOW, &mut attempt).await {
            Ok(ended) => ended,
            Err(_) => {
                report::slow(&self.name, events.first());
                attempt.await
            }
        };
        let (done, outcome) = ended.unwrap_or_else(|_| (0, Outcome::retry("panicked")));
        let failure = match &outcome {
            Outcome::Done => None,
            Outcome::Retry { why, .. } => Some((AttemptEnd::Retry, why)),
            Outcome::Pause { why, .. } => Some((AttemptEnd::Pause, why)),
            Outcome::GiveUp { why } => Some((AttemptEnd::GaveUp, why)),
        };
        let (took, answer) = (began.elapsed(), answer.map(|answer| Arc::from(brief(&answer))));
        let noted =
            |event: &Event, ended, answer| Attempt { id: event.id(), at, took, ended, answer, asked: self.asked };
        let arrived = events.iter().take(done).map(|event| noted(event, AttemptEnd::Done, answer.clone()));
        let failed = failure.zip(events.get(done));
        let failed = failed.map(|((ended, why), event)| noted(event, ended, Some(Arc::from(brief(why)))));
        self.journal.lanes().attempted(&self.name, arrived.chain(failed));
        (done, outcome)
    }
}
