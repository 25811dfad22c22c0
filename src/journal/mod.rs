//! The journal.

mod options;

pub use options::Options;
