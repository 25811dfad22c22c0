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
/// let (sparing, mut lines) = (Sparing::default(), 0);
/// (0..100).for_each(|_| sparing.say(|_unsaid| lines += 1));
/// assert!(lines < 100, "a hundred times in a moment is too often");
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
    /// Says a line where it may be said now, and with it how many went unsaid before it, where that are any.
    pub fn say(&self, line: impl FnOnce(Option<u64>)) {
        if let Some(unsaid) = self.may_speak_at(Instant::now()) {
            line(Some(unsaid).filter(|unsaid| *unsaid > 0));
        }
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
    fn a_line_tells_of_others_only_where_there_were_any() {
        let (sparing, mut told) = (Sparing::default(), Vec::new());
        sparing.say(|unsaid| told.push(unsaid));
        if let Some(second) = &mut *sparing.0.lock().expect("nobody panicked") {
            second.began = Instant::now().checked_sub(Duration::from_secs(1)).expect("a while ago");
            second.unsaid = 3;
        }
        sparing.say(|unsaid| told.push(unsaid));
        assert_eq!(told, [None, Some(3)]);
    }

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
