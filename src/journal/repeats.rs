//! Which requests were answered already, so that a repeat gets the same verdict.
//!
//! In memory only. A repeat carries the time of the first request, so both have the same `valid_until`: the index is
//! cut into buckets by it, and a bucket is dropped whole once nothing in it can come again.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::lock;
use super::slot::Slot;
use crate::verdict::Decision;

/// What makes two requests the same one, and until when that can be.
///
/// Two keys are the same only where `valid_until` is: it has to come from the request itself (its `CurTime`), or be
/// rounded by whoever takes it from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepeatKey {
    pub(super) key: [u8; 16],
    /// Seconds since 1970.
    pub(super) valid_until: u32,
}

impl RepeatKey {
    /// The key of a request that `app_key`'s secret proved, told apart by `digest` (its `CheckSum`, or a hash of its
    /// body), and which would be stale after `valid_until`.
    pub fn new(app_key: &str, digest: &[u8], valid_until: Timestamp) -> Self {
        let hash = Sha1::new()
            .chain_update(u64::try_from(app_key.len()).unwrap_or(u64::MAX).to_le_bytes())
            .chain_update(app_key)
            .chain_update(digest)
            .finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        let seconds = valid_until.as_second().clamp(0, i64::from(u32::MAX));
        Self { key, valid_until: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }

    fn bucket(&self) -> u32 {
        self.valid_until / BUCKET_SECONDS
    }
}

/// Whether a request is a repeat.
#[derive(Debug)]
pub enum Claim {
    /// It is not: ours to decide. The ticket goes into [`Journal::append`](super::Journal::append).
    First(Ticket),
    /// It is; this resolves to the first one's decision.
    Repeat(Repeat),
}

/// The right to decide a request. Dropped unused, it releases the claim, and those who wait for it claim again.
#[derive(Debug)]
#[must_use = "dropping a ticket gives the claim up"]
pub struct Ticket {
    key: Option<RepeatKey>,
    repeats: Arc<Repeats>,
}

/// Waits for the first request's decision: `None` when the first gave up; claim again.
#[derive(Debug)]
pub struct Repeat {
    slot: Arc<Waiting>,
    key: RepeatKey,
    repeats: Arc<Repeats>,
}

impl Future for Repeat {
    type Output = Option<Decision>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.slot.poll(context)
    }
}

impl Repeat {
    /// What was decided about the first one, where it is decided and only its keeping is waited for.
    pub fn decided(&self) -> Option<Decision> {
        lock(&self.repeats.0).pending.get(&self.key)?.decision.clone()
    }
}

impl Ticket {
    /// The claim goes on as that of an event which is being kept, with this decision.
    pub(super) fn hand_over(mut self, decision: Option<&Decision>) -> Option<RepeatKey> {
        let key = self.key.take()?;
        if let Some(pending) = lock(&self.repeats.0).pending.get_mut(&key) {
            pending.decision = decision.cloned();
        }
        Some(key)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.repeats.settle(std::iter::once((key, None)), None);
        }
    }
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<Index>);

type Waiting = Slot<Option<Decision>>;

#[derive(Debug, Default)]
struct Index {
    /// Claimed, not yet settled, with those who wait for it. As many as there are requests in flight.
    pending: HashMap<RepeatKey, Pending, BuildHasherDefault<FirstBytes>>,
    buckets: BTreeMap<u32, Bucket>,
}

/// A claim that is not settled yet.
#[derive(Debug, Default)]
struct Pending {
    /// Known from the moment at which its event is handed over to be kept.
    decision: Option<Decision>,
    waiting: Vec<Arc<Waiting>>,
}

/// What may be repeated until about the same moment. 20 bytes an entry, and each decision once.
#[derive(Debug)]
struct Bucket {
    /// Cut by a byte of the key, so that a map that grows never keeps a caller waiting for long.
    shards: Vec<HashMap<[u8; 16], u32, BuildHasherDefault<FirstBytes>>>,
    decisions: Vec<Decision>,
    numbers: HashMap<String, u32>,
}

impl Repeats {
    pub(super) fn claim(self: &Arc<Self>, key: RepeatKey) -> Claim {
        let mut index = lock(&self.0);
        let repeat = |slot| Claim::Repeat(Repeat { slot, key, repeats: Arc::clone(self) });
        if let Some(pending) = index.pending.get_mut(&key) {
            let slot = Slot::empty();
            pending.waiting.push(Arc::clone(&slot));
            return repeat(slot);
        }
        if let Some(decision) = index.buckets.get(&key.bucket()).and_then(|bucket| bucket.get(&key.key)) {
            return repeat(Slot::full(Some(decision.clone())));
        }
        index.pending.insert(key, Pending::default());
        drop(index);
        Claim::First(Ticket { key: Some(key), repeats: Arc::clone(self) })
    }

