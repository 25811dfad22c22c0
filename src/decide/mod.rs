//! Deciding: an answer within the budget, whatever happens inside.
//!
//! Knows nothing of HTTP, journals or handlers; it gets an event and a budget and gives a decision.

mod answer;
mod breaker;
mod chain;
mod decider;
mod exec;
mod http;
mod policy;

pub use self::http::{Http, HttpError, HttpSettings};
pub use breaker::BreakerSettings;
pub use chain::{Chain, Load};
pub use decider::{BoxedDecider, Decider, Failure, FromEvent, IntoOpinion};
pub use exec::{Exec, ExecSettings};
pub use policy::{AppPolicy, Policy, Say, Scope, Word, is_unchecked_login};
