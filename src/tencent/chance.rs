//! Chance, as a value that is passed in: the `random` of each request, and the jitter of waits.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Gives numbers that nobody need predict and nobody must not.
///
/// ```
/// use offhook::tencent::Chance;
///
/// assert_eq!(Chance::custom(|| 7).number(), 7);
/// assert!((0.0..1.0).contains(&Chance::random().fraction()));
/// ```
#[derive(Clone)]
pub struct Chance(Arc<dyn Fn() -> u32 + Send + Sync>);

impl Chance {
    /// A different number each time.
    pub fn random() -> Self {
        // `RandomState` is keyed at random per process and differs by instance; it need not be secret here.
        Self::custom(|| u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(0))
    }

    /// Asks `tell` each time.
    pub fn custom(tell: impl Fn() -> u32 + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// A number from 0 to 4294967295.
    pub fn number(&self) -> u32 {
        (self.0)()
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&self) -> f64 {
        f64::from(self.number()) / (f64::from(u32::MAX) + 1.0)
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}
