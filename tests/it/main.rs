//! All integration tests in one binary: a file per topic, each test name a promise.

mod config;
mod deliver;
mod journal;
mod shim;
