//! Who plays: a journal with events in it, and an inbox that answers as the test tells it.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use offhook::clock::Clock;
use offhook::deliver::{AnyHandler, Dispatcher, Handler, Jitter, Lane, LaneSettings, Orders, Outcome};
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Journal, Options, Parked};
use offhook::kind::{Family, Kind, KindPattern};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

/// A journal in a directory of its own, and what its lanes need.
pub(super) struct World {
    pub(super) journal: Journal,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) orders: Orders,
    pub(super) dir: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::at(tempfile::tempdir().expect("a directory"))
    }

    fn at(dir: TempDir) -> Self {
        let (metrics, clock) = (Metrics::new(Duration::from_millis(1500)), Clock::system());
        let options =
            Options { min_free: 0, spill: dir.path().join("spill.jsonl"), ..Options::at(dir.path().join("data")) };
        let journal = Journal::open(options, clock.clone(), Arc::clone(&metrics)).expect("a journal");
        let orders = Orders::new(journal.clone(), clock.clone());
        Self { journal, metrics, clock, orders, dir }
    }

    /// Closes the journal properly and opens it again. What closing waits for happens on threads, which a paused clock
    /// does not wait for: that is why it has a runtime of its own.
    pub(super) async fn restarts(self) -> Self {
        let Self { journal, dir, orders, .. } = self;
        let closing = spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            runtime.block_on(journal.close(Duration::from_secs(10)))
        });
        assert_eq!(closing.await.expect("closed").unkept, 0);
        drop(orders);
        Self::at(dir)
    }

    /// An event of `kind` is received, answered and kept.
    pub(super) async fn keeps(&self, kind: &str) -> EventId {
        let event = event(kind, r#"{"fromAccount":"alice"}"#);
        let id = event.id();
        self.journal.append(event, None).await.expect("kept");
        id
    }

    /// So many calls are received at once, in this order.
    pub(super) async fn keeps_many(&self, count: usize) -> Vec<EventId> {
        let events: Vec<_> = (0..count).map(|_| event("call.start", r#"{"fromAccount":"alice"}"#)).collect();
        let ids = events.iter().map(Event::id).collect();
        let keeping: Vec<_> = events.into_iter().map(|event| self.journal.append(event, None)).collect();
        for keeping in keeping {
            keeping.await.expect("kept");
        }
        ids
    }

    /// A lane that is not running: the test makes its steps.
    pub(super) fn lane(&self, settings: LaneSettings, handler: AnyHandler) -> Lane {
        let lane = (settings, handler);
        Lane::new(&self.journal, lane, &self.metrics, self.clock.clone(), Jitter::fixed(1.0)).expect("a lane")
    }

    pub(super) fn starts(&self, handlers: Vec<(LaneSettings, AnyHandler)>) -> Dispatcher {
        let runtime = tokio::runtime::Handle::current();
        Dispatcher::start(&self.journal, handlers, &self.metrics, &self.clock, &self.orders, &runtime).expect("lanes")
    }

    pub(super) fn parked(&self, handler: &str) -> Vec<Parked> {
        self.journal.reader().parked(Some(handler)).expect("readable")
    }

    /// Waits until `handler` has so many parked deliveries.
    pub(super) async fn parks(&self, handler: &str, count: usize) -> Vec<Parked> {
        within_reason(async {
            let mut parked = self.parked(handler);
            while parked.len() < count {
                tokio::task::yield_now().await;
                parked = self.parked(handler);
            }
            parked
        })
        .await
    }

    /// Whether the metrics say `line`.
    pub(super) fn tells(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|told| told == line)
    }
}

pub(crate) fn event(kind: &str, body: &str) -> Event {
    let kind = Kind::named(Family::YunxinCallback, kind);
    Event::new(EventParts {
        sent_at: Some("1772359200000".to_owned()),
        subject: Some("alice".to_owned()),
        headers: "AppKey: offhook-dev\n".into(),
        decision: Some(Decision::by_default(Verdict::allow())),
        ..EventParts::new(kind, "offhook-dev", Clock::system().now(), body.to_owned())
    })
}

pub(super) fn settings(name: &str, max_attempts: u32, kinds: &[&str]) -> LaneSettings {
    let kinds = kinds.iter().map(|kind| KindPattern::parse(kind).expect("a kind")).collect();
    LaneSettings { kinds, max_attempts, ..LaneSettings::new(name) }
}

/// A handler that notes each attempt and answers what was prepared for it; done when nothing was.
pub(super) struct Inbox {
    prepared: Mutex<VecDeque<Outcome>>,
    attempts: watch::Sender<Vec<EventId>>,
    /// Each delivery takes one; there are plenty unless the test takes them away.
    permits: Semaphore,
    panics: bool,
}

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        Self::prepared(Vec::new())
    }

    pub(super) fn prepared(outcomes: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        let prepared = Mutex::new(outcomes.into_iter().collect());
        let permits = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { prepared, attempts: watch::Sender::default(), permits, panics: false })
    }

    /// Its deliveries do not finish before the test calls [`Inbox::lets_go`].
    pub(super) fn holding() -> Arc<Self> {
        let inbox = Self { permits: Semaphore::new(0), ..Self::empty() };
        Arc::new(inbox)
    }

    /// The same, with outcomes prepared.
    pub(super) fn holding_back(outcomes: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        let prepared = Mutex::new(outcomes.into_iter().collect());
        Arc::new(Self { permits: Semaphore::new(0), prepared, ..Self::empty() })
    }

    /// It panics where another outcome than done was prepared.
    pub(super) fn panicking(times: usize) -> Arc<Self> {
        let prepared = (0..times).map(|_| Outcome::give_up("panic")).collect();
        Arc::new(Self { panics: true, prepared: Mutex::new(prepared), ..Self::empty() })
    }

    fn empty() -> Self {
        Self {
            prepared: Mutex::default(),
            attempts: watch::Sender::default(),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            panics: false,
        }
    }

    pub(super) fn lets_go(&self) {
        self.permits.add_permits(1);
    }

    pub(super) fn attempts(&self) -> Vec<EventId> {
        self.attempts.borrow().clone()
    }

    /// Waits until there were so many attempts.
    pub(super) async fn until(&self, count: usize) -> Vec<EventId> {
        let mut attempts = self.attempts.subscribe();
        within_reason(async { attempts.wait_for(|ids| ids.len() >= count).await.expect("an inbox").clone() }).await
    }

    pub(super) fn handler(self: &Arc<Self>) -> AnyHandler {
        AnyHandler::new(Doorman(Arc::clone(self)))
    }
}

struct Doorman(Arc<Inbox>);

impl Handler for Doorman {
    fn name(&self) -> &str {
        "inbox"
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        let (mut turn, mut permit) = (pin!(self.0.permits.acquire()), None);
        self.0.attempts.send_modify(|ids| {
            ids.push(event.id());
            // They are let go in the order in which they stand there.
            permit = turn.as_mut().now_or_never();
        });
        let permit = match permit {
            Some(permit) => permit,
            None => turn.await,
        };
        permit.expect("open").forget();
        let outcome = self.0.prepared.lock().expect("unbroken").pop_front().unwrap_or(Outcome::Done);
        assert!(!self.0.panics || outcome == Outcome::Done, "as the test wants it");
        outcome
    }
}

/// Fails the test instead of letting it hang.
pub(super) async fn within_reason<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it should have happened long ago")
}
