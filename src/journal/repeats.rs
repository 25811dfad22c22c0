//! Which requests were answered already, so that a repeat gets the same verdict.
//!
//! In memory only. A repeat carries the time of the first request: the index is cut into buckets by it, and a bucket is
//! dropped whole once nothing in it can come again. How long that is may change from one request to the next. A second
//! after a bucket's last request it is packed, from some 35 bytes a request to some 5. What is packed is a part of each key, so
//! that a new request may be taken for a repeat: one that comes more than half a second after others of its own second
//! with a chance of 3 in 100 thousand millions, one without a time of its own with none to speak of.

mod bucket;
mod buckets;
mod run;

use std::collections::HashMap;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use self::bucket::FirstBytes;
use self::buckets::Buckets;
use super::lock;
use super::slot::Slot;
use crate::verdict::Decision;

/// What makes two requests the same one, and until when that can be.
///
/// It is looked for at the time that the request itself carries, or at `valid_until` where it carries none; then
/// `valid_until` has to be rounded, so that equal requests have equal ones.
///
/// ```
/// use std::time::Duration;
/// use offhook::Event;
/// use offhook::journal::{Claim, Journal, RepeatKey, Unkept};
///
/// /// Keeps an event where it comes for the first time.
/// async fn keep(journal: &Journal, event: Event, digest: &[u8]) -> Result<bool, Unkept> {
///     let valid_until = event.received() + Duration::from_secs(300);
///     match journal.claim(RepeatKey::new(event.app_key(), digest, valid_until)) {
///         Claim::First(ticket) => journal.append(event, Some(ticket)).await.map(|_| true),
///         Claim::Repeat(first) => {
///             first.await; // until the first one is decided
///             Ok(false)
///         }
///     }
/// }
/// # let _ = keep;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepeatKey {
    pub(super) key: [u8; 16],
    /// Seconds since 1970.
    pub(super) valid_until: u32,
    /// Where it is looked for: in seconds since 1970 the request's own time, or `valid_until`.
    #[serde(default)]
    pub(super) at: u32,
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
        let valid_until = seconds(valid_until);
        Self { key, valid_until, at: valid_until }
    }

    /// The same of a request that says itself when it was sent: it is recognised whatever `valid_until` is by then.
    #[must_use]
    pub fn sent(self, sent: Timestamp) -> Self {
        Self { at: seconds(sent), ..self }
    }

    /// As it stands in a row: the key, and where it is looked for.
    pub(super) fn stored(&self) -> [u8; 20] {
        let mut stored = [0; 20];
        stored[..16].copy_from_slice(&self.key);
        stored[16..].copy_from_slice(&self.at.to_be_bytes());
        stored
    }

    /// The key of a row, which would be stale after `valid_until`.
    pub(super) fn read(stored: &[u8], valid_until: u32) -> Option<Self> {
        let (key, at) = stored.split_first_chunk()?;
        let at = at.first_chunk().map_or(valid_until, |at| u32::from_be_bytes(*at));
        Some(Self { key: *key, valid_until, at })
    }

    /// The same where requests are accepted until `tolerance` seconds after their own time, if that is longer.
    pub(super) fn valid_for(self, tolerance: u32) -> Self {
        let longer = if self.at == self.valid_until { 0 } else { self.at.saturating_add(tolerance) };
        Self { valid_until: self.valid_until.max(longer), ..self }
    }
}

fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX)
}

/// Whether a request is a repeat.
///
/// Example: [`RepeatKey`].
#[derive(Debug)]
pub enum Claim {
    /// It is not: ours to decide. The ticket goes into [`Journal::append`](super::Journal::append).
    First(Ticket),
    /// It is; this resolves to the first one's decision.
    Repeat(Repeat),
}

/// The right to decide a request. Dropped unused, it releases the claim, and those who wait for it claim again.
///
/// Example: [`RepeatKey`].
#[derive(Debug)]
#[must_use = "dropping a ticket gives the claim up"]
pub struct Ticket {
    key: Option<RepeatKey>,
    repeats: Arc<Repeats>,
}

/// Waits for the first request's decision: `None` when the first gave up; claim again.
///
/// Example: [`RepeatKey`].
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
        lock(&self.repeats.0).pending.get(&self.key.key)?.decision.clone()
    }
}

