//! The circuit breaker: a service that failed several times in a row is left alone for a while, then tried with one
//! question at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{DeciderLabel, Metrics};

/// How patient a breaker is.
///
/// ```
/// use std::time::Duration;
/// use offhook::decide::{BreakerSettings, HttpSettings};
///
/// // After five failures in a row the service is left alone for ten seconds.
/// let breaker = BreakerSettings { failures: 5, pause: Duration::from_secs(10) };
/// let settings = HttpSettings { url: "http://127.0.0.1:9000/may".parse()?, headers: Vec::new(), breaker };
/// # let _ = settings;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it; 0 means that it never opens.
    pub failures: u32,
    /// How long it stays open before the first probe. After each probe that fails, twice as long, up to 30 s.
    pub pause: Duration,
}

/// The longest a breaker stays open before the next probe.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// A question that was given less time than this and got no answer says nothing about the service.
const FAIR: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
    decider: DeciderLabel,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Probing { pause: Duration },
}

/// The service is left alone; this is how long still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it failed several times in a row and is left alone for another {} ms", .left.as_millis())]
pub(super) struct LeftAlone {
    left: Duration,
}

/// One question to the service. Dropped without a word, it was not answered in time.
#[derive(Debug)]
pub(super) struct Attempt<'b> {
    breaker: &'b Breaker,
    began: Instant,
    is_probe: bool,
    told: bool,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings, decider: &str, metrics: Arc<Metrics>) -> Self {
        let decider = DeciderLabel { decider: Arc::from(decider) };
        metrics.breaker_open.get_or_create_owned(&decider).set(0);
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }), decider, metrics }
    }

    /// Lets a question through, or does not.
    pub(super) fn enter(&self) -> Result<Attempt<'_>, LeftAlone> {
        let (mut state, now) = (self.state(), Instant::now());
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { until, pause } if until <= now => {
                *state = State::Probing { pause };
                true
            }
            State::Open { until, .. } => return Err(LeftAlone { left: until - now }),
            // One probe at a time.
            State::Probing { .. } => return Err(LeftAlone { left: Duration::ZERO }),
        };
        Ok(Attempt { breaker: self, began: now, is_probe, told: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self, open: bool) {
        self.metrics.breaker_open.get_or_create_owned(&self.decider).set(i64::from(open));
    }
}

impl Attempt<'_> {
    /// The service answered, and the answer is clear.
    pub(super) fn succeeded(mut self) {
        self.told = true;
        let mut state = self.breaker.state();
        if matches!(*state, State::Closed { .. }) || self.is_probe {
            *state = State::Closed { failures: 0 };
            self.breaker.is_open(false);
        }
    }

    /// The service failed.
    pub(super) fn failed(mut self) {
        self.fails();
    }

    fn fails(&mut self) {
        self.told = true;
        let Breaker { settings, .. } = self.breaker;
        let mut state = self.breaker.state();
        let pause = match *state {
            State::Closed { failures } if settings.failures == 0 || failures + 1 < settings.failures => {
                *state = State::Closed { failures: failures.saturating_add(1) };
                return;
            }
            State::Closed { .. } => settings.pause,
            State::Probing { pause } if self.is_probe => (pause * 2).min(LONGEST.max(settings.pause)),
            // It was asked before the breaker opened; the probe tells how things are now.
            State::Open { .. } | State::Probing { .. } => return,
        };
        *state = State::Open { until: Instant::now() + pause, pause };
        self.breaker.is_open(true);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        if self.began.elapsed() >= FAIR {
            return self.fails();
        }
        let mut state = self.breaker.state();
        if let (State::Probing { pause }, true) = (*state, self.is_probe) {
            // The probe proved nothing: the next question is one.
            *state = State::Open { until: Instant::now(), pause };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerSettings { failures, pause: PAUSE }, "ask", Metrics::new(PAUSE))
    }

    fn is_open(breaker: &Breaker) -> bool {
        breaker.metrics.breaker_open.get_or_create_owned(&breaker.decider).get() == 1
    }

    fn fails(breaker: &Breaker) {
        breaker.enter().expect("it is asked").failed();
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_good_answer_between_them_does_not() {
        let breaker = breaker(3);
        fails(&breaker);
        fails(&breaker);
        breaker.enter().expect("it is asked").succeeded();
        fails(&breaker);
        fails(&breaker);
        assert!(!is_open(&breaker));
        fails(&breaker);
        assert!(is_open(&breaker));
        assert_eq!(breaker.enter().err(), Some(LeftAlone { left: PAUSE }));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_closes_it_or_leaves_it_alone_for_twice_as_long() {
        let breaker = breaker(1);
        fails(&breaker);
        for pause in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            tokio::time::advance(pause - Duration::from_millis(1)).await;
            assert!(breaker.enter().is_err(), "{pause:?}");
            tokio::time::advance(Duration::from_millis(1)).await;
            let probe = breaker.enter().expect("a probe");
            assert!(breaker.enter().is_err(), "one at a time");
            probe.failed();
        }
        tokio::time::advance(LONGEST).await;
        breaker.enter().expect("a probe").succeeded();
        assert!(!is_open(&breaker));
        fails(&breaker);
        assert_eq!(breaker.enter().err(), Some(LeftAlone { left: PAUSE }), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_got_no_time_says_nothing_and_one_that_did_counts() {
        let breaker = breaker(1);
        let hasty = breaker.enter().expect("it is asked");
        tokio::time::advance(FAIR / 2).await;
        drop(hasty);
        assert!(!is_open(&breaker));
        let overran = breaker.enter().expect("it is asked");
        tokio::time::advance(FAIR).await;
        drop(overran);
        assert!(is_open(&breaker));
        tokio::time::advance(PAUSE).await;
        drop(breaker.enter().expect("a probe"));
        breaker.enter().expect("the next is the probe").succeeded();
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_from_before_it_opened_change_nothing() {
        let breaker = breaker(1);
        let (good, bad) = (breaker.enter().expect("asked"), breaker.enter().expect("asked"));
        fails(&breaker);
        good.succeeded();
        bad.failed();
        assert!(is_open(&breaker));
        assert_eq!(breaker.enter().err(), Some(LeftAlone { left: PAUSE }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_of_no_failures_never_opens() {
        let breaker = breaker(0);
        (0..1000).for_each(|_| fails(&breaker));
        assert!(!is_open(&breaker));
    }
}
