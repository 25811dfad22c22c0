//! Deciding: an answer within the budget, whatever happens inside.
//!
//! Knows nothing of HTTP, journals or handlers; it gets an event and a budget and gives a decision.

mod answer;
mod breaker;
mod built_in;
mod chain;
mod decider;
mod exec;
mod http;
mod late;
mod link;
mod lobby;
mod policy;
mod room;
pub mod rules;
mod shadow;
mod turns;

pub use self::http::{Http, HttpError, HttpSettings};
pub use crate::program::ExecSettings;
pub use breaker::BreakerSettings;
pub use built_in::{ALL, Action, BuildError, Settings, Shared, Unasked, build, leave_out};
pub use chain::{Asking, Chain, Decided, Load, Step};
pub use decider::{BoxedDecider, Decider, Failure, IntoOpinion};
pub use exec::Exec;
pub use late::Late;
pub use link::{LinkSettings, OnError};
pub use policy::{AppPolicy, Policy, Say, Scope, Word, is_unchecked_login};
pub use shadow::Watch;
