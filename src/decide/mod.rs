//! Deciding: an answer within the budget, whatever happens inside.

mod policy;

pub use policy::{AppPolicy, Policy, Say, Scope, Word, is_unchecked_login};
