//! How often the log says one thing: so many lines a second; more are only counted.
//!
//! For what others can make happen at any rate: it must fill neither the disk nor the processor.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines a second.
const LINES: u32 = 5;

/// Says one thing sparingly.
///
/// ```
/// use offhook::sparing::Sparing;
///
/// let sparing = Sparing::default();
/// let said = (0..100).filter(|_| sparing.may_speak().is_some()).count();
/// assert!(said < 100, "a hundred times in a moment is too often");
/// ```
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
        self.may_speak_at(Instant::now())
    }

    fn may_speak_at(&self, now: Instant) -> Option<u64> {
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

    #[test]
    fn five_are_said_a_second_and_the_next_one_tells_how_many_were_not() {
        let sparing = Sparing::default();
        let now = Instant::now();
        let said = |now| (0..8).map(|_| sparing.may_speak_at(now)).collect::<Vec<_>>();
        let five = [Some(0); 5];
        assert_eq!(said(now), [five.as_slice(), &[None; 3]].concat());
        assert_eq!(said(now + Duration::from_secs(1)), [&[Some(3)], &five[1..], &[None; 3]].concat());
    }
}
