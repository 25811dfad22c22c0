//! Delivering: from the journal to the handlers, in lanes.

mod again;
mod cast;
mod dispatcher;
mod http;
mod lane;
mod log;
mod signature;
mod target;
