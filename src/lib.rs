//! The `offhook` command's library, and a receiver for programs of your own. [`Receiver`] is where those begin;
//! [`intake`] is where to begin reading.
//!
#![doc = include_str!("../README.md")]

// Read `intake` first. The floors stand from the ground up, and a module uses only what stands below it:
// ARCHITECTURE.md has the table, and tests/tidy.rs holds it.

// The road.
pub mod intake;

// Ground: values.
pub mod budget;
pub mod clock;
pub mod cloud_event;
pub mod event;
pub mod kind;
pub mod lenient;
pub mod metrics;
pub mod refusal;
pub mod secret;
pub mod seen;
pub mod sparing;
pub mod verdict;

// First floor: what is outside: a sender's protocol, the disk, the log.
pub mod journal;
pub mod nats;
mod program;
pub mod telemetry;
pub mod tencent;
pub mod yunxin;

// Beside them: what an event of any sender says.
pub mod payload;

// Second floor: the steps.
pub mod decide;
pub mod deliver;
pub mod family;

// Third floor, beside the road: where events go.
pub mod feedback;
pub mod handlers;

// Fourth floor: what listens.
pub mod admin;
pub mod edge;

// Fifth floor: settings.
pub mod config;

// Roof: the whole.
pub mod app;
pub mod cli;
pub mod receiver;
pub mod verified;

pub use budget::Budget;
pub use decide::Decider;
pub use deliver::{Handler, Outcome};
pub use event::Event;
pub use payload::Payload;
pub use receiver::Receiver;
pub use refusal::Refusal;
pub use verdict::Verdict;
pub use verified::{Verified, Verifier};
