//! Turns at a decider that takes only so many questions at once: apps take turns, and nobody waits in vain.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::verdict::FallbackReason;

/// All turns of a decider.
#[derive(Debug)]
pub(super) struct Turns(Arc<Mutex<Line>>);

#[derive(Debug)]
struct Line {
    free: usize,
    /// Who waits, by app; an app that nobody waits for is not here.
    waiting: HashMap<Arc<str>, VecDeque<Waiting>>,
    /// The apps that wait, whose turn comes first in front.
    apps: VecDeque<Arc<str>>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    call: oneshot::Sender<Turn>,
}

/// One turn. Dropped, it is somebody else's.
#[derive(Debug)]
pub(super) struct Turn(Option<Arc<Mutex<Line>>>);

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTurn {
    /// Others have waited for so long that it would come too late; this one did not wait.
    #[error("too many questions wait already")]
    Hopeless,
    /// It did not come in time.
    #[error("its turn did not come in time")]
    TooLate,
}

impl NoTurn {
    /// What the fallback is used for.
    pub(super) fn reason(self) -> FallbackReason {
        match self {
            Self::Hopeless => FallbackReason::Overload,
            Self::TooLate => FallbackReason::Timeout,
        }
    }
}

impl Turns {
    /// `most` at once.
    pub(super) fn of(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Line { free: most, waiting: HashMap::new(), apps: VecDeque::new() })))
    }

    /// A turn for a question of `app`, as soon as there is one.
    pub(super) async fn take(&self, app: &Arc<str>, budget: Budget) -> Result<Turn, NoTurn> {
        let called = {
            let mut line = lock(&self.0);
            if line.free > 0 {
                line.free -= 1;
                return Ok(Turn(Some(Arc::clone(&self.0))));
            }
            if line.oldest(app).is_some_and(|since| is_hopeless(since, budget)) {
                return Err(NoTurn::Hopeless);
            }
            let (call, called) = oneshot::channel();
            let line = &mut *line;
            let own = line.waiting.entry(Arc::clone(app)).or_insert_with(|| {
                line.apps.push_back(Arc::clone(app));
                VecDeque::new()
            });
            own.push_back(Waiting { since: Instant::now(), call });
            called
        };
        for_its_turn(budget).wait(called).await.and_then(Result::ok).ok_or(NoTurn::TooLate)
    }
}

/// Whether somebody who comes now would be served too late, where the first in the line has waited `since` then.
///
/// Who comes now will wait about as long, or longer where the line is still growing, and needs time for being served too:
/// half of what is left is for that.
pub(super) fn is_hopeless(since: Instant, budget: Budget) -> bool {
    since.elapsed() >= budget.remaining() / 2
}

/// How long somebody waits for their turn who has `budget` left: three quarters of it. Who is called later would be hurried
/// through in vain, and many whose time ends at one moment make each other's answers late.
pub(super) fn for_its_turn(budget: Budget) -> Budget {
    budget.at_most(budget.remaining() * 3 / 4)
}

impl Line {
    /// Since when the first of `app` has waited that still does.
    fn oldest(&mut self, app: &Arc<str>) -> Option<Instant> {
        let own = self.waiting.get_mut(app)?;
        while own.front().is_some_and(|first| first.call.is_closed()) {
            own.pop_front();
        }
        own.front().map(|first| first.since)
    }

    /// Hands a turn on to the next app's first, or keeps it.
    fn hand_on(&mut self, turns: &Arc<Mutex<Self>>) {
        while let Some(app) = self.apps.pop_front() {
            let Some(own) = self.waiting.get_mut(&app) else { continue };
            let mut given = false;
            while !given && let Some(first) = own.pop_front() {
                match first.call.send(Turn(Some(Arc::clone(turns)))) {
                    Ok(()) => given = true,
                    // Nobody waits there any more, and this turn was never theirs.
                    Err(mut turn) => turn.0 = None,
                }
            }
            if own.is_empty() {
                self.waiting.remove(&app);
            } else {
                self.apps.push_back(app);
            }
            if given {
                return;
            }
        }
        self.free += 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            lock(&turns).hand_on(&turns);
        }
    }
}

fn lock(turns: &Mutex<Line>) -> MutexGuard<'_, Line> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinHandle;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn app(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    async fn take(turns: &Turns, name: &str) -> Result<Turn, NoTurn> {
        turns.take(&app(name), Budget::starting_now(SECOND)).await
    }

    /// Waits for a turn on a task of its own, which has begun to wait when this returns.
    async fn waits(turns: &Arc<Turns>, name: &'static str) -> JoinHandle<Result<Turn, NoTurn>> {
        let turns = Arc::clone(turns);
        let task = tokio::spawn(async move { take(&turns, name).await });
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_turns_and_each_comes_back() {
        let turns = Turns::of(2);
        let held = [take(&turns, "a").await.expect("free"), take(&turns, "a").await.expect("free")];
        let came = Instant::now();
        assert_eq!(take(&turns, "a").await.err(), Some(NoTurn::TooLate));
        assert_eq!(came.elapsed(), SECOND * 3 / 4, "the last quarter is for being served");
        drop(held);
        assert!(take(&turns, "a").await.is_ok());
        let line = lock(&turns.0);
        assert_eq!((line.free, line.waiting.len(), line.apps.len()), (2, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn apps_take_turns_however_many_questions_one_of_them_has() {
        let turns = Arc::new(Turns::of(1));
        let mut held = take(&turns, "noisy").await.expect("free");
        let mut noisy = Vec::new();
        for _ in 0..10 {
            noisy.push(waits(&turns, "noisy").await);
        }
        let quiet = waits(&turns, "quiet").await;
        drop(held);
        held = noisy.remove(0).await.expect("a task").expect("the next");
        drop(held);
        drop(quiet.await.expect("a task").expect("the one after"));
        drop(noisy.remove(0).await.expect("a task").expect("noisy again"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_in_vain_is_told_so_at_once_and_only_those() {
        let turns = Arc::new(Turns::of(1));
        let held = take(&turns, "noisy").await.expect("free");
        let first = waits(&turns, "noisy").await;
        tokio::time::advance(SECOND / 2 - Duration::from_millis(1)).await;
        let second = waits(&turns, "noisy").await;
        assert!(!second.is_finished());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(waits(&turns, "noisy").await.await.expect("a task").err(), Some(NoTurn::Hopeless));
        let quiet = waits(&turns, "quiet").await;
        assert!(!quiet.is_finished(), "another app has a line of its own");
        // When the first has gone, the second has waited for a moment only.
        first.abort();
        tokio::task::yield_now().await;
        assert!(!waits(&turns, "noisy").await.is_finished());
        drop(held);
        drop(second.await.expect("a task").expect("it waited first"));
        assert!(quiet.await.expect("a task").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_was_given_to_somebody_who_just_left_is_not_lost() {
        let turns = Arc::new(Turns::of(1));
        let held = take(&turns, "a").await.expect("free");
        let (left, given) = (waits(&turns, "a").await, waits(&turns, "a").await);
        left.abort();
        drop(held);
        given.abort();
        tokio::task::yield_now().await;
        assert!(take(&turns, "a").await.is_ok());
    }
}
