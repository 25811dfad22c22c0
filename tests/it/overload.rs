//! Proof under load: crowds, also at the admin listener, floods, services in every mood, and ten times more questions than can be decided.
//!
//! The long one is ignored; `scripts/overload` runs it, and prints its figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod admin;
mod crowd;
mod open_loop;
