//! The time of day as a value that is passed in, so that tests and replays choose it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells what time it is.
///
/// ```
/// use jiff::Timestamp;
/// use offhook::clock::Clock;
///
/// let noon: Timestamp = "2026-01-01T12:00:00Z".parse()?;
/// assert_eq!(Clock::fixed(noon).now(), noon);
/// let ahead = Clock::custom(|| Timestamp::now() + jiff::SignedDuration::from_secs(60));
/// assert!(ahead.now() > Clock::system().now());
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone)]
pub struct Clock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `time`.
    pub fn fixed(time: Timestamp) -> Self {
        Self::custom(move || time)
    }

    /// A clock that asks `tell` each time.
    pub fn custom(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "this is where the machine is asked")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => Timestamp::now(),
            Some(tell) => tell(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() { "Clock::system" } else { "Clock::custom" })
    }
}
