//! All lanes together: started, left to themselves, stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::again::Again;
use super::{AnyHandler, Jitter, Lane, LaneSettings, Orders};
use crate::clock::Clock;
use crate::journal::{Journal, LaneError};
use crate::metrics::Metrics;

const ABORT_GRACE: Duration = Duration::from_millis(100);

/// The running lanes. Dropping it lets each finish its delivery under way and go no further.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::deliver::{AnyHandler, Dispatcher, LaneSettings, Orders, from_fn};
/// use offhook::journal::{Journal, Options};
/// use offhook::metrics::Metrics;
/// use offhook::{Event, Outcome};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let (clock, metrics) = (Clock::system(), Metrics::new(Duration::from_millis(1500)));
/// let journal = Journal::open(Options::at(directory.path()), clock.clone(), metrics.clone())?;
/// let orders = Orders::new(journal.clone(), clock.clone());
/// let billing = AnyHandler::new(from_fn("billing", |_: Event| async { Outcome::Done }));
/// let handlers = vec![(LaneSettings::new("billing"), billing)];
/// let runtime = tokio::runtime::Handle::current();
/// let dispatcher = Dispatcher::start(&journal, handlers, &metrics, &clock, &orders, &runtime)?;
/// dispatcher.stop(Duration::from_secs(10)).await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Dispatcher {
    stop: DropGuard,
    lanes: Vec<(Arc<str>, JoinHandle<()>)>,
    /// One beside each lane.
    again: Vec<JoinHandle<()>>,
}

/// A lane, or how to begin one whose position is not known yet.
enum Begun {
    Lane(Box<Lane>),
    Not(Arc<dyn Fn() -> Result<Lane, LaneError> + Send + Sync>),
}

impl Begun {
    /// Begins it, as soon as that is possible, and steps until `stop`.
    async fn run(self, stop: CancellationToken) {
        let begin = match self {
            Self::Lane(lane) => return lane.run(stop).await,
            Self::Not(begin) => begin,
        };
        loop {
            tokio::select! { () = sleep(BEGIN_AGAIN) => {}, () = stop.cancelled() => return }
            let begin = Arc::clone(&begin);
            if let Ok(Ok(lane)) = spawn_blocking(move || begin()).await {
                return lane.run(stop).await;
            }
        }
    }
}

/// How soon it is tried again to begin a lane.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);

/// Why delivering could not start.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::deliver::{AnyHandler, Dispatcher, LaneSettings, Orders, StartError, from_fn};
/// use offhook::journal::{Journal, Options};
/// use offhook::metrics::Metrics;
/// use offhook::{Event, Outcome};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let (clock, metrics) = (Clock::system(), Metrics::new(Duration::from_millis(1500)));
/// # let journal = Journal::open(Options::at(directory.path()), clock.clone(), metrics.clone())?;
/// # let orders = Orders::new(journal.clone(), clock.clone());
/// # let runtime = tokio::runtime::Handle::current();
///
/// let twice = ["billing", "billing"].map(|name| {
///     (LaneSettings::new(name), AnyHandler::new(from_fn(name, |_: Event| async { Outcome::Done })))
/// });
/// let error = Dispatcher::start(&journal, twice.into(), &metrics, &clock, &orders, &runtime).map(|_| ()).unwrap_err();
/// assert!(matches!(error, StartError::NameTaken(name) if &*name == "billing"));
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two handlers would share one position, and each would miss events.
    #[error("two handlers are named `{0}`: a name is its lane's identity; give one of them another `name`")]
    NameTaken(Arc<str>),
}

impl Dispatcher {
    /// Starts a lane for each handler, on `runtime`, and beside it somebody who carries out `orders`. Blocking, for a few
    /// short writes; what is kept from now on reaches every one of them, so start it before the first request is let in.
    /// Where a position cannot be read or written, because the disk is full, its lane begins from there once it can.
    ///
    /// # Errors
    /// [`StartError`]; then no lane runs.
    pub fn start(
        journal: &Journal,
        handlers: Vec<(LaneSettings, AnyHandler)>,
        metrics: &Arc<Metrics>,
        clock: &Clock,
        orders: &Orders,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        let mut lanes: Vec<(Arc<str>, Begun)> = Vec::with_capacity(handlers.len());
        let mut again = Vec::with_capacity(handlers.len());
        for (settings, handler) in handlers {
            let name = Arc::clone(&settings.name);
            if lanes.iter().any(|(taken, _)| *taken == name) {
                return Err(StartError::NameTaken(name));
            }
            let copy = (settings.clone(), handler.clone());
            again.push(Again::new(orders, journal, copy, metrics, clock.clone(), Jitter::random()));
            let (journal, metrics, clock) = (journal.clone(), Arc::clone(metrics), clock.clone());
            let begin = move || {
                Lane::new(&journal, (settings.clone(), handler.clone()), &metrics, clock.clone(), Jitter::random())
            };
            let begun = match begin() {
                Ok(lane) => Begun::Lane(Box::new(lane)),
                Err(error) => {
                    tracing::error!(handler.name = %name, %error, "nothing is delivered until this handler's position is known");
                    Begun::Not(Arc::new(begin))
                }
            };
            lanes.push((name, begun));
        }
        let stop = CancellationToken::new();
        journal.lanes().attended_by(lanes.iter().map(|(name, _)| &**name));
        orders.are_for(lanes.iter().map(|(name, _)| Arc::clone(name)).collect());
        let start = |(name, begun): (_, Begun)| (name, runtime.spawn(begun.run(stop.clone())));
        let lanes = lanes.into_iter().map(start).collect();
        let again = again.into_iter().map(|again: Again| runtime.spawn(again.run(stop.clone()))).collect();
        Ok(Self { lanes, again, stop: stop.drop_guard() })
    }

    /// Lets the deliveries under way finish, at most `within`, and begins no more. What is left is delivered after the
    /// restart. Close the journal after this: that writes the positions down.
    pub async fn stop(self, within: Duration) {
        self.stop.disarm().cancel();
        let deadline = Instant::now() + within;
        for mut again in self.again {
            if timeout_at(deadline, &mut again).await.is_err() {
                again.abort();
                let _ = timeout(ABORT_GRACE, again).await;
            }
        }
        for (name, mut lane) in self.lanes {
            match timeout_at(deadline, &mut lane).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(handler.name = %name, %error, "a lane fell over"),
                Err(_) => {
                    lane.abort();
                    // It lets go of the journal at its next await; one that blocks its thread is not waited for.
                    let _ = timeout(ABORT_GRACE, lane).await;
                    tracing::warn!(handler.name = %name, "a delivery did not finish in time; it comes again after the restart");
                }
            }
        }
    }
}