    /// Ends claims, all under one lock: with a decision it is remembered, without one the claim is released.
    /// What can no longer be repeated at `now` is forgotten.
    pub(super) fn settle<'a>(
        &self,
        claims: impl Iterator<Item = (RepeatKey, Option<&'a Decision>)>,
        now: Option<Timestamp>,
    ) {
        let mut wakers: Vec<Waker> = Vec::new();
        let mut index = lock(&self.0);
        for (key, decision) in claims {
            if let Some(decision) = decision {
                index.buckets.entry(key.bucket()).or_insert_with(Bucket::new).put(key.key, decision);
            }
            let waiting = index.pending.remove(&key).unwrap_or_default().waiting;
            wakers.extend(waiting.iter().filter_map(|slot| slot.put(decision.cloned())));
        }
        let expired = now.map(|now| index.expire(now));
        drop(index);
        drop(expired);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Index {
    /// Takes out the buckets that ended before `now`; freeing them is left for after the lock.
    fn expire(&mut self, now: Timestamp) -> Option<BTreeMap<u32, Bucket>> {
        let current = u32::try_from(now.as_second()).unwrap_or(0) / BUCKET_SECONDS;
        let (&oldest, _) = self.buckets.first_key_value()?;
        if oldest >= current {
            return None;
        }
        let alive = self.buckets.split_off(&current);
        Some(std::mem::replace(&mut self.buckets, alive))
    }
}

impl Bucket {
    fn new() -> Self {
        Self { shards: vec![HashMap::default(); SHARDS], decisions: Vec::new(), numbers: HashMap::new() }
    }

    fn get(&self, key: &[u8; 16]) -> Option<&Decision> {
        let number = self.shards[shard_of(key)].get(key)?;
        self.decisions.get(usize::try_from(*number).ok()?)
    }

    fn put(&mut self, key: [u8; 16], decision: &Decision) {
        let number = self.number(decision);
        self.shards[shard_of(&key)].insert(key, number);
    }

    /// The number of a decision; nearly always it is one of the first few.
    fn number(&mut self, decision: &Decision) -> u32 {
        if let Some(known) = self.decisions.iter().take(8).position(|known| known == decision) {
            return u32::try_from(known).unwrap_or(0);
        }
        let next = u32::try_from(self.decisions.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(format!("{decision:?}")).or_insert(next);
        if number == next {
            self.decisions.push(decision.clone());
        }
        number
    }
}

/// The keys are parts of a hash already.
#[derive(Debug, Default, Clone)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn shard_of(key: &[u8; 16]) -> usize {
    usize::from(key[15]) % SHARDS
}

const BUCKET_SECONDS: u32 = 30;
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn key(number: u32, valid_until: i64) -> RepeatKey {
        RepeatKey::new("app", &number.to_le_bytes(), Timestamp::from_second(valid_until).unwrap())
    }

    fn bucket_count(repeats: &Repeats) -> usize {
        lock(&repeats.0).buckets.len()
    }

    #[test]
    fn what_cannot_come_again_is_forgotten() {
        let repeats = Arc::new(Repeats::default());
        let allow = Decision::by_default(Verdict::allow());
        for number in 0..1000 {
            repeats.settle(std::iter::once((key(number, 1000), Some(&allow))), None);
        }
        assert_eq!(bucket_count(&repeats), 1);
        assert!(matches!(repeats.claim(key(7, 1000)), Claim::Repeat(_)));
        let later = Timestamp::from_second(1000 + i64::from(BUCKET_SECONDS)).unwrap();
        repeats.settle(std::iter::empty(), Some(later));
        assert_eq!(bucket_count(&repeats), 0);
        assert!(matches!(repeats.claim(key(7, 1000)), Claim::First(_)));
    }

    #[test]
    fn a_key_is_remembered_until_its_last_second() {
        let repeats = Arc::new(Repeats::default());
        let allow = Decision::by_default(Verdict::allow());
        repeats.settle(std::iter::once((key(1, 1000), Some(&allow))), Timestamp::from_second(1000).ok());
        assert!(matches!(repeats.claim(key(1, 1000)), Claim::Repeat(_)));
    }

    #[test]
    fn each_decision_is_held_once_and_found_again() {
        let mut bucket = Bucket::new();
        let decisions: Vec<_> =
            (0..100).map(|n| Decision::by_decider(Verdict::reject(20000 + n), &format!("rule:{n}"))).collect();
        for number in 0..1000_u32 {
            bucket.put(key(number, 1000).key, &decisions[(number % 100) as usize]);
        }
        assert_eq!(bucket.decisions.len(), 100);
        assert_eq!(bucket.get(&key(137, 1000).key), Some(&decisions[37]));
    }
}
