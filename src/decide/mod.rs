//! Deciding: an answer within the budget, whatever happens inside.
//!
//! Knows nothing of HTTP, journals or handlers; it gets an event and a budget and gives a decision.

mod built_in;
mod chain;
mod decider;
mod link;
mod policy;
mod room;
pub mod rules;
mod shadow;

pub use built_in::{ALL, Action, BuildError, Settings, Shared, build};
pub use chain::{Asking, Chain, Load, Step};
pub use decider::{BoxedDecider, Decider, Failure, FromEvent, IntoOpinion};
pub use link::{LinkSettings, OnError};
pub use policy::{AppPolicy, Policy, Say, Scope, Word, is_unchecked_login};
pub use shadow::Watch;
