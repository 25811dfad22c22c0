//! How one attempt to deliver an event went.

use std::time::Duration;

/// How an attempt to deliver an event went, in its handler's words.
///
/// ```
/// use std::time::Duration;
///
/// use offhook::Outcome;
///
/// /// What the answer of a service means.
/// fn outcome(status: u16) -> Outcome {
///     match status {
///         200..300 => Outcome::Done,
///         503 => Outcome::pause("it is busy").not_before(Duration::from_secs(5)), // the lane waits, for ever if need be
///         500..600 => Outcome::retry(format!("it said {status}")),                // parked after some attempts
///         _ => Outcome::give_up(format!("it said {status}")),                     // parked at once
///     }
/// }
/// # assert_eq!(outcome(204), Outcome::Done);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It arrived; the lane goes on.
    Done,
    /// It did not, and it may be the event's fault: tried again, and parked after
    /// [`LaneSettings::max_attempts`](super::LaneSettings::max_attempts).
    Retry {
        /// Not before this time has passed (at most an hour); `None`: 0.5 s doubling to 60 s.
        after: Option<Duration>,
        /// Why, in words for a person: no body, no secret.
        why: String,
    },
    /// It did not, and it is the target's trouble: the lane pauses and tries the same event again, without limit.
    Pause {
        /// Not before this time has passed (at most an hour); `None`: 0.5 s doubling to 60 s.
        after: Option<Duration>,
        /// Why, in words for a person: no body, no secret.
        why: String,
    },
    /// It never will: parked at once, where a person sees it.
    GiveUp {
        /// Why, in words for a person: no body, no secret.
        why: String,
    },
}

impl Outcome {
    /// It may be the event's fault: try again, a limited number of times.
    pub fn retry(why: impl Into<String>) -> Self {
        Self::Retry { after: None, why: why.into() }
    }

    /// It is the target's trouble: try again until it works.
    pub fn pause(why: impl Into<String>) -> Self {
        Self::Pause { after: None, why: why.into() }
    }

    /// Trying again is of no use: park the event.
    pub fn give_up(why: impl Into<String>) -> Self {
        Self::GiveUp { why: why.into() }
    }

    /// The same outcome, not tried again before `wait` has passed. Done and given up stay as they are.
    #[must_use]
    pub fn not_before(mut self, wait: Duration) -> Self {
        if let Self::Retry { after, .. } | Self::Pause { after, .. } = &mut self {
            *after = Some(wait);
        }
        self
    }
}
