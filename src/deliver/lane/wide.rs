//! A lane whose order does not matter: several events are under way at once.
//!
//! Its position is still that before the first event that is neither done nor parked. What is done beyond it comes again
//! after a crash.

use std::collections::VecDeque;
use std::future::pending;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Lane, Trial, gave_up, write_down};
use crate::deliver::Outcome;
use crate::deliver::report::brief;
use crate::deliver::schedule::{wait_after, wait_as_told};
use crate::event::Event;
use crate::journal::{Parked, Position};

/// So many events are in sight at least, so that one that is tried again later does not hold up those behind it at once.
const SIGHT: usize = 64;

/// A lane that hands several events over at once.
pub(super) struct Wide {
    lane: Lane,
    /// In the journal's order, from the first one that is not done.
    window: VecDeque<Item>,
    /// So many fit into it.
    sight: usize,
    /// Everything up to here is in the window or behind it.
    read: Position,
    /// Failures in a row of our own journal.
    stuck: u32,
    under_way: JoinSet<(Position, Outcome)>,
    trouble: Option<Trouble>,
}

/// An event that is not known to be done.
struct Item {
    position: Position,
    event: Event,
    state: State,
    trial: Trial,
}

enum State {
    /// Not to be tried before this moment.
    Waiting(Instant),
    UnderWay,
    /// Gave up, but is not written down yet; not to be tried before this moment.
    Parking(Parked, Instant),
    Done,
}

/// The target's own: nothing is handed over but a probe at a time.
struct Trouble {
    /// Failed probes, and the failure that it began with.
    failures: u32,
    due: Instant,
    /// The event that finds out whether it is over.
    probe: Option<Position>,
}

impl Wide {
    pub(super) fn of(lane: Lane) -> Self {
        let sight = SIGHT.max(4 * lane.settings.concurrency);
        let read = lane.position;
        Self { lane, window: VecDeque::new(), sight, read, stuck: 0, under_way: JoinSet::new(), trouble: None }
    }

