//! The durable record of events, verdicts and deliveries.

mod error;
mod keeping;
mod lanes;
mod options;
mod position;
mod reader;
mod repeats;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use error::{LaneError, OpenError, ReadError};
pub use keeping::{Keeping, Kept, Unkept};
pub use lanes::{Lanes, Parked};
pub use options::Options;
pub use position::Position;
pub use reader::{Filter, Page, Reader};
pub use repeats::{Claim, Repeat, RepeatKey, Ticket};

use crate::clock::Clock;
use crate::event::Event;
use crate::metrics::Metrics;

/// The journal of one directory. Cheap to clone; all clones are the same journal.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lanes: Lanes,
}

/// How closing went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Events that were accepted and are not durable, neither in the journal nor in the spill file.
    pub unkept: usize,
}

impl Journal {
    /// Opens the journal: makes its directory, takes the lock, repairs what a crash left, rebuilds the repeat index
    /// and reads the spill file back in. Blocking.
    ///
    /// # Errors
    /// [`OpenError`] says which file, and what to do.
    pub fn open(options: Options, clock: Clock, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let _ = (options, clock, metrics);
        unimplemented!()
    }

    /// Is this request a repeat? In memory: no I/O.
    pub fn claim(&self, key: RepeatKey) -> Claim {
        let _ = key;
        unimplemented!()
    }

    /// Hands `event`, which carries its decision, over to be kept. It is enqueued when this returns.
    pub fn append(&self, event: Event, ticket: Option<Ticket>) -> Keeping {
        let _ = (event, ticket);
        unimplemented!()
    }

    /// The last durable position; changes after each batch.
    pub fn durable(&self) -> watch::Receiver<Position> {
        unimplemented!()
    }

    /// Reads this journal.
    pub fn reader(&self) -> Reader {
        unimplemented!()
    }

    /// How far each handler is.
    pub fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    /// Whether the journal cannot keep right now, so that events go to the spill file.
    pub fn is_degraded(&self) -> bool {
        false
    }

    /// Takes no more, and waits until everything accepted is durable, at most `within`.
    pub async fn close(&self, within: Duration) -> Closed {
        let _ = within;
        Closed { unkept: 0 }
    }
}
