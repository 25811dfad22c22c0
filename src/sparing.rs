//! How often the log says one thing: so many lines a second; more are only counted.
//!
//! For what others can make happen at any rate: it must fill neither the disk nor the processor.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines a second.
const LINES: u32 = 5;

/// Says one thing sparingly.
#[derive(Debug, Default)]
pub struct Sparing(Mutex<Option<Second>>);

#[derive(Debug)]
struct Second {
    began: Instant,
    lines: u32,
    unsaid: u64,
}

impl Sparing {
    /// How many went unsaid before this one, where it may be said now.
    pub fn may_speak(&self) -> Option<u64> {
        let now = Instant::now();
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = second.get_or_insert(Second { began: now, lines: 0, unsaid: 0 });
        if now.duration_since(current.began) >= Duration::from_secs(1) {
            *current = Second { began: now, lines: 0, unsaid: current.unsaid };
        }
        if current.lines == LINES {
            current.unsaid += 1;
            return None;
        }
        current.lines += 1;
        Some(std::mem::take(&mut current.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_are_said_a_second_and_the_next_one_tells_how_many_were_not() {
        let sparing = Sparing::default();
        let said = || (0..8).map(|_| sparing.may_speak()).collect::<Vec<_>>();
        let five = [Some(0); 5];
        assert_eq!(said(), [five.as_slice(), &[None; 3]].concat());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(said(), [&[Some(3)], &five[1..], &[None; 3]].concat());
    }
}
