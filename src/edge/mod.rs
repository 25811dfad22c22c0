//! The edge: requests come in here and answers leave. The only module that speaks HTTP to senders.
//!
//! It has no word for handler: nothing that happens after an answer can slow one.

mod body;
mod door;
mod gate;
mod listener;
mod peer;
mod places;
mod reply;
mod settings;
mod strangers;
mod stream;

pub use door::Edge;
pub use listener::serve;
pub use peer::{Callers, ForwardedHeader, PeerAddress};
pub use reply::Reply;
pub(crate) use reply::{answer, refusal};
pub use settings::{Endpoint, Settings};
