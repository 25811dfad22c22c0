//! The time one request may take, from its first byte to the last byte of its answer.
//!
//! A budget travels with the request, and every wait takes only what is left of it.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// What remains of a request's time.
///
/// ```
/// use std::time::Duration;
///
/// use offhook::Budget;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let budget = Budget::starting_now(Duration::from_millis(20));
/// assert_eq!(budget.wait(async { "in time" }).await, Some("in time"));
/// // One step of several takes a part of it.
/// assert!(budget.at_most(Duration::from_millis(5)).remaining() <= Duration::from_millis(5));
/// // Whoever takes longer is not waited for.
/// assert_eq!(budget.wait(std::future::pending::<()>()).await, None);
/// assert_eq!(budget.remaining(), Duration::ZERO);
/// assert!(budget.spent() >= Duration::from_millis(20));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    started: Instant,
    deadline: Instant,
}

impl Budget {
    /// A budget of `whole` that started ticking at `started`.
    pub fn since(started: Instant, whole: Duration) -> Self {
        Self { started, deadline: started + whole }
    }

    /// A budget of `whole` that starts now.
    pub fn starting_now(whole: Duration) -> Self {
        Self::since(Instant::now(), whole)
    }

    /// The first `percent` of this budget: what is done after this stage needs time too.
    #[must_use]
    pub fn first(self, percent: u32) -> Self {
        let whole = self.deadline.duration_since(self.started);
        Self { started: self.started, deadline: self.started + whole * percent.min(100) / 100 }
    }

    /// The same budget, ending no later than `share` from now.
    #[must_use]
    pub fn at_most(self, share: Duration) -> Self {
        Self { started: self.started, deadline: self.deadline.min(Instant::now() + share) }
    }

    /// When the request's first byte arrived.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The moment at which this budget is used up.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The time used so far.
    pub fn spent(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is left; zero when it is used up.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits for `work` no longer than the budget lasts; `None` when it ran out first.
    pub async fn wait<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::time::timeout_at(self.deadline, work).await.ok()
    }
}
