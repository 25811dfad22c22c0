//! NetEase Yunxin (网易云信): who asks, what the bodies say, how an answer is written.
//!
//! Pure functions over bytes; no clock of its own, no I/O.

mod app;
mod asked;
mod callback;
mod check_sum;
mod content;
mod copy;
mod decode;
mod diagnosis;
mod head;
mod kinds;
mod proof;
mod reply;
mod samples;

pub use app::{App, AppSecret, Apps};
pub use callback::*;
pub(crate) use check_sum::check_sum;
pub use check_sum::{Signature, sign, sign_meeting};
pub use copy::*;
pub use decode::{Decoded, decode};
pub use diagnosis::{Diagnosis, Finding, diagnose};
pub use proof::{Product, ProvenHeaders, Verified, verify};
pub use reply::encode;
pub use samples::{SAMPLES, sample};
