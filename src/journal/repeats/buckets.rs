//! What was answered already, in one bucket for each second of the requests' own time.
//!
//! What comes goes into hash maps, where it takes some 35 bytes. Once next to nothing comes for a bucket any more, it is
//! packed into runs, a piece at a time, since whoever calls holds a lock; what is late goes into new maps beside them.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::bucket::{Bucket, Fresh};
use super::{RepeatKey, seconds};
use crate::verdict::Decision;

/// The buckets, and which of them have to be looked after.
#[derive(Debug)]
pub(super) struct Buckets {
    all: BTreeMap<u32, Bucket>,
    /// No bucket can be dropped before this, in seconds since 1970.
    next_end: u32,
    /// Those into whose maps something was put since they were last looked at and found to rest.
    awake: Vec<u32>,
    /// Those which are being packed, the first one first.
    resting: VecDeque<u32>,
    /// When `awake` was looked through, in milliseconds since 1970.
    looked: i64,
}

/// What is no longer needed. Freeing it takes time: drop it without holding a lock.
#[derive(Debug)]
#[must_use = "it is to be dropped after the lock"]
pub(super) struct Shed(#[expect(dead_code, reason = "only dropped")] (Vec<Bucket>, Vec<Fresh>));

/// How often buckets are looked at.
const LOOK_MILLIS: i64 = 500;

impl Default for Buckets {
    fn default() -> Self {
        Self { all: BTreeMap::new(), next_end: u32::MAX, awake: Vec::new(), resting: VecDeque::new(), looked: i64::MIN }
    }
}

impl Buckets {
    pub(super) fn get(&self, key: &RepeatKey) -> Option<&Decision> {
        self.all.get(&key.at)?.get(&key.key)
    }

    pub(super) fn put(&mut self, key: RepeatKey, decision: &Decision) {
        let bucket = self.all.entry(key.at).or_insert_with(Bucket::new);
        let is_new = bucket.put(key, decision);
        self.next_end = self.next_end.min(bucket.until);
        if is_new && !std::mem::replace(&mut bucket.is_watched, true) {
            self.awake.push(key.at);
        }
    }

    /// Takes out the buckets that ended before `now`, and packs a piece of what rests: more than one only where `put` is
    /// more, the number of requests that were put in since the last time.
    pub(super) fn tidy(&mut self, now: Timestamp, put: usize) -> Shed {
        let ended = self.expire(seconds(now));
        self.look(now.as_millisecond());
        Shed((ended, self.pack(put.saturating_mul(2))))
    }

    fn expire(&mut self, now: u32) -> Vec<Bucket> {
        if self.next_end >= now {
            return Vec::new();
        }
        let ended: Vec<u32> =
            self.all.iter().filter(|(_, bucket)| bucket.until < now).map(|(&second, _)| second).collect();
        let ended = ended.into_iter().filter_map(|second| self.all.remove(&second)).collect();
        self.next_end = self.all.values().map(|bucket| bucket.until).min().unwrap_or(u32::MAX);
        ended
    }

    fn look(&mut self, now: i64) {
        // A clock that was set back does not put it off.
        if (self.looked..self.looked.saturating_add(LOOK_MILLIS)).contains(&now) {
            return;
        }
        self.looked = now;
        let Self { all, awake, resting, .. } = self;
        awake.retain(|second| {
            let Some(bucket) = all.get_mut(second) else { return false };
            if bucket.grows() {
                return true;
            }
            bucket.is_watched = bucket.is_worth_packing();
            if bucket.is_watched {
                resting.push_back(*second);
            }
            false
        });
    }

    /// Packs until at least `least` entries are.
    fn pack(&mut self, least: usize) -> Vec<Fresh> {
        let (mut emptied, mut count) = (Vec::new(), 0);
        while let Some(&second) = self.resting.front() {
            if let Some(bucket) = self.all.get_mut(&second) {
                count += bucket.pack(&mut emptied);
                if bucket.is_packed() {
                    self.resting.pop_front();
                    if bucket.is_watched {
                        self.awake.push(second);
                    }
                }
            } else {
                self.resting.pop_front();
            }
            if count >= least.max(1) {
                break;
            }
        }
        emptied
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::bucket::PIECE;
    use super::*;
    use crate::verdict::Verdict;

    const SENT: i64 = 1000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn key(number: u32, sent: i64) -> RepeatKey {
        RepeatKey::new("app", &number.to_le_bytes(), at((sent + 300) * 1000)).sent(at(sent * 1000))
    }

    fn decisions(count: u16) -> Vec<Decision> {
        (0..count).map(|n| Decision::by_decider(Verdict::reject(20000 + n), &format!("rule:{n}"))).collect()
    }

    /// Tidies until everything is packed, and tells in how many pieces.
    fn rest(buckets: &mut Buckets, from: i64) -> usize {
        drop(buckets.tidy(at(from), 0));
        drop(buckets.tidy(at(from + LOOK_MILLIS), 0));
        let mut pieces = 1;
        while !buckets.resting.is_empty() {
            drop(buckets.tidy(at(from + LOOK_MILLIS), 0));
            pieces += 1;
        }
        pieces
    }

    fn unpacked(buckets: &Buckets) -> usize {
        buckets.all.values().flat_map(|bucket| &bucket.fresh).map(HashMap::len).sum()
    }

    #[test]
    fn all_is_found_after_packing_and_nothing_else() {
        for count in [1, 20, 300] {
            let (mut buckets, decisions) = (Buckets::default(), decisions(count));
            let of = |number: u32| &decisions[number as usize % decisions.len()];
            (0..20_000).for_each(|number| buckets.put(key(number, SENT), of(number)));
            rest(&mut buckets, 1_002_000);
            assert_eq!((unpacked(&buckets), buckets.all[&1000].packed_count), (0, 20_000));
            assert_eq!(buckets.all[&1000].fresh.capacity(), 0);
            for number in 0..20_000 {
                assert_eq!(buckets.get(&key(number, SENT)), Some(of(number)), "{number}");
            }
            assert_eq!((20_000..40_000).filter(|&number| buckets.get(&key(number, SENT)).is_some()).count(), 0);
        }
    }

    #[test]
    fn a_call_packs_one_piece_or_twice_as_much_as_was_put_in() {
        let (mut buckets, allow) = (Buckets::default(), Decision::by_default(Verdict::allow()));
        let mut fill = |sent, count| (0..count).for_each(|number| buckets.put(key(number, sent), &allow));
        fill(SENT, 100_000);
        fill(SENT + 1, 3000);
        drop(buckets.tidy(at(1_002_000), 0));
        assert_eq!(unpacked(&buckets), 103_000, "what came last may go on coming");
        for tidied in [0, 0, 20_000] {
            let before = unpacked(&buckets);
            drop(buckets.tidy(at(1_002_500), tidied));
            let packed = before - unpacked(&buckets);
            assert!(packed > 0 && packed <= 2 * tidied + PIECE, "{packed} after {tidied}");
            assert!(packed >= 2 * tidied, "{packed} after {tidied}");
        }
        rest(&mut buckets, 1_003_000);
        assert_eq!(unpacked(&buckets), 0);
        assert_eq!(buckets.all[&1001].runs.len(), 1, "what is small is packed in one piece");
    }

    #[test]
    fn a_bucket_that_is_filled_is_let_alone() {
        let (mut buckets, allow) = (Buckets::default(), Decision::by_default(Verdict::allow()));
        for round in 0..6 {
            (0..100).for_each(|number| buckets.put(key(round * 100 + number, SENT), &allow));
            drop(buckets.tidy(at(1_000_000 + i64::from(round) * LOOK_MILLIS), 100));
        }
        assert_eq!(unpacked(&buckets), 600);
    }

    #[test]
    fn what_comes_late_is_found_and_packed_once_it_is_much() {
        let (mut buckets, decisions) = (Buckets::default(), decisions(2));
        (0..8000).for_each(|number| buckets.put(key(number, SENT), &decisions[0]));
        rest(&mut buckets, 1_002_000);
        (8000..8999).for_each(|number| buckets.put(key(number, SENT), &decisions[1]));
        rest(&mut buckets, 1_010_000);
        assert_eq!((unpacked(&buckets), buckets.awake.len()), (999, 0));
        // The last one is known already, the one before it is decided anew.
        (8998..9001).for_each(|number| buckets.put(key(number, SENT), &decisions[1]));
        buckets.put(key(7, SENT), &decisions[1]);
        buckets.put(key(8, SENT), &decisions[0]);
        rest(&mut buckets, 1_020_000);
        assert_eq!((unpacked(&buckets), buckets.all[&1000].packed_count), (0, 9002));
        let wrong = (0..9001).filter(|&number| {
            let expected = &decisions[usize::from(number >= 8000 || number == 7)];
            buckets.get(&key(number, SENT)) != Some(expected)
        });
        assert_eq!(wrong.count(), 0);
    }

    #[test]
    fn what_is_packed_is_dropped_at_its_end_and_leaves_nothing_to_look_after() {
        let (mut buckets, allow) = (Buckets::default(), Decision::by_default(Verdict::allow()));
        for sent in SENT..SENT + 3 {
            (0..5000).for_each(|number| buckets.put(key(number, sent), &allow));
        }
        drop(buckets.tidy(at(1_003_000), 0));
        drop(buckets.tidy(at(1_004_000), 0));
        drop(buckets.tidy(at(1_301_000), 0));
        assert_eq!(buckets.all.keys().copied().collect::<Vec<_>>(), [1001, 1002]);
        assert_eq!(buckets.get(&key(1, SENT)), None);
        drop(buckets.tidy(at(1_400_000), 0));
        drop(buckets.tidy(at(1_401_000), 0));
        assert!(buckets.all.is_empty() && buckets.awake.is_empty() && buckets.resting.is_empty());
    }

    #[test]
    fn it_answers_as_a_plain_map_would() {
        let decisions = decisions(12);
        for seed in 0..40_u32 {
            let (mut buckets, mut model) = (Buckets::default(), BTreeMap::new());
            let mut now = SENT * 1000;
            for step in 0..400_u32 {
                let [what, a, b, c, ..] =
                    RepeatKey::new("random", &[seed, step].map(u32::to_le_bytes).concat(), at(0)).key;
                let key = |number: u32, sent| {
                    let key = key(number, sent);
                    // Some have no time of their own: they are looked for at their end.
                    if number.is_multiple_of(5) { RepeatKey { at: key.valid_until, ..key } } else { key }
                };
                if what < 200 {
                    let sent = now / 1000 - i64::from(b % 3);
                    for number in 0..1 + u32::from(what) / 8 {
                        let key = key(u32::from(a) * 10 + number, sent);
                        let decision = &decisions[usize::from(c) % 12];
                        buckets.put(key, decision);
                        model.insert((key.at, key.key), (key, decision));
                    }
                } else {
                    now += i64::from(a) * if what > 252 { 500 } else { 4 };
                    drop(buckets.tidy(at(now), usize::from(b)));
                    model.retain(|_, (key, _)| i64::from(key.valid_until) >= now / 1000);
                }
            }
            for (key, decision) in model.values() {
                assert_eq!(buckets.get(key), Some(*decision), "seed {seed}");
            }
            let held: usize = buckets.all.values().map(|bucket| bucket.fresh_count).sum();
            assert_eq!(held, unpacked(&buckets), "seed {seed}");
            let strangers = (100_000..101_000).filter(|&number| buckets.get(&key(number, now / 1000)).is_some());
            assert_eq!(strangers.count(), 0, "seed {seed}");
        }
    }

    #[test]
    fn each_decision_is_held_once_and_found_again() {
        let (mut buckets, decisions) = (Buckets::default(), decisions(100));
        (0..1000_u32).for_each(|number| buckets.put(key(number, SENT), &decisions[(number % 100) as usize]));
        assert_eq!(buckets.all[&1000].decisions.len(), 100);
        assert_eq!(buckets.get(&key(137, SENT)), Some(&decisions[37]));
    }
}
