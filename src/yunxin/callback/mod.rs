//! What Yunxin's callbacks carry, one struct a table of the documentation.
//!
//! Every documented field is optional: all pages warn that any of them may be missing.

mod call;
mod client;
mod login;
mod message;
mod team;
mod user;

pub use call::*;
pub use client::*;
pub use login::*;
pub use message::*;
pub use team::*;
pub use user::*;
