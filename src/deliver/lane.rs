//! One handler's lane: reads on from its position, hands events over, and moves on when they are done or parked.
//!
//! It learns of events from the journal alone, and it touches no other lane.

mod wide;

use std::fmt;
use std::future::pending;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ahead::Ahead;
use super::attempt::Hands;
use super::report::{Report, brief};
use super::schedule::{Jitter, wait_after, wait_as_told};
use super::{AnyHandler, LaneSettings, Outcome};
use crate::clock::Clock;
use crate::event::Event;
use crate::journal::{Journal, LaneError, Parked, Position, Trouble};
use crate::metrics::Metrics;
use wide::Wide;

/// One handler's way through the journal.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::deliver::{AnyHandler, Jitter, Lane, LaneSettings, Step, from_fn};
/// use offhook::journal::{Journal, Options, Position};
/// use offhook::metrics::Metrics;
/// use offhook::{Event, Outcome};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let (clock, metrics) = (Clock::system(), Metrics::new(Duration::from_millis(1500)));
/// let journal = Journal::open(Options::at(directory.path()), clock.clone(), metrics.clone())?;
/// let billing = AnyHandler::new(from_fn("billing", |_: Event| async { Outcome::Done }));
/// let settings = LaneSettings::new("billing");
/// let mut lane = Lane::new(&journal, (settings, billing), &metrics, clock, Jitter::random())?;
/// assert!(matches!(lane.step().await, Step::Idle), "nothing was kept yet");
/// assert_eq!(lane.position(), Position(0));
/// # Ok(()) }
/// ```
pub struct Lane {
    settings: LaneSettings,
    hands: Hands,
    journal: Journal,
    clock: Clock,
    jitter: Jitter,
    report: Report,
    durable: watch::Receiver<Position>,
    /// Everything up to here is done or parked.
    position: Position,
    ahead: Ahead,
    /// Everything that was durable at the last look has been read.
    caught_up: bool,
    trial: Trial,
    /// Gave up, but is not written down yet.
    parking: Option<Parked>,
    /// Nothing is tried before this moment.
    due: Instant,
}

/// What a step came to.
///
/// Example: [`Lane`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many events were delivered; 0 when one was parked, or when only unwanted ones were passed over.
    Delivered(usize),
    /// Nothing to do before the journal has more.
    Idle,
    /// Something failed; nothing to do before this moment.
    Waiting {
        /// When it is tried again.
        until: Instant,
    },
}

/// How the event at hand fared so far.
#[derive(Default)]
struct Trial {
    /// Attempts that count towards `max_attempts`.
    attempts: u32,
    /// Failures in a row of any sort, which set the next wait.
    failures: u32,
}

impl Lane {
    /// The lane of `settings.name`, where it was left; a new one starts at the journal's present end. Blocking.
    ///
    /// # Errors
    /// [`LaneError`] when a new lane's start could not be written down.
    pub fn new(
        journal: &Journal,
        (settings, handler): (LaneSettings, AnyHandler),
        metrics: &Metrics,
        clock: Clock,
        jitter: Jitter,
    ) -> Result<Self, LaneError> {
        let position = journal.lanes().register(&settings.name)?;
        handler.counts_in(metrics);
        journal.lanes().takes(&settings.name, &settings.kinds);
        let ahead = Ahead::new(journal, &settings);
        Ok(Self {
            report: Report::new(&settings.name, metrics),
            durable: ahead.news(),
            ahead,
            hands: Hands::of(&settings.name, handler, journal, &clock),
            journal: journal.clone(),
            settings,
            clock,
            jitter,
            position,
            caught_up: false,
            trial: Trial::default(),
            parking: None,
            due: Instant::now(),
        })
    }

    /// Everything up to here is done or parked.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Steps until `stop`; a delivery under way is finished first. Where its settings allow several at once, there are.
    pub async fn run(mut self, stop: CancellationToken) {
        if self.settings.concurrency > 1 {
            return Wide::of(self).run(stop).await;
        }
        while !stop.is_cancelled() {
            let step = self.step().await;
            tokio::select! { () = self.rest(step) => {}, () = stop.cancelled() => {} }
        }
    }

    /// Makes one move: hands an event over, writes a parked one down, or reads further. Never waits for the time to
    /// try again: it says when that is.
    pub async fn step(&mut self) -> Step {
        if Instant::now() < self.due {
            return Step::Waiting { until: self.due };
        }
        if let Some(parked) = self.parking.clone() {
            return self.park(parked).await;
        }
        if self.ahead.events().is_empty()
            && let Some(step) = self.read().await
        {
            return step;
        }
        self.deliver().await
    }

    /// Waits until another step makes sense.
    async fn rest(&mut self, step: Step) {
        match step {
            Step::Delivered(_) => {}
            Step::Waiting { until } => sleep_until(until).await,
            Step::Idle => match self.durable.changed().await {
                Ok(()) => self.caught_up = false,
                Err(_) => pending().await, // the journal is closed: only the end of the run is left
            },
        }
    }