    /// Delivers until `stop`; what is under way then is finished first.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let more = self.read().await;
            self.park().await;
            self.start();
            let next = if more { Some(Instant::now()) } else { self.due() };
            let wants_more = self.has_room() && self.lane.caught_up;
            tokio::select! {
                Some(ended) = self.under_way.join_next() => self.ended(ended),
                () = until(next) => {}
                () = grown(&mut self.lane.durable), if wants_more => self.lane.caught_up = false,
                () = stop.cancelled() => {}
            }
        }
        while let Some(ended) = self.under_way.join_next().await {
            self.ended(ended);
        }
        self.park().await;
    }

    fn has_room(&self) -> bool {
        self.window.len() <= self.sight / 2
    }

    /// Reads on, where there is room. Whether there is more to read at once.
    async fn read(&mut self) -> bool {
        if !self.has_room() || self.lane.caught_up || Instant::now() < self.lane.due {
            return false;
        }
        self.lane.durable.mark_unchanged();
        let page = match self.lane.ahead.pager().page(self.read, self.sight - self.window.len()).await {
            Ok(page) => page,
            Err(error) => {
                self.lane.due = self.stuck("cannot read the journal", &error);
                return false;
            }
        };
        self.unstuck();
        self.lane.caught_up = !page.more;
        self.read = page.scanned;
        let now = Instant::now();
        let item = |(position, event)| Item { position, event, state: State::Waiting(now), trial: Trial::default() };
        self.window.extend(page.events.into_iter().map(item));
        // Where another instance gave one back, it comes after those behind it.
        self.window.make_contiguous().sort_by_key(|item| item.position);
        self.advance();
        page.more && self.has_room()
    }

    /// Hands over what is due, as much as may be under way at once.
    fn start(&mut self) {
        let now = Instant::now();
        let mut at_once = self.lane.settings.concurrency;
        if let Some(trouble) = &self.trouble {
            if now < trouble.due || trouble.probe.is_some() {
                return;
            }
            at_once = 1;
        }
        for item in &mut self.window {
            if self.under_way.len() >= at_once {
                return;
            }
            if !matches!(item.state, State::Waiting(due) if due <= now) {
                continue;
            }
            if let Some(trouble) = &mut self.trouble {
                trouble.probe = Some(item.position);
            }
            item.state = State::UnderWay;
            let (hands, position, event) = (self.lane.hands.clone(), item.position, item.event.clone());
            self.under_way.spawn(async move { (position, hands.take(std::slice::from_ref(&event)).await.1) });
        }
    }

    /// When something is to be done by itself.
    fn due(&self) -> Option<Instant> {
        let trouble = self.trouble.as_ref();
        let tried_by = |due: Instant| match trouble {
            // After its end the rest is looked at again.
            Some(trouble) if trouble.probe.is_some() || !self.under_way.is_empty() => None,
            Some(trouble) => Some(due.max(trouble.due)),
            None if self.under_way.len() >= self.lane.settings.concurrency => None,
            None => Some(due),
        };
        let item = |item: &Item| match &item.state {
            State::Waiting(due) => tried_by(*due),
            State::Parking(_, due) => Some(*due),
            State::UnderWay | State::Done => None,
        };
        let read = (self.has_room() && !self.lane.caught_up).then_some(self.lane.due);
        self.window.iter().filter_map(item).chain(read).min()
    }

    /// One of those under way came to its end.
    fn ended(&mut self, ended: Result<(Position, Outcome), JoinError>) {
        // An attempt catches its handler's panics, and nobody aborts it but who drops the whole lane.
        let Ok((position, outcome)) = ended else { return };
        let Ok(place) = self.window.binary_search_by_key(&position, |item| item.position) else { return };
        let Some(item) = self.window.get_mut(place) else { return };
        let lane = &mut self.lane;
        let was_probe = self.trouble.as_ref().is_some_and(|trouble| trouble.probe == Some(position));
        if was_probe && !matches!(outcome, Outcome::Pause { .. }) {
            self.trouble = None;
        }
        match outcome {
            Outcome::Done => {
                lane.report.delivered(1, &item.event, &lane.clock);
                if was_probe || item.trial.failures > 0 {
                    lane.journal.lanes().stuck_at(&lane.settings.name, None);
                }
                item.state = State::Done;
                lane.ahead.pager().done(&[position]);
                self.advance();
            }
            Outcome::Pause { after, why } => {
                item.state = State::Waiting(Instant::now());
                let earlier = self.trouble.take();
                // Those that were under way when it began tell of the same trouble.
                let failures = match &earlier {
                    Some(trouble) if was_probe => trouble.failures.saturating_add(1),
                    Some(trouble) => trouble.failures,
                    None => 1,
                };
                let wait = wait_as_told(after, failures, lane.jitter.next());
                lane.report.failed(&item.event, &brief(&why), wait, &lane.clock);
                lane.is_stuck_at(&item.event, brief(&why), failures, wait);
                let due = Instant::now() + wait;
                let due = earlier.as_ref().map_or(due, |earlier| earlier.due.max(due));
                let probe = earlier.and_then(|earlier| earlier.probe).filter(|_| !was_probe);
                self.trouble = Some(Trouble { failures, due, probe });
            }
            Outcome::Retry { after, why } => {
                item.trial.attempts += 1;
                if item.trial.attempts >= lane.settings.max_attempts {
                    return self.give_up(place, &why);
                }
                item.trial.failures = item.trial.failures.saturating_add(1);
                let wait = wait_as_told(after, item.trial.failures, lane.jitter.next());
                lane.report.failed(&item.event, &brief(&why), wait, &lane.clock);
                lane.is_stuck_at(&item.event, brief(&why), item.trial.failures, wait);
                item.state = State::Waiting(Instant::now() + wait);
            }
            Outcome::GiveUp { why } => {
                item.trial.attempts += 1;
                self.give_up(place, &why);
            }
        }
    }

    /// The event at `place` is not tried again.
    fn give_up(&mut self, place: usize, why: &str) {
        let (lane, Some(item)) = (&self.lane, self.window.get_mut(place)) else { return };
        let parked = gave_up(&lane.settings.name, item.position, &item.event, why, item.trial.attempts, &lane.clock);
        item.state = State::Parking(parked, Instant::now());
    }

    /// Writes down what gave up; only then does the lane go past it.
    async fn park(&mut self) {
        for place in 0..self.window.len() {
            let Some(Item { state: State::Parking(parked, due), .. }) = self.window.get(place) else { continue };
            if Instant::now() < *due {
                continue;
            }
            let parked = parked.clone();
            let state = match write_down(&self.lane.journal, parked.clone()).await {
                Ok(()) => {
                    self.unstuck();
                    self.lane.report.parked(&parked);
                    self.lane.ahead.pager().done(&[parked.position]);
                    State::Done
                }
                Err(error) => State::Parking(parked, self.stuck("cannot park a delivery", &error)),
            };
            if let Some(item) = self.window.get_mut(place) {
                item.state = state;
            }
        }
        self.advance();
    }

    /// Moves the position over everything that is done without a gap.
    fn advance(&mut self) {
        let mut position = self.lane.position;
        while self.window.front().is_some_and(|item| matches!(item.state, State::Done)) {
            position = self.window.pop_front().map_or(position, |item| item.position);
        }
        if self.window.is_empty() {
            position = position.max(self.read);
        }
        if position > self.lane.position {
            self.lane.position = position;
            self.lane.journal.lanes().advance(&self.lane.settings.name, position);
        }
    }

    /// Our own disk is in trouble; when it is tried again.
    fn stuck(&mut self, what: &'static str, error: &str) -> Instant {
        self.stuck = self.stuck.saturating_add(1);
        self.lane.report.stuck(what, error);
        Instant::now() + wait_after(self.stuck, self.lane.jitter.next())
    }

    fn unstuck(&mut self) {
        if self.lane.report.unstuck() {
            self.stuck = 0;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// Waits until the journal has more.
async fn grown(durable: &mut tokio::sync::watch::Receiver<Position>) {
    if durable.changed().await.is_err() {
        pending().await // the journal is closed: only the end of the run is left
    }
}
