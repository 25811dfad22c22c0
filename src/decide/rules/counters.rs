//! Counters over time: how many events had the same key within a window, in bounded memory.
//!
//! A window is counted in 32 parts and forgets one part at a time, so a count covers the window and at most a 32nd more.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;

/// All counters that are in use. They go on counting when their rules are loaded anew.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use offhook::decide::Shared;
/// use offhook::decide::rules::Counters;
/// use offhook::metrics::Metrics;
///
/// // What rules count goes on when they are loaded anew with the same counters.
/// let counters = Arc::new(Counters::default());
/// let shared = Shared { metrics: Metrics::new(Duration::from_millis(1500)), counters };
/// # let _ = shared;
/// ```
#[derive(Debug, Default)]
pub struct Counters(Mutex<HashMap<Name, Weak<Counter>>>);

/// Decider, rule, which of the rule's counters, window.
type Name = (Arc<str>, Arc<str>, usize, Duration);

impl Counters {
    /// The counter of this name, as long as anybody has it; else a new one.
    pub(super) fn open(&self, decider: &Arc<str>, rule: &Arc<str>, place: usize, window: Duration) -> Arc<Counter> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.retain(|_, counter| counter.strong_count() > 0);
        let name = (Arc::clone(decider), Arc::clone(rule), place, window);
        if let Some(counter) = counters.get(&name).and_then(Weak::upgrade) {
            return counter;
        }
        let counter = Arc::new(Counter::new(window));
        counters.insert(name, Arc::downgrade(&counter));
        counter
    }
}

/// Counts by key over one window.
pub(super) struct Counter {
    /// Length of a part, in milliseconds.
    part: i64,
    hasher: RandomState,
    counts: Mutex<Counts>,
}

/// Two generations of keys: when the younger is full or a window old, the elder, untouched since, is forgotten.
#[derive(Default)]
struct Counts {
    young: HashMap<u64, Parts>,
    old: HashMap<u64, Parts>,
    /// The part in which the younger generation began.
    began: i64,
}

/// How many events fell into each part, oldest first; parts without any are left out.
type Parts = VecDeque<(i64, u32)>;

/// Parts of a window.
const PARTS: i64 = 32;

/// Keys of one generation at most: with 32 parts each, some 30 MiB a counter where every key is busy all the time.
const KEYS: usize = 25_000;

impl Counter {
    fn new(window: Duration) -> Self {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        Self { part: (window / PARTS).max(1), hasher: RandomState::new(), counts: Mutex::default() }
    }

    /// Counts an event with `key` at `time`, and says how many there were within the window, this one included.
    pub(super) fn count(&self, key: &str, time: Timestamp) -> u32 {
        let key = self.hasher.hash_one(key);
        let part = time.as_millisecond().div_euclid(self.part);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.age(part);
        let older = counts.old.remove(&key);
        let parts = counts.young.entry(key).or_insert_with(|| older.unwrap_or_default());
        while parts.front().is_some_and(|(first, _)| *first + PARTS < part) {
            parts.pop_front();
        }
        match parts.back_mut() {
            // A clock that was set back counts into the latest part.
            Some((last, count)) if *last >= part => *count = count.saturating_add(1),
            _ => parts.push_back((part, 1)),
        }
        parts.iter().fold(0_u32, |sum, (_, count)| sum.saturating_add(*count))
    }
}

impl Counts {
    fn age(&mut self, part: i64) {
        if self.young.len() >= KEYS || part - self.began > PARTS {
            self.old = std::mem::take(&mut self.young);
            self.began = part;
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("part_ms", &self.part).finish_non_exhaustive()
    }
}
