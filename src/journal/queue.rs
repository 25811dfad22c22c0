//! Where callers put events and the writer takes them from, all that are there at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::keeping::{Kept, Unkept};
use super::lock;
use super::repeats::RepeatKey;
use super::slot::Slot;
use crate::event::Event;

/// An event that waits to be kept.
#[derive(Debug)]
pub(super) struct Entry {
    pub event: Event,
    pub repeat: Option<RepeatKey>,
    pub slot: Arc<Slot<Result<Kept, Unkept>>>,
    pub handed_over: Instant,
}

/// The queue. Putting something in is a push under a mutex; the writer is woken only when it waits for that very push.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
    /// Accepted, and their callers not told yet.
    unsettled: AtomicUsize,
    /// About how much memory these take.
    bytes: AtomicUsize,
    limits: Limits,
    /// When the writer took the batch it is at; none between two batches.
    taken: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// At this many entries the writer wants to be woken; 0 when it does not wait.
    wanted: usize,
    /// The writer is to look after its file, though nothing waits.
    nudged: bool,
    closed: bool,
}

/// What may wait for a disk that does not answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// Over so much memory somebody else should take over; over twice as much nothing more is taken.
    pub bytes: usize,
    /// At one batch for so long, the writer is held up.
    pub stalled_after: Duration,
}

/// How long the writer waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first entry; `None`: until one comes.
    pub idle: Option<Duration>,
    /// It would like as many as this,
    pub gather: usize,
    /// and waits this long for them.
    pub gather_most: Duration,
}

impl Entry {
    /// About how much memory it takes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.event.body().len() + self.event.headers().len() + OVERHEAD
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Puts `entry` in, or gives it back when the queue is closed, or the writer held up and far too much waits for it.
    /// True where so much waits for a writer that is held up that somebody should take over.
    pub(super) fn push(&self, entry: Entry) -> Result<bool, Box<Entry>> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let crowded = bytes > self.limits.bytes && self.is_stalled();
        let mut state = lock(&self.state);
        if state.closed || (crowded && bytes > 2 * self.limits.bytes) {
            return Err(Box::new(entry));
        }
        self.bytes.fetch_add(entry.weight(), Ordering::Relaxed);
        self.unsettled.fetch_add(1, Ordering::Relaxed);
        state.entries.push(entry);
        let ring = state.wanted != 0 && state.entries.len() >= state.wanted;
        if ring {
            state.wanted = 0;
        }
        drop(state);
        if ring {
            self.bell.notify_one();
        }
        Ok(crowded)
    }

    /// Moves everything into `batch`, which is empty. False when the queue is closed and empty.
    pub(super) fn take(&self, batch: &mut Vec<Entry>, patience: Patience) -> bool {
        self.rests();
        let mut state = lock(&self.state);
        if patience.gather > 1 && patience.idle != Some(Duration::ZERO) {
            state = self.wait(state, patience.gather, Some(patience.gather_most));
        }
        if state.entries.is_empty() {
            state = self.wait(state, 1, patience.idle);
        }
        state.nudged = false;
        std::mem::swap(&mut state.entries, batch);
        *lock(&self.taken) = (!batch.is_empty()).then(Instant::now);
        !batch.is_empty() || !state.closed
    }

    /// Moves what waits for a writer that is held up into `batch`, which is empty. False when there is nothing to take over.
    pub(super) fn take_over(&self, batch: &mut Vec<Entry>) -> bool {
        if self.is_stalled() {
            std::mem::swap(&mut lock(&self.state).entries, batch);
        }
        !batch.is_empty()
    }

    /// Waits until `wanted` entries are there, the queue is closed, or `most` has passed.
    fn wait<'a>(
        &self,
        mut state: std::sync::MutexGuard<'a, State>,
        wanted: usize,
        most: Option<Duration>,
    ) -> std::sync::MutexGuard<'a, State> {
        let until = most.map(|most| Instant::now() + most);
        while state.entries.len() < wanted && !state.closed && !state.nudged {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            state.wanted = wanted;
            state = match left {
                None => self.bell.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(left) => self.bell.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner).0,
            };
        }
        state.wanted = 0;
        state
    }

    /// Whether the writer is at one batch for so long that the disk must be in trouble.
    pub(super) fn is_stalled(&self) -> bool {
        lock(&self.taken).is_some_and(|taken| taken.elapsed() > self.limits.stalled_after)
    }

    /// Entries that wait now.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.state).entries.len()
    }

    /// Lets the writer look after its file, though nothing waits.
    pub(super) fn nudge(&self) {
        lock(&self.state).nudged = true;
        self.bell.notify_all();
    }

    /// Takes no more, and lets the writer finish.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.bell.notify_all();
    }

    /// The writer is through with its batch.
    pub(super) fn rests(&self) {
        *lock(&self.taken) = None;
    }

    /// The callers of `entries` are told.
    pub(super) fn settled(&self, entries: &[Entry]) {
        self.unsettled.fetch_sub(entries.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(entries.iter().map(Entry::weight).sum(), Ordering::Relaxed);
    }

    /// Accepted, and their callers not told yet.
    pub(super) fn unsettled(&self) -> usize {
        self.unsettled.load(Ordering::Relaxed)
    }
}

/// What an event takes besides its texts.
const OVERHEAD: usize = 256;
