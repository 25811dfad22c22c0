//! What is said in the log about requests that proved nothing: some of it, never all, or strangers could fill the disk.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::refusal::Refusal;

/// Lines a second; more are only counted.
const LINES: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Option<Second>>);

#[derive(Debug)]
struct Second {
    began: Instant,
    lines: u32,
    unsaid: u64,
}

impl Strangers {
    pub(super) fn mention(&self, refusal: &Refusal, peer: Option<IpAddr>) {
        if let Some(unsaid) = self.may_speak() {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(refusal = refusal.code(), peer, unsaid, "unproven request refused: {refusal}");
        }
    }

    /// How many went unsaid before this one, where it may be said.
    fn may_speak(&self) -> Option<u64> {
        let now = Instant::now();
        let mut second = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let current = second.get_or_insert(Second { began: now, lines: 0, unsaid: 0 });
        let unsaid = std::mem::take(&mut current.unsaid);
        if now.duration_since(current.began) >= Duration::from_secs(1) {
            *current = Second { began: now, lines: 1, unsaid: 0 };
            return Some(unsaid);
        }
        if current.lines < LINES {
            current.lines += 1;
            return Some(unsaid);
        }
        current.unsaid = unsaid + 1;
        None
    }
}
