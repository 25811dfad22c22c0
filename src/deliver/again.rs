//! Delivers again what a person asked for: parked deliveries one by one, and replays of kept events.
//!
//! It runs beside the handler's lane and moves nothing of it: neither its position nor its lag.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attempt::Hands;
use super::report::brief;
use super::schedule::{Jitter, wait_as_told};
use super::{AnyHandler, LaneSettings, Orders, Outcome, lane};
use crate::clock::Clock;
use crate::event::Event;
use crate::journal::{Filter, Journal, Lanes, Parked, Position, Reader, Replay};
use crate::metrics::{DeliveryLabels, Metrics};

/// Events of a replay that are read at once.
const PAGE: usize = 64;
/// When the journal cannot be read or written, it is tried again after this.
const PAUSE: Duration = Duration::from_secs(5);

/// Delivers again, for one handler.
pub(super) struct Again {
    settings: LaneSettings,
    hands: Hands,
    journal: Journal,
    clock: Clock,
    jitter: Jitter,
    taken: watch::Receiver<u64>,
    done: Counter,
    failed: Counter,
    gave_up: Counter,
}

/// Why work ended before there was none left.
enum Broken {
    /// Asked to stop.
    Stopped,
    /// Our own journal failed.
    Journal(String),
}

/// An event that was not taken by the handler, for good.
struct GaveUp {
    why: String,
    attempts: u32,
}

impl Again {
    pub(super) fn new(
        orders: &Orders,
        journal: &Journal,
        (settings, handler): (LaneSettings, AnyHandler),
        metrics: &Metrics,
        clock: Clock,
        jitter: Jitter,
    ) -> Self {
        let counter = |outcome| {
            let labels = DeliveryLabels { handler: Arc::clone(&settings.name), outcome };
            metrics.deliveries.get_or_create_owned(&labels)
        };
        let [done, failed, gave_up] = ["done", "retry", "parked"].map(counter);
        Self {
            hands: Hands::of(&settings.name, handler, journal, &clock).asked_for(),
            settings,
            journal: journal.clone(),
            clock,
            jitter,
            taken: orders.taken(),
            done,
            failed,
            gave_up,
        }
    }

