//! All integration tests in one binary: a file per topic, each test name a promise.

mod config;
mod deliver;
mod edge;
mod refusals;
mod shim;
mod world;
