//! What gets events: the trait that users implement, and the one type that lanes hold.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Outcome;
use crate::event::Event;
use crate::metrics::Metrics;

/// Gets events after the answer has been given.
///
/// **At least once**: after a crash, or when an attempt failed half-way, the same event comes again. So `deliver` must
/// be idempotent; [`Event::id`] is the same each time and tells a repeat. Events come one at a time, in the order in
/// which they were kept; the next one waits until this one is done or parked. Only where its lane's settings allow
/// several at once ([`LaneSettings::concurrency`](super::LaneSettings::concurrency)) they come so, in any order.
///
/// A handler that panics has answered [`Outcome::Retry`]. A handler must not block its thread; it has no deadline, but
/// while it works its own lane waits.
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Mutex;
///
/// use offhook::deliver::{Handler, Outcome};
/// use offhook::event::{Event, EventId};
///
/// struct Billing {
///     booked: Mutex<HashSet<EventId>>, // in earnest: a unique column of the table that is written to
/// }
///
/// impl Handler for Billing {
///     fn name(&self) -> &str {
///         "billing"
///     }
///
///     async fn deliver(&self, event: &Event) -> Outcome {
///         match self.booked.lock() {
///             Ok(mut booked) => {
///                 booked.insert(event.id()); // booking it twice changes nothing
///                 Outcome::Done
///             }
///             Err(_) => Outcome::pause("the books are closed"),
///         }
///     }
/// }
/// ```
///
/// What must not be written, since a second delivery would count twice:
///
/// ```
/// # use std::sync::atomic::{AtomicU64, Ordering};
/// # use offhook::{deliver::{Handler, Outcome}, event::Event};
/// # struct Billing { calls: AtomicU64 }
/// # impl Handler for Billing {
/// #     fn name(&self) -> &str { "billing" }
/// async fn deliver(&self, _: &Event) -> Outcome {
///     self.calls.fetch_add(1, Ordering::Relaxed);
///     Outcome::Done
/// }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "implement `offhook::deliver::Handler`: `fn name(&self) -> &str` and `async fn deliver(&self, event: &Event) -> Outcome`"
)]
pub trait Handler: Send + Sync + 'static {
    /// Its name: the identity of its lane across restarts, and its label in logs and metrics.
    fn name(&self) -> &str;

    /// Hands `event` on. It may have been here before.
    fn deliver(&self, event: &Event) -> impl Future<Output = Outcome> + Send;

    /// Told before the first delivery: the numbers of the receiver it works for.
    fn counts_in(&self, _metrics: &Metrics) {}

    /// Called once when the receiver starts, and not when it reloads: takes up what an earlier process left unfinished
    /// beside its deliveries. Its lane does not wait for it.
    fn resume(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Any handler, so that different ones fit into one list. Cheap to clone; the clones are one handler.
///
/// ```
/// use offhook::deliver::{AnyHandler, from_fn};
/// use offhook::{Event, Outcome};
///
/// let handlers = vec![
///     AnyHandler::new(from_fn("billing", |_: Event| async { Outcome::Done })),
///     AnyHandler::new(from_fn("search", |_: Event| async { Outcome::retry("no room") })),
/// ];
/// assert_eq!(handlers[1].name(), "search");
/// ```
#[derive(Clone)]
pub struct AnyHandler(Arc<dyn Pages>);

impl AnyHandler {
    /// Wraps `handler`.
    pub fn new(handler: impl Handler) -> Self {
        Self(Arc::new(OneByOne(handler)))
    }

    /// Wraps a handler that takes several events at once.
    pub(crate) fn in_pages(handler: impl Pages) -> Self {
        Self(Arc::new(handler))
    }

    /// The handler's own name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub(super) fn deliver<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, (usize, Outcome)> {
        self.0.deliver(events)
    }

    pub(super) fn counts_in(&self, metrics: &Metrics) {
        self.0.counts_in(metrics);
    }

    /// As in [`Handler`].
    pub(crate) async fn resume(&self) {
        self.0.resume().await;
    }
}

impl fmt::Debug for AnyHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyHandler({})", self.name())
    }
}

/// What a lane sees of a handler: [`Handler`] without its opaque future, and able to take more than one event where
/// one at a time would cost too much.
pub(crate) trait Pages: Send + Sync + 'static {
    /// As in [`Handler`].
    fn name(&self) -> &str;

    /// Hands on some of `events`, from the first on; says how many are done, and the outcome of the attempt. Where it
    /// is not done, it is that of the first event not counted. Never called with none; never answers `(0, Done)`.
    fn deliver<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, (usize, Outcome)>;

    /// As in [`Handler`].
    fn counts_in(&self, _metrics: &Metrics) {}

    /// As in [`Handler`].
    fn resume(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The erased twin of a [`Handler`].
struct OneByOne<H>(H);

impl<H: Handler> Pages for OneByOne<H> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn deliver<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, (usize, Outcome)> {
        Box::pin(async move {
            let Some(event) = events.first() else { return (0, Outcome::Done) };
            let outcome = self.0.deliver(event).await;
            (usize::from(outcome == Outcome::Done), outcome)
        })
    }

    fn counts_in(&self, metrics: &Metrics) {
        self.0.counts_in(metrics);
    }

    fn resume(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.resume())
    }
}
