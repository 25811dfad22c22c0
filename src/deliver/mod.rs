//! Delivering: kept events go from the journal to handlers, each handler in its own lane.
//!
//! A lane reads the journal and nothing else, so an event that is in the journal reaches every handler at least once,
//! whatever crashes in between. It hands on one event at a time, in the journal's order, and notes its position
//! afterwards. Where [`LaneSettings::concurrency`] says that order does not matter there are several at once, and the
//! position is that before the first one that is not done. A lane waits for nobody: a dead target stops its own lane
//! only, and never an answer.
//!
//! What an attempt comes to is the handler's word, an [`Outcome`]:
//! - done: the position moves on;
//! - retry: perhaps the event's own fault. It is tried again after 0.5 s, doubling to 60 s, and parked after
//!   [`LaneSettings::max_attempts`];
//! - pause: the target's trouble. The event at hand is the probe; it is tried again, on the same schedule, for ever;
//! - give up: trying again would be of no use. Parked at once.
//!
//! Parked is not dropped: the journal lists it, a metric counts it, an error in the log says so, and only when it is
//! on disk does the lane go past it.
//!
//! Beside each lane somebody carries out what a person asks for ([`Orders`]): a replay of kept events, another try for
//! parked ones.
//!
//! Nothing here knows how a request came in, and nothing here names a target: those are the handlers.

mod again;
mod ahead;
mod attempt;
mod closure;
mod dispatcher;
mod handler;
mod lane;
mod orders;
mod outcome;
mod report;
mod schedule;
mod settings;

pub use again::carry_out;
pub use attempt::answered;
pub use closure::from_fn;
pub use dispatcher::{Dispatcher, StartError};
pub(crate) use handler::Pages;
pub use handler::{AnyHandler, Handler};
pub use lane::{Lane, Step};
pub use orders::{Order, OrderError, Orders, Taken};
pub use outcome::Outcome;
pub use schedule::Jitter;
pub use settings::LaneSettings;
