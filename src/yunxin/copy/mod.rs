//! Message copies (消息抄送): how they are proven, and what they carry.
//!
//! The numbers of IM copies and RTC 2.0 copies collide with each other and with those of callbacks.

mod profile;

pub use profile::{Proof, Sealed};

use super::proof::ProvenHeaders;

/// The answer to a copy, as NetEase's own receiver gives it.
pub const COPY_TAKEN: &[u8] = br#"{"code":200}"#;
