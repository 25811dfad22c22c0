//! Which requests were answered already, so that a repeat gets the same verdict.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::Timestamp;

use crate::verdict::Decision;

/// What makes two requests the same one, and until when that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepeatKey {
    key: [u8; 16],
    valid_until: u32,
}

impl RepeatKey {
    /// The key of a request that `app_key`'s secret proved, told apart by `digest` (its CheckSum, or a hash of its
    /// body), and which would be stale after `valid_until`.
    pub fn new(app_key: &str, digest: &[u8], valid_until: Timestamp) -> Self {
        let _ = (app_key, digest);
        Self { key: [0; 16], valid_until: u32::try_from(valid_until.as_second()).unwrap_or(0) }
    }
}

/// Whether a request is a repeat.
#[derive(Debug)]
pub enum Claim {
    /// It is not: ours to decide. The ticket goes into [`Journal::append`](super::Journal::append).
    First(Ticket),
    /// It is; this resolves to the first one's decision.
    Repeat(Repeat),
}

/// The right to decide a request. Dropped unused, it releases the claim, and those who wait for it claim again.
#[derive(Debug)]
#[must_use = "dropping a ticket gives the claim up"]
pub struct Ticket {}

/// Waits for the first request's decision: `None` when the first gave up; claim again.
#[derive(Debug)]
pub struct Repeat {}

impl Future for Repeat {
    type Output = Option<Decision>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
