//! Delivering: from the journal to the handlers, in lanes.

mod again;
mod attempts;
mod batch;
mod cast;
mod dispatcher;
mod exec;
mod http;
mod lane;
mod log;
mod nats;
mod signature;
mod target;
mod wide;

pub(crate) use cast::event;
