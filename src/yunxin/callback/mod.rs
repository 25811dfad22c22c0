//! What Yunxin's callbacks carry, one struct a table of the documentation.
//!
//! Every documented field is optional: all pages warn that any of them may be missing.

mod call;
mod client_type;

pub use call::{CallStart, RoomCreate};
pub use client_type::ClientType;
