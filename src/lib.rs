//! offhook

pub mod admin;
pub mod app;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod cloud_event;
pub mod config;
pub mod decide;
pub mod deliver;
pub mod edge;
pub mod event;
pub mod family;
pub mod handlers;
pub mod intake;
pub mod journal;
pub mod kind;
pub mod lenient;
pub mod metrics;
pub mod receiver;
pub mod refusal;
pub mod secret;
pub mod telemetry;
pub mod verdict;
pub mod yunxin;

pub use budget::Budget;
pub use decide::Decider;
pub use deliver::{Handler, Outcome};
pub use event::Event;
pub use receiver::Receiver;
pub use refusal::Refusal;
pub use verdict::Verdict;
