//! Deciding: an answer within the budget, whatever happens inside.
//!
//! Knows nothing of HTTP, journals or handlers; it gets an event and a budget and gives a decision.

mod chain;
mod decider;
mod policy;

pub use chain::{Chain, Load};
pub use decider::{BoxedDecider, Decider, Failure, IntoOpinion};
pub use policy::{AppPolicy, Policy, Say, Scope, Word, is_unchecked_login};