    /// Reads the next events; a step where there are none to deliver.
    async fn read(&mut self) -> Option<Step> {
        if self.caught_up && !self.durable.has_changed().unwrap_or(false) {
            return Some(Step::Idle);
        }
        self.durable.mark_unchanged();
        self.caught_up = match self.ahead.read(self.position).await {
            Ok(more) => !more,
            Err(error) => return Some(self.stuck("cannot read the journal", &error)),
        };
        self.unstuck();
        if !self.ahead.events().is_empty() {
            return None;
        }
        self.pass(0);
        Some(if self.caught_up { Step::Idle } else { Step::Delivered(0) })
    }

    /// Hands over what is ahead, as much of it as the handler takes at once.
    async fn deliver(&mut self) -> Step {
        let events = self.ahead.events();
        let (done, outcome) = self.hands.take(events).await;
        if let Some(last) = done.checked_sub(1).and_then(|last| events.get(last)) {
            self.report.delivered(done, last, &self.clock);
            self.forget_trial();
            self.pass(done);
        }
        match outcome {
            Outcome::Done => Step::Delivered(done),
            Outcome::Pause { after, why } => self.paused(after, &why),
            Outcome::Retry { after, why } => {
                self.trial.attempts += 1;
                if self.trial.attempts < self.settings.max_attempts {
                    self.failed(after, &why)
                } else {
                    self.give_up(&why).await
                }
            }
            Outcome::GiveUp { why } => {
                self.trial.attempts += 1;
                self.give_up(&why).await
            }
        }
    }

    /// The event at hand is tried again later.
    fn failed(&mut self, after: Option<Duration>, why: &str) -> Step {
        self.trial.failures = self.trial.failures.saturating_add(1);
        let wait = wait_as_told(after, self.trial.failures, self.jitter.next());
        if let Some((_, event)) = self.ahead.first() {
            let why = brief(why);
            self.report.failed(event, &why, wait, &self.clock);
            self.is_stuck_at(event, why, self.trial.failures, wait);
        }
        self.wait(wait)
    }

    /// The target is in trouble. Where there are several instances, the next one to try may be another.
    fn paused(&mut self, after: Option<Duration>, why: &str) -> Step {
        let step = self.failed(after, why);
        if self.ahead.put_back(self.due.saturating_duration_since(Instant::now())) {
            self.trial.attempts = 0;
        }
        step
    }

    /// The event at hand is not tried again.
    async fn give_up(&mut self, why: &str) -> Step {
        let Some((position, event)) = self.ahead.first() else { return Step::Delivered(0) };
        let parked = gave_up(&self.settings.name, position, event, why, self.trial.attempts, &self.clock);
        self.forget_trial();
        self.parking = Some(parked.clone());
        self.park(parked).await
    }

    /// Leaves word of what is tried again, for whoever looks on.
    fn is_stuck_at(&self, event: &Event, why: String, failures: u32, wait: Duration) {
        let next_try = self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        let trouble = Trouble { id: event.id(), why, failures, next_try };
        self.journal.lanes().stuck_at(&self.settings.name, Some(trouble));
    }

    /// The event at hand fares well, or not at all any more.
    fn forget_trial(&mut self) {
        if self.trial.failures > 0 {
            self.journal.lanes().stuck_at(&self.settings.name, None);
        }
        self.trial = Trial::default();
    }

    /// Writes down that an event gave up; only then does the lane go past it.
    async fn park(&mut self, parked: Parked) -> Step {
        if let Err(error) = write_down(&self.journal, parked.clone()).await {
            return self.stuck("cannot park a delivery", &error);
        }
        self.unstuck();
        self.report.parked(&parked);
        self.parking = None;
        self.pass(1);
        Step::Delivered(0)
    }

    /// `count` events of those ahead are done or parked.
    fn pass(&mut self, count: usize) {
        let position = self.ahead.pass(count);
        if position > self.position {
            self.position = position;
            self.journal.lanes().advance(&self.settings.name, position);
        }
    }

    /// Our own disk is in trouble, not the target: the lane stands still, and loses nothing.
    fn stuck(&mut self, what: &'static str, error: &str) -> Step {
        self.trial.failures = self.trial.failures.saturating_add(1);
        self.report.stuck(what, error);
        self.wait(wait_after(self.trial.failures, self.jitter.next()))
    }

    fn unstuck(&mut self) {
        if self.report.unstuck() {
            self.trial.failures = 0;
        }
    }

    fn wait(&mut self, wait: Duration) -> Step {
        self.due = Instant::now() + wait;
        Step::Waiting { until: self.due }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("handler", self.hands.handler())
            .field("position", &self.position)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// A delivery that gave up after so many attempts.
pub(super) fn gave_up(
    handler: &str,
    position: Position,
    event: &Event,
    why: &str,
    attempts: u32,
    clock: &Clock,
) -> Parked {
    Parked {
        handler: handler.to_owned(),
        position,
        id: event.id(),
        kind: event.kind().name().to_owned(),
        app_key: event.app_key().to_string(),
        why: brief(why),
        attempts,
        parked_at: clock.now(),
        asked: false,
    }
}

/// Writes down that a delivery gave up.
async fn write_down(journal: &Journal, parked: Parked) -> Result<(), String> {
    let journal = journal.clone();
    match spawn_blocking(move || journal.lanes().park(parked)).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
