//! What goes by, kept for a moment for whoever looks on: recent refusals, and how long recent events took at each step.
//!
//! In memory and bounded; never a body, a digest or a secret. While nobody looks on, an event leaves nothing here.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::event::EventId;
use crate::kind::Family;

/// Roads that are remembered, the newest.
const ROADS: usize = 4096;

/// Refusals that are remembered: so many of strangers, and so many of senders whose headers were proven.
const REFUSALS: usize = 100;

/// The longest AppKey that is remembered of a stranger, in characters.
const LONGEST_APP: usize = 64;

/// What goes by. Shared by `Arc`.
///
/// ```
/// use offhook::seen::{Seen, TurnedAway};
///
/// let seen = Seen::default();
/// seen.turn_away(TurnedAway {
///     code: "check_sum_mismatch",
///     message: "no current secret of this app gives the CheckSum".to_owned(),
///     peer: None,
///     app: Some("app".to_owned()),
///     family: None,
///     proven: false,
///     at: jiff::Timestamp::UNIX_EPOCH,
///     count: 1,
/// });
/// assert_eq!(seen.turned_away()[0].code, "check_sum_mismatch");
/// ```
#[derive(Default)]
pub struct Seen {
    onlookers: AtomicUsize,
    roads: Mutex<Roads>,
    proven: Mutex<VecDeque<TurnedAway>>,
    strangers: Mutex<VecDeque<TurnedAway>>,
}

/// Somebody who looks on, until this is dropped.
///
/// ```
/// use std::sync::Arc;
/// use offhook::seen::{Onlooker, Seen};
///
/// let seen = Arc::new(Seen::default());
/// let onlooker: Onlooker = seen.look_on();
/// assert!(seen.is_looked_on());
/// drop(onlooker);
/// assert!(!seen.is_looked_on());
/// ```
#[derive(Debug)]
pub struct Onlooker(Arc<Seen>);

/// How far into its time an event had come at the end of each step, from the request's first byte on.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use offhook::event::EventId;
/// use offhook::seen::{Road, Seen};
///
/// let seen = Arc::new(Seen::default());
/// let _onlooker = seen.look_on();
/// let milliseconds = Duration::from_millis;
/// let id = EventId::at(jiff::Timestamp::UNIX_EPOCH);
/// let (read, understood, decided, answered) = (milliseconds(1), milliseconds(1), milliseconds(20), milliseconds(24));
/// seen.note(Road { id, peer: None, read, understood, decided, answered, waited: true, kept: true });
/// assert_eq!(seen.road(id).map(|road| road.decided - road.understood), Some(milliseconds(19)));
/// ```
#[derive(Debug, Clone)]
pub struct Road {
    /// The event.
    pub id: EventId,
    /// Who sent it, where that is known.
    pub peer: Option<IpAddr>,
    /// The last byte of the body was there.
    pub read: Duration,
    /// It was verified, understood, and asked of the deciders that answer at once.
    pub understood: Duration,
    /// The verdict was there.
    pub decided: Duration,
    /// The event was on disk, or was not waited for any longer: the answer left.
    pub answered: Duration,
    /// Whether its decision had to be waited for.
    pub waited: bool,
    /// Whether it was on disk before its answer left.
    pub kept: bool,
}

/// A request that was turned away; equal ones from the same place are one, counted.
///
/// Example: [`Seen`].
#[derive(Debug, Clone)]
pub struct TurnedAway {
    /// The refusal's code, or the status where there is none.
    pub code: &'static str,
    /// The sentence that its sender got.
    pub message: String,
    /// Who sent it, where that is known.
    pub peer: Option<IpAddr>,
    /// The app it claimed to be of, in a stranger's own words.
    pub app: Option<String>,
    /// Whose path it came to.
    pub family: Option<Family>,
    /// Whether its headers were proven.
    pub proven: bool,
    /// When the last one came.
    pub at: Timestamp,
    /// How many there were, this one included.
    pub count: u64,
}

#[derive(Default)]
struct Roads {
    /// How many there ever were.
    total: u64,
    recent: VecDeque<Road>,
}

impl Seen {
    /// From now on roads are remembered, until what this gives is dropped.
    pub fn look_on(self: &Arc<Self>) -> Onlooker {
        self.onlookers.fetch_add(1, Ordering::Relaxed);
        Onlooker(Arc::clone(self))
    }

    /// Whether anybody looks on: only then roads are worth noting.
    pub fn is_looked_on(&self) -> bool {
        self.onlookers.load(Ordering::Relaxed) > 0
    }

