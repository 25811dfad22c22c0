//! When a failed delivery is tried again: 0.5 s doubling to 60 s, jittered, unless the target names a time itself.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(60);
/// A target that asks for more is asked again after this: one wrong number must not stop a lane for a year.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// Chance, as a value that is passed in: numbers from 0 up to, but not including, 1.
///
/// ```
/// use offhook::deliver::Jitter;
///
/// // Waits are spread; a test that wants to know them takes them as they are.
/// let jitters = [Jitter::random(), Jitter::fixed(1.0), Jitter::custom(|| 0.5)];
/// # let _ = jitters;
/// ```
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// A different number each time.
    pub fn random() -> Self {
        // `RandomState` is keyed at random per process and differs by instance; it need not be secret here.
        Self::custom(|| {
            let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(0);
            f64::from(bits) / (f64::from(u32::MAX) + 1.0)
        })
    }

    /// Always `number`.
    pub fn fixed(number: f64) -> Self {
        Self::custom(move || number)
    }

    /// Asks `tell` each time.
    pub fn custom(tell: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn next(&self) -> f64 {
        let number = (self.0)();
        if (0.0..=1.0).contains(&number) { number } else { 0.5 }
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

/// How long to wait after the `failures`th failure in a row: between half of the doubled time and all of it.
pub(super) fn wait_after(failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LAST);
    whole.mul_f64(0.5 + chance / 2.0)
}

/// The same, where the target may have said when: its word counts, within reason.
pub(super) fn wait_as_told(after: Option<Duration>, failures: u32, chance: f64) -> Duration {
    match after {
        Some(after) => after.clamp(FIRST / 2, LONGEST_WISH),
        None => wait_after(failures, chance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_half_a_second_to_a_minute() {
        let waits: Vec<_> = (1..=9).map(|failures| wait_after(failures, 1.0).as_secs_f64()).collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!(wait_after(u32::MAX, 1.0), LAST);
    }

    #[test]
    fn jitter_never_makes_a_wait_shorter_than_half() {
        for failures in 1..20 {
            assert_eq!(wait_after(failures, 0.0), wait_after(failures, 1.0) / 2);
        }
    }

    #[test]
    fn a_targets_own_time_counts_within_reason() {
        let told = |seconds| wait_as_told(Some(Duration::from_secs(seconds)), 9, 1.0);
        assert_eq!(told(7), Duration::from_secs(7));
        assert_eq!(told(0), Duration::from_millis(250));
        assert_eq!(told(31_536_000), Duration::from_secs(3600));
    }

    #[test]
    fn chance_stays_between_nothing_and_one_and_differs() {
        let jitter = Jitter::random();
        let numbers: Vec<_> = (0..64).map(|_| jitter.next()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number != numbers[0]));
    }
}
