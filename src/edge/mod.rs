//! The edge: requests come in here and answers leave. The only module that speaks HTTP to senders.

mod settings;

pub use settings::{Endpoint, Settings};