impl Ticket {
    /// The claim goes on as that of an event which is being kept, with this decision.
    pub(super) fn hand_over(mut self, decision: Option<&Decision>) -> Option<RepeatKey> {
        let key = self.key.take()?;
        if let Some(pending) = lock(&self.repeats.0).pending.get_mut(&key.key) {
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
    pending: HashMap<[u8; 16], Pending, BuildHasherDefault<FirstBytes>>,
    buckets: Buckets,
}

/// A claim that is not settled yet.
#[derive(Debug, Default)]
struct Pending {
    /// Known from the moment at which its event is handed over to be kept.
    decision: Option<Decision>,
    waiting: Vec<Arc<Waiting>>,
}

impl Repeats {
    pub(super) fn claim(self: &Arc<Self>, key: RepeatKey) -> Claim {
        let mut index = lock(&self.0);
        let repeat = |slot| Claim::Repeat(Repeat { slot, key, repeats: Arc::clone(self) });
        if let Some(pending) = index.pending.get_mut(&key.key) {
            let slot = Slot::empty();
            pending.waiting.push(Arc::clone(&slot));
            return repeat(slot);
        }
        if let Some(decision) = index.buckets.get(&key) {
            return repeat(Slot::full(Some(decision.clone())));
        }
        index.pending.insert(key.key, Pending::default());
        drop(index);
        Claim::First(Ticket { key: Some(key), repeats: Arc::clone(self) })
    }

    /// Ends claims, all under one lock: with a decision it is remembered, without one the claim is released.
    /// What can no longer be repeated at `now` is forgotten, and a piece of what rests by then is packed.
    pub(super) fn settle<'a>(
        &self,
        claims: impl Iterator<Item = (RepeatKey, Option<&'a Decision>)>,
        now: Option<Timestamp>,
    ) {
        let mut wakers: Vec<Waker> = Vec::new();
        let mut put = 0;
        let mut index = lock(&self.0);
        for (key, decision) in claims {
            if let Some(decision) = decision {
                index.buckets.put(key, decision);
                put += 1;
            }
            let waiting = index.pending.remove(&key.key).unwrap_or_default().waiting;
            wakers.extend(waiting.iter().filter_map(|slot| slot.put(decision.cloned())));
        }
        let shed = now.map(|now| index.buckets.tidy(now, put));
        drop(index);
        drop(shed);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn a_request_that_says_when_it_was_sent_is_known_whatever_the_tolerance_is_by_then() {
        let repeats = Arc::new(Repeats::default());
        let allow = Decision::by_default(Verdict::allow());
        let of = |valid_until| key(1, valid_until).sent(Timestamp::from_second(1000).unwrap());
        repeats.settle(std::iter::once((of(1300), Some(&allow))), None);
        for tolerance in [30, 300, 3600] {
            assert!(matches!(repeats.claim(of(1000 + tolerance)), Claim::Repeat(_)), "{tolerance} s");
        }
        // A longer one is the one that counts.
        repeats.settle(std::iter::once((of(1600), Some(&allow))), Timestamp::from_second(1301).ok());
        assert!(matches!(repeats.claim(of(1600)), Claim::Repeat(_)));
        repeats.settle(std::iter::empty(), Timestamp::from_second(1601).ok());
        assert!(matches!(repeats.claim(of(1600)), Claim::First(_)));
    }

    #[test]
    fn a_key_is_read_as_it_was_stored() {
        let sent = key(1, 1300).sent(Timestamp::from_second(1000).unwrap());
        assert_eq!(RepeatKey::read(&sent.stored(), 1300), Some(sent));
        assert_eq!(RepeatKey::read(&sent.stored(), 1300).unwrap().valid_for(900).valid_until, 1900);
        assert_eq!(RepeatKey::read(&key(1, 1300).stored(), 1300).unwrap().valid_for(900).valid_until, 1300);
        assert_eq!(RepeatKey::read(&[7; 16], 5), Some(RepeatKey { key: [7; 16], valid_until: 5, at: 5 }));
        assert_eq!(RepeatKey::read(&[7; 15], 5), None);
    }

    fn key(number: u32, valid_until: i64) -> RepeatKey {
        RepeatKey::new("app", &number.to_le_bytes(), Timestamp::from_second(valid_until).unwrap())
    }

    #[test]
    fn what_cannot_come_again_is_forgotten() {
        let repeats = Arc::new(Repeats::default());
        let allow = Decision::by_default(Verdict::allow());
        for number in 0..1000 {
            repeats.settle(std::iter::once((key(number, 1000), Some(&allow))), None);
        }
        assert!(matches!(repeats.claim(key(7, 1000)), Claim::Repeat(_)));
        repeats.settle(std::iter::empty(), Timestamp::from_second(1001).ok());
        assert!((0..1000).all(|number| matches!(repeats.claim(key(number, 1000)), Claim::First(_))));
    }

    #[test]
    fn what_was_packed_is_a_repeat_with_its_decision() {
        let repeats = Arc::new(Repeats::default());
        let decisions = [Verdict::allow(), Verdict::reject(20001)].map(Decision::by_default);
        for number in 0..100 {
            repeats.settle(std::iter::once((key(number, 1000), Some(&decisions[number as usize % 2]))), None);
        }
        for second in 990..995 {
            repeats.settle(std::iter::empty(), Timestamp::from_second(second).ok());
        }
        for number in 0..100 {
            let Claim::Repeat(mut repeat) = repeats.claim(key(number, 1000)) else { panic!("{number} is no repeat") };
            let answer = Pin::new(&mut repeat).poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(answer, Poll::Ready(Some(decisions[number as usize % 2].clone())));
        }
        assert!(matches!(repeats.claim(key(100, 1000)), Claim::First(_)));
    }

    #[test]
    fn a_key_is_remembered_until_its_last_second() {
        let repeats = Arc::new(Repeats::default());
        let allow = Decision::by_default(Verdict::allow());
        repeats.settle(std::iter::once((key(1, 1000), Some(&allow))), Timestamp::from_second(1000).ok());
        assert!(matches!(repeats.claim(key(1, 1000)), Claim::Repeat(_)));
    }
}