    /// Carries orders out until `stop`; a delivery under way is finished first.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.taken.mark_unchanged();
            let pause = match self.work(&stop).await {
                Err(Broken::Stopped) => return,
                Err(Broken::Journal(error)) => {
                    tracing::error!(handler.name = %self.settings.name, error, "cannot deliver again for now");
                    Some(PAUSE)
                }
                Ok(()) => None,
            };
            let more = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => tokio::select! {
                        _ = self.taken.changed() => {}
                        () = self.journal.lanes().stirs() => {}
                    },
                }
            };
            tokio::select! { () = more => {}, () = stop.cancelled() => return }
        }
    }

    /// Carries out every order there is.
    async fn work(&self, stop: &CancellationToken) -> Result<(), Broken> {
        let handler = Arc::clone(&self.settings.name);
        loop {
            let name = Arc::clone(&handler);
            if let Some(parked) = self.on_disk(move |lanes| lanes.asked_again(&name)).await? {
                self.retry(parked, stop).await?;
                continue;
            }
            let name = Arc::clone(&handler);
            match self.on_disk(move |lanes| lanes.next_replay(&name)).await? {
                Some(replay) => self.replay(replay, stop).await?,
                None => return Ok(()),
            }
        }
    }

    /// Tries a parked delivery again.
    async fn retry(&self, parked: Parked, stop: &CancellationToken) -> Result<(), Broken> {
        let before = Position::before(parked.position);
        let page = self.read(before, 1, Filter::default()).await?;
        let event = page.0.into_iter().find(|(position, _)| *position == parked.position);
        let gave_up = match event {
            Some((_, event)) if event.is_erased() => GaveUp { why: "the event was erased".to_owned(), attempts: 0 },
            Some((_, event)) => match self.hand_over(&event, stop).await? {
                Ok(()) => {
                    tracing::info!(handler.name = %self.settings.name, event.id = %parked.id, "a parked delivery arrived");
                    return self.on_disk(move |lanes| lanes.unpark(&parked)).await;
                }
                Err(gave_up) => gave_up,
            },
            None => GaveUp { why: "the event is no longer in the journal".to_owned(), attempts: 0 },
        };
        let attempts = parked.attempts.saturating_add(gave_up.attempts);
        let parked = Parked { why: gave_up.why, attempts, parked_at: self.clock.now(), asked: false, ..parked };
        self.park(parked).await
    }

    /// Goes on with a replay until it is over.
    async fn replay(&self, mut replay: Replay, stop: &CancellationToken) -> Result<(), Broken> {
        let between = replay.per_second.map(|rate| Duration::from_secs_f64((1.0 / rate).min(3600.0)));
        let mut due = Instant::now();
        while !replay.ended {
            let (events, scanned, more) = self.read(replay.position, PAGE, replay.filter.clone()).await?;
            let events = events.into_iter().filter(|(_, event)| !event.is_erased() && self.takes(event));
            for (position, event) in events.take_while(|(position, _)| *position <= replay.last) {
                tokio::select! { () = sleep_until(due) => {}, () = stop.cancelled() => return Err(Broken::Stopped) }
                due = between.map_or(due, |between| Instant::now() + between);
                match self.hand_over(&event.clone().as_replayed(), stop).await? {
                    Ok(()) => replay.delivered += 1,
                    Err(gave_up) => {
                        self.park(self.parked(position, &event, gave_up)).await?;
                        replay.parked += 1;
                    }
                }
                replay.position = position;
                self.note(&replay).await?;
            }
            replay.position = replay.position.max(scanned.min(replay.last));
            replay.ended = !more || replay.position >= replay.last;
            self.note(&replay).await?;
        }
        let (delivered, parked) = (replay.delivered, replay.parked);
        tracing::info!(handler.name = %self.settings.name, replay.id, delivered, parked, "a replay is over");
        Ok(())
    }

    /// Whether the handler gets events of this kind at all: a replay gives it none that it never asked for.
    fn takes(&self, event: &Event) -> bool {
        let kinds = &self.settings.kinds;
        kinds.is_empty() || kinds.iter().any(|kind| kind.matches(event.kind().name()))
    }

    /// Hands one event over, as often as its lane would try.
    async fn hand_over(&self, event: &Event, stop: &CancellationToken) -> Result<Result<(), GaveUp>, Broken> {
        let (mut attempts, mut failures) = (0, 0);
        loop {
            if stop.is_cancelled() {
                return Err(Broken::Stopped);
            }
            let (after, why) = match self.hands.take(std::slice::from_ref(event)).await.1 {
                Outcome::Done => {
                    self.done.inc();
                    return Ok(Ok(()));
                }
                Outcome::GiveUp { why } => return Ok(Err(GaveUp { why, attempts: attempts + 1 })),
                Outcome::Retry { why, .. } if attempts + 1 >= self.settings.max_attempts => {
                    return Ok(Err(GaveUp { why, attempts: attempts + 1 }));
                }
                Outcome::Retry { after, why } => {
                    attempts += 1;
                    (after, why)
                }
                Outcome::Pause { after, why } => (after, why),
            };
            self.failed.inc();
            if failures == 0 {
                let why = brief(&why);
                tracing::warn!(handler.name = %self.settings.name, event.id = %event.id(), why, "a delivery that was asked for failed and is tried again");
            }
            failures += 1;
            let wait = wait_as_told(after, failures, self.jitter.next());
            tokio::select! { () = sleep(wait) => {}, () = stop.cancelled() => {} }
        }
    }

    async fn park(&self, parked: Parked) -> Result<(), Broken> {
        let (id, why) = (parked.id, brief(&parked.why));
        let parked = Parked { why: why.clone(), ..parked };
        self.on_disk(move |lanes| lanes.park(parked)).await?;
        self.gave_up.inc();
        tracing::error!(handler.name = %self.settings.name, event.id = %id, why, "a delivery that was asked for gave up and is parked");
        Ok(())
    }

    fn parked(&self, position: Position, event: &Event, gave_up: GaveUp) -> Parked {
        lane::gave_up(&self.settings.name, position, event, &gave_up.why, gave_up.attempts, &self.clock)
    }

    async fn note(&self, replay: &Replay) -> Result<(), Broken> {
        let replay = replay.clone();
        self.on_disk(move |lanes| lanes.advance_replay(&replay)).await
    }

    async fn read(&self, after: Position, limit: usize, filter: Filter) -> Result<PageRead, Broken> {
        let reader: Reader = self.journal.reader();
        let page = spawn_blocking(move || reader.page(after, limit, &filter)).await;
        let page = page.map_err(|error| Broken::Journal(error.to_string()))?;
        page.map(|page| (page.events, page.scanned, page.more)).map_err(|error| Broken::Journal(error.to_string()))
    }

    /// Reads or writes what the lanes' file says.
    async fn on_disk<T, E>(&self, work: impl FnOnce(&Lanes) -> Result<T, E> + Send + 'static) -> Result<T, Broken>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let journal = self.journal.clone();
        match spawn_blocking(move || work(journal.lanes())).await {
            Ok(done) => done.map_err(|error| Broken::Journal(error.to_string())),
            Err(error) => Err(Broken::Journal(error.to_string())),
        }
    }
}

/// Carries out the orders there are for `handlers`, and ends: for a journal that no server runs on. Dropping it leaves
/// the rest for later.
///
/// ```
/// use offhook::deliver::{LaneSettings, AnyHandler, Orders, carry_out, from_fn};
/// use offhook::clock::Clock;
/// use offhook::journal::Journal;
/// use offhook::metrics::Metrics;
/// use offhook::{Event, Outcome};
///
/// /// Does what `orders` hold, without a server.
/// async fn again(orders: &Orders, journal: &Journal, metrics: &Metrics) -> Result<(), String> {
///     let handler = AnyHandler::new(from_fn("billing", |_: Event| async { Outcome::Done }));
///     carry_out(orders, journal, vec![(LaneSettings::new("billing"), handler)], metrics, &Clock::system()).await
/// }
/// # let _ = again;
/// ```
///
/// # Errors
/// The journal cannot be read or written; what is left is carried out later.
pub async fn carry_out(
    orders: &Orders,
    journal: &Journal,
    handlers: Vec<(LaneSettings, AnyHandler)>,
    metrics: &Metrics,
    clock: &Clock,
) -> Result<(), String> {
    let never = CancellationToken::new();
    for handler in handlers {
        let again = Again::new(orders, journal, handler, metrics, clock.clone(), Jitter::random());
        match again.work(&never).await {
            Ok(()) | Err(Broken::Stopped) => {}
            Err(Broken::Journal(error)) => return Err(error),
        }
    }
    Ok(())
}

type PageRead = (Vec<(Position, Event)>, Position, bool);
