//! The gate: who is connected, who has proven anything yet, and who has taken too long.
//!
//! Strangers have a place of their own. Over its limit the oldest of them goes, never the newcomer:
//! a real question must always get in.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::metrics::Metrics;

/// All open connections of a listener.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    lists: Mutex<Lists>,
    came: Notify,
    epoch: Instant,
    metrics: Arc<Metrics>,
}

/// What connections may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) deadline: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) max_unproven: usize,
}

#[derive(Debug, Default)]
struct Lists {
    next: u64,
    all: HashMap<u64, Arc<Connection>>,
    /// By age: numbers only grow.
    unproven: BTreeMap<u64, Arc<Connection>>,
}

/// One connection, as its reader, its requests and the gate see it.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    /// Who is at its other end.
    peer: SocketAddr,
    gate: Arc<Gate>,
    phase: AtomicU8,
    /// When the present phase's clock started, in microseconds since the gate's epoch.
    since: AtomicU64,
    /// When bytes last came in.
    last_read: AtomicU64,
    /// When the last answer was ready.
    answered: AtomicU64,
    proven: AtomicBool,
    task: OnceLock<AbortHandle>,
}

/// At rest between requests: the idle timeout counts.
const RESTING: u8 = 0;
/// A head is coming in: the deadline counts from its first byte.
const HEAD: u8 = 1;
/// A request is being worked on; it watches the deadline itself.
const WORKING: u8 = 2;
/// An answer waits to be taken: the deadline still counts from the request's first byte.
const ANSWERING: u8 = 3;
/// The answer was taken.
const ANSWERED: u8 = 4;
/// Accepted, and silent so far: the idle timeout counts.
const FRESH: u8 = 5;

/// How often connections are looked over. A cut may come this much late; answers never do.
const ROUND: Duration = Duration::from_millis(50);

impl Gate {
    pub(super) fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { limits, lists: Mutex::default(), came: Notify::new(), epoch: Instant::now(), metrics })
    }

    /// Lets a newcomer in, and the oldest stranger out where there are too many.
    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr) -> Arc<Connection> {
        let (connection, leaving) = {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.next += 1;
            let connection = Arc::new(Connection {
                number: lists.next,
                peer,
                gate: Arc::clone(self),
                phase: AtomicU8::new(FRESH),
                since: AtomicU64::new(self.now()),
                last_read: AtomicU64::new(self.now()),
                answered: AtomicU64::new(0),
                proven: AtomicBool::new(false),
                task: OnceLock::new(),
            });
            lists.all.insert(connection.number, Arc::clone(&connection));
            lists.unproven.insert(connection.number, Arc::clone(&connection));
            let over = lists.unproven.len() > self.limits.max_unproven;
            let leaving = if over { lists.unproven.pop_first().map(|(_, oldest)| oldest) } else { None };
            (connection, leaving)
        };
        if let Some(oldest) = leaving {
            oldest.cut();
        }
        self.came.notify_one();
        connection
    }

    /// Makes room when the system has none left for another connection.
    pub(super) fn drop_oldest_stranger(&self) {
        let oldest = self.lists.lock().unwrap_or_else(PoisonError::into_inner).unproven.pop_first();
        if let Some((_, oldest)) = oldest {
            oldest.cut();
        }
    }

    /// Cuts connections that take too long, for as long as it is polled.
    pub(super) async fn watch(&self) {
        loop {
            if self.is_empty() {
                self.came.notified().await;
            }
            tokio::time::sleep(ROUND).await;
            for late in self.late() {
                late.cut();
            }
        }
    }

    /// Cuts every connection that is left.
    pub(super) fn cut_all(&self) {
        let all = std::mem::take(&mut self.lists.lock().unwrap_or_else(PoisonError::into_inner).all);
        for connection in all.into_values() {
            connection.cut();
        }
    }

    fn is_empty(&self) -> bool {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).all.is_empty()
    }

    fn late(&self) -> Vec<Arc<Connection>> {
        let now = self.now();
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.all.values().filter(|connection| connection.is_late(now, &self.limits)).map(Arc::clone).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Connection {
    /// Its task: aborting it closes the connection.
    pub(super) fn runs_as(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        let now = self.gate.now();
        self.last_read.store(now, Ordering::Relaxed);
        match self.phase.load(Ordering::Relaxed) {
            RESTING | ANSWERED => self.enter(HEAD, now),
            FRESH => self.enter(HEAD, self.first_began(now)),
            _ => {}
        }
    }

    /// When the first request began whose first byte came `now`: with the connection, since that is when its sender
    /// began to wait. One that was silent for half the deadline was opened in advance, and its sender asks only now.
    fn first_began(&self, now: u64) -> u64 {
        let accepted = self.since.load(Ordering::Relaxed);
        let silent = Duration::from_micros(now.saturating_sub(accepted));
        if silent > self.gate.limits.deadline / 2 { now } else { accepted }
    }

    /// Who is at its other end.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// There was nothing to read: after an answer that was taken, the connection rests.
    pub(super) fn waits(&self) {
        if self.phase.load(Ordering::Relaxed) == ANSWERED {
            self.phase.store(RESTING, Ordering::Relaxed);
        }
    }

    /// The peer took bytes of an answer.
    pub(super) fn wrote(&self) {
        if self.phase.load(Ordering::Relaxed) == ANSWERING {
            let now = self.gate.now();
            self.enter(ANSWERED, now);
            let took = now.saturating_sub(self.answered.load(Ordering::Relaxed));
            self.gate.metrics.stages.write.observe(Duration::from_micros(took).as_secs_f64());
        }
    }

    /// A request's head is complete. Tells when its first byte came.
    pub(super) fn begins(&self) -> Instant {
        let began = match self.phase.load(Ordering::Relaxed) {
            HEAD => self.since.load(Ordering::Relaxed),
            // The head lay in a buffer already: it came with the bytes that were read last.
            _ => self.last_read.load(Ordering::Relaxed),
        };
        self.enter(WORKING, began);
        self.gate.epoch + Duration::from_micros(began)
    }

    /// The answer is ready to be written.
    pub(super) fn answers(&self) {
        self.answered.store(self.gate.now(), Ordering::Relaxed);
        self.phase.store(ANSWERING, Ordering::Relaxed);
    }

    /// Its headers were proven: it is no stranger any more.
    pub(super) fn proves_itself(&self) {
        if !self.proven.swap(true, Ordering::Relaxed) {
            self.gate.lists.lock().unwrap_or_else(PoisonError::into_inner).unproven.remove(&self.number);
        }
    }

    /// The connection is gone.
    pub(super) fn leaves(&self) {
        let mut lists = self.gate.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.all.remove(&self.number);
        lists.unproven.remove(&self.number);
    }

    /// Closes it now. A request that was understood goes on without it.
    fn cut(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        self.leaves();
    }

    fn enter(&self, phase: u8, since: u64) {
        self.since.store(since, Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn is_late(&self, now: u64, limits: &Limits) -> bool {
        let limit = match self.phase.load(Ordering::Relaxed) {
            FRESH | RESTING | ANSWERED => limits.idle_timeout,
            HEAD | ANSWERING => limits.deadline,
            _ => return false,
        };
        Duration::from_micros(now.saturating_sub(self.since.load(Ordering::Relaxed))) > limit
    }
}
