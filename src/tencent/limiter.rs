//! Keeps requests of one kind under a number per second: each gets its turn, evenly spaced.
//!
//! No bursts: whoever counts on the other side counts in windows of its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Gives turns.
#[derive(Debug)]
pub(super) struct Limiter {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Limiter {
    /// At most `per_second` turns in any second.
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Mutex::new(None) }
    }

    /// Waits for the next turn; the first one does not wait.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + self.interval);
            turn
        };
        // Even a sleep of nothing lasts until the timer's next millisecond.
        if turn > now {
            sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_evenly_spaced_and_time_that_passed_is_not_saved_up() {
        let limiter = Limiter::new(200);
        let began = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..400 {
            limiter.turn().await;
            turns.push(began.elapsed());
        }
        assert_eq!((turns[0], turns[200], turns[399].as_millis()), (Duration::ZERO, Duration::from_secs(1), 1995));
        tokio::time::advance(Duration::from_secs(60)).await;
        let began = Instant::now();
        limiter.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        limiter.turn().await;
        assert_eq!(began.elapsed(), Duration::from_millis(5));
    }
}
