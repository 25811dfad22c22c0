//! What a person may ask of the lanes while they run: deliver again, try a parked delivery again, give one up.
//!
//! An order is written into the journal before it is carried out, so a restart forgets none.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::journal::{Copies, Filter, ImportError, Journal, LaneError, Which};

/// Takes orders, and wakes whoever carries them out. Cheap to clone; the clones are one.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::deliver::{Order, OrderError, Orders};
/// use offhook::journal::{Filter, Journal, Options, Which};
/// use offhook::metrics::Metrics;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let journal = Journal::open(
///     Options::at(directory.path()), Clock::system(), Metrics::new(Duration::from_millis(1500)),
/// )?;
/// let orders = Orders::new(journal, Clock::system());
/// let taken = orders.take(&Order::Retry(Which { handler: None, ids: Vec::new() }))?;
/// assert_eq!(taken.count, 0, "nothing is parked");
///
/// let replay = Order::Replay { handler: "billing".to_owned(), filter: Filter::default(), per_second: None };
/// assert!(matches!(orders.take(&replay), Err(OrderError::NoSuchHandler { .. })));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    journal: Journal,
    clock: Clock,
    handlers: Mutex<Vec<Arc<str>>>,
    taken: watch::Sender<u64>,
}

/// Something a person asks for.
///
/// Example: [`Orders`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// A handler gets kept events again, beside what its lane delivers.
    Replay {
        /// Who gets them.
        handler: String,
        /// Which events.
        filter: Filter,
        /// At most so many in a second.
        per_second: Option<f64>,
    },
    /// Parked deliveries are tried again.
    Retry(Which),
    /// Parked deliveries are given up for good.
    Drop(Which),
    /// A person is erased: everything that names the account.
    Erase {
        /// Whom.
        account: String,
        /// Only this app's.
        app: Option<String>,
    },
    /// Events of an export are kept.
    Import {
        /// Which.
        events: Copies,
    },
}

/// What an order came to.
///
/// Example: [`Orders`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// How many parked deliveries it is about, or how many events were taken in; 0 for a replay.
    pub count: u64,
    /// The number of the replay, or of the erasure.
    pub replay: Option<i64>,
}

/// Why an order was not taken.
///
/// Example: [`Orders`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// Nobody of that name delivers.
    #[error("no handler `{name}` here; there is {}", listed(known))]
    NoSuchHandler {
        /// What was asked for.
        name: String,
        /// The handlers there are.
        known: Vec<Arc<str>>,
    },
    /// A rate at which nothing would ever be delivered.
    #[error("a rate of {0} events a second makes no sense; give a number above 0")]
    Rate(f64),
    /// It could not be written down.
    #[error(transparent)]
    Lane(#[from] LaneError),
    /// Events could not be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl Orders {
    /// Takes orders for the lanes of `journal`.
    pub fn new(journal: Journal, clock: Clock) -> Self {
        let (handlers, taken) = (Mutex::default(), watch::Sender::new(0));
        Self(Arc::new(Inner { journal, clock, handlers, taken }))
    }

    /// Writes `order` down and wakes its handler. Blocking, for a short write.
    ///
    /// # Errors
    /// [`OrderError`]; then nothing was changed.
    pub fn take(&self, order: &Order) -> Result<Taken, OrderError> {
        let lanes = self.0.journal.lanes();
        let taken = match order {
            Order::Replay { handler, filter, per_second } => {
                self.knows(handler)?;
                if let Some(rate) = per_second.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
                    return Err(OrderError::Rate(rate));
                }
                Taken { count: 0, replay: Some(lanes.ask_replay(handler, filter, *per_second)?) }
            }
            Order::Retry(which) => {
                let mut count = 0;
                // One that is parked for a handler which is no longer there stays as it is: nobody could try it.
                for handler in self.meant(which)? {
                    count += lanes.ask_again(&Which { handler: Some(handler), ids: which.ids.clone() })?;
                }
                Taken { count, replay: None }
            }
            // One that is no longer configured may have left something behind.
            Order::Drop(which) => Taken { count: lanes.drop_parked(which, self.0.clock.now())?, replay: None },
            Order::Erase { account, app } => {
                let number = lanes.ask_erasure(account, app.as_deref(), self.0.clock.now())?;
                // Not whom: the log is no place for that.
                tracing::info!(erasure.id = number, "an order to erase a person was taken");
                return Ok(Taken { count: 0, replay: Some(number) });
            }
            Order::Import { events } => {
                // Blocking already, on a thread of the runtime that is there for it.
                let importing = self.0.journal.import(events.clone(), self.0.clock.now());
                return Ok(Taken { count: Handle::current().block_on(importing)?, replay: None });
            }
        };
        tracing::info!(?order, count = taken.count, replay.id = taken.replay, "an order was taken");
        self.0.taken.send_modify(|number| *number += 1);
        Ok(taken)
    }

    /// Changes whenever an order was taken.
    pub(super) fn taken(&self) -> watch::Receiver<u64> {
        self.0.taken.subscribe()
    }

    /// The handlers that orders can be for.
    pub fn handlers(&self) -> Vec<Arc<str>> {
        self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on there is somebody to carry them out for `handlers`.
    pub fn are_for(&self, handlers: Vec<Arc<str>>) {
        *self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner) = handlers;
    }

    /// The handlers that `which` is about.
    fn meant(&self, which: &Which) -> Result<Vec<String>, OrderError> {
        if let Some(handler) = &which.handler {
            self.knows(handler)?;
            return Ok(vec![handler.clone()]);
        }
        let known = self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.iter().map(|name| name.to_string()).collect())
    }

    fn knows(&self, handler: &str) -> Result<(), OrderError> {
        let known = self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|name| **name == *handler) {
            return Ok(());
        }
        Err(OrderError::NoSuchHandler { name: handler.to_owned(), known: known.clone() })
    }
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Orders")
    }
}

fn listed(names: &[Arc<str>]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