    /// An event was answered.
    pub fn note(&self, road: Road) {
        let mut roads = lock(&self.roads);
        if roads.recent.len() == ROADS {
            roads.recent.pop_front();
        }
        roads.recent.push_back(road);
        roads.total += 1;
    }

    /// The roads after the first `after` ones that there ever were, oldest first, at most `limit`; and what to ask
    /// for next.
    pub fn roads_after(&self, after: u64, limit: usize) -> (Vec<Road>, u64) {
        let roads = lock(&self.roads);
        let forgotten = roads.total - roads.recent.len() as u64;
        let skip = usize::try_from(after.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        let found: Vec<_> = roads.recent.iter().skip(skip).take(limit).cloned().collect();
        let next = after.max(forgotten).min(roads.total) + found.len() as u64;
        (found, next)
    }

    /// The road of the event `id`, where it is remembered.
    pub fn road(&self, id: EventId) -> Option<Road> {
        lock(&self.roads).recent.iter().rev().find(|road| road.id == id).cloned()
    }

    /// A request was turned away.
    pub fn turn_away(&self, mut new: TurnedAway) {
        new.app = new.app.map(|app| app.chars().filter(|c| !c.is_control()).take(LONGEST_APP).collect());
        let mut recent = lock(if new.proven { &self.proven } else { &self.strangers });
        let same = |old: &TurnedAway| {
            (old.code, old.peer, old.family) == (new.code, new.peer, new.family) && old.app == new.app
        };
        if let Some(old) = recent.iter().rposition(same).and_then(|place| recent.remove(place)) {
            new.count += old.count;
        }
        if recent.len() == REFUSALS {
            recent.pop_front();
        }
        recent.push_back(new);
    }

    /// What was turned away, the newest first.
    pub fn turned_away(&self) -> Vec<TurnedAway> {
        let mut all: Vec<_> = lock(&self.proven).iter().cloned().collect();
        all.extend(lock(&self.strangers).iter().cloned());
        all.sort_by_key(|away| std::cmp::Reverse(away.at));
        all
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.0.onlookers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("onlookers", &self.onlookers).finish_non_exhaustive()
    }
}

/// Everything under these locks is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road() -> Road {
        let step = Duration::from_millis(1);
        let id = EventId::at(Timestamp::UNIX_EPOCH);
        Road { id, peer: None, read: step, understood: step, decided: step, answered: step, waited: false, kept: true }
    }

    fn refused(code: &'static str, app: &str, seconds: i64) -> TurnedAway {
        let at = Timestamp::from_second(seconds).expect("a time");
        let app = Some(app.to_owned());
        TurnedAway { code, message: String::new(), peer: None, app, family: None, proven: false, at, count: 1 }
    }

    #[test]
    fn roads_are_told_in_order_and_the_oldest_are_forgotten() {
        let seen = Seen::default();
        let ids: Vec<_> = (0..ROADS + 10).map(|_| road()).map(|road| (road.id, seen.note(road)).0).collect();
        let (first, next) = seen.roads_after(0, 3);
        assert_eq!(first.iter().map(|road| road.id).collect::<Vec<_>>(), ids[10..13]);
        assert_eq!(next, 13);
        assert_eq!(seen.roads_after(next, 1).0[0].id, ids[13]);
        let total = ids.len() as u64;
        assert_eq!((seen.roads_after(total, 5).0.len(), seen.roads_after(total, 5).1), (0, total));
        assert!(seen.road(ids[0]).is_none() && seen.road(ids[10]).is_some());
    }

    #[test]
    fn equal_refusals_are_one_and_a_flood_of_others_is_bounded() {
        let seen = Seen::default();
        for second in 0..5 {
            seen.turn_away(refused("stale", "a", second));
        }
        seen.turn_away(refused("stale", "b\n", 9));
        let told: Vec<_> = seen.turned_away().into_iter().map(|away| (away.app, away.count)).collect();
        assert_eq!(told, [(Some("b".to_owned()), 1), (Some("a".to_owned()), 5)]);
        for number in 0..1000 {
            seen.turn_away(refused("stale", &format!("{number}-{}", "x".repeat(200)), number));
        }
        let all = seen.turned_away();
        assert_eq!(all.len(), REFUSALS);
        assert!(all.iter().all(|away| away.app.as_ref().is_some_and(|app| app.len() == LONGEST_APP)));
    }

    #[test]
    fn somebody_looks_on_only_until_they_leave() {
        let seen = Arc::new(Seen::default());
        assert!(!seen.is_looked_on());
        let onlooker = seen.look_on();
        assert!(seen.is_looked_on());
        drop(onlooker);
        assert!(!seen.is_looked_on());
    }
}
