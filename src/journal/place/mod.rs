//! Where the journal is: in a directory of this machine, or in NATS for several. The words are the same for both.
//!
//! Nothing is decided here; each call goes to the one that is meant.

mod failures;
mod lanes;
mod outbox;
mod reader;

pub use failures::Failures;
pub(crate) use lanes::Hand;
pub use lanes::Lanes;
pub use outbox::{Outbox, OutboxError};
pub use reader::Reader;
