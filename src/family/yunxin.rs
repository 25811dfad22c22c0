//! Yunxin's two families: callbacks, which wait for a verdict, and copies, which only tell.
//!
//! Both are signed with the same secrets; what differs is the profile of their proof, and the answer.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Head, Identity, Protocol, Understood};
use crate::event::EventId;
use crate::kind::{Family, Kind};
use crate::metrics::{AppLabel, Metrics, SecretLabels};
use crate::refusal::Refusal;
use crate::verdict::Verdict;
use crate::yunxin::{self, Apps, Proof, ProvenHeaders};

/// One of Yunxin's families.
///
/// ```
/// use std::time::Duration;
/// use offhook::family::{Protocol, Yunxin};
/// use offhook::kind::Family;
/// use offhook::metrics::Metrics;
/// use offhook::yunxin::App;
///
/// let metrics = Metrics::new(Duration::from_millis(1500));
/// let (callback, copy) = Yunxin::pair([App::new("app", "made-up")].into_iter().collect(), &metrics);
/// assert_eq!([callback.family(), copy.family()], [Family::YunxinCallback, Family::YunxinCopy]);
///
/// // Another secret, from now on and for both.
/// callback.believe([App::new("app", "made-up-too")].into_iter().collect());
/// assert_eq!(copy.apps().iter().count(), 1);
/// ```
#[derive(Debug)]
pub struct Yunxin {
    profile: Profile,
    apps: Arc<RwLock<Apps>>,
    metrics: Arc<Metrics>,
}

impl Yunxin {
    /// Callbacks and copies of the same `apps`.
    pub fn pair(apps: Apps, metrics: &Arc<Metrics>) -> (Self, Self) {
        let apps = Arc::new(RwLock::new(apps));
        let of = |profile| Self { profile, apps: Arc::clone(&apps), metrics: Arc::clone(metrics) };
        (of(Profile::Callback), of(Profile::Copy))
    }

    /// From now on both families believe `apps` and no others.
    pub fn believe(&self, apps: Apps) {
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = apps;
    }

    /// The apps that are believed now.
    pub fn apps(&self) -> Apps {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, headers: &ProvenHeaders) {
        let labels = SecretLabels { app: Arc::clone(headers.app_key()), secret: Arc::clone(headers.secret()) };
        self.metrics.secret_used.get_or_create_owned(&labels).inc();
    }
}

/// How requests on a path are proven and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    Callback,
    Copy,
}

impl Protocol for Yunxin {
    type Proven = Proof;
    type Verified = yunxin::Verified;

    fn family(&self) -> Family {
        match self.profile {
            Profile::Callback => Family::YunxinCallback,
            Profile::Copy => Family::YunxinCopy,
        }
    }

    fn prove(&self, head: &Head<'_>, now: Timestamp) -> Result<Self::Proven, Refusal> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let proof = match self.profile {
            Profile::Callback => Proof::Head(ProvenHeaders::prove(&apps, head.headers, now)?),
            Profile::Copy => Proof::of_copy(&apps, head.headers, now)?,
        };
        drop(apps);
        if let Proof::Head(headers) = &proof {
            self.count(headers);
            if self.profile == Profile::Callback {
                // A copy may have waited for hours, which says nothing about a clock.
                let app = Arc::clone(headers.app_key());
                self.metrics.clock_skew.get_or_create_owned(&AppLabel { app }).set(headers.skew(now));
            }
        }
        Ok(proof)
    }

    fn is_proof(&self, proof: &Self::Proven) -> bool {
        matches!(proof, Proof::Head(_))
    }

    fn app_of<'p>(&self, proof: &'p Self::Proven) -> Option<&'p Arc<str>> {
        match proof {
            Proof::Head(headers) => Some(headers.app_key()),
            _ => None,
        }
    }

    fn verify(&self, proof: Self::Proven, body: Bytes) -> Result<Self::Verified, Refusal> {
        let was_proof = self.is_proof(&proof);
        let verified = proof.verify(body)?;
        if !was_proof {
            self.count(verified.headers());
        }
        Ok(verified)
    }

    fn decode(&self, verified: Self::Verified, id: EventId, received: Timestamp) -> Result<Understood, Refusal> {
        let (digest, sent) = (*verified.check_sum(), verified.sent());
        let (valid_until, fresh) = (verified.valid_until(), verified.headers().freshness(received));
        let yunxin::Decoded { event, faults } = yunxin::decode(verified, id, received)?;
        let identity = match event.family() {
            Family::YunxinCopy => {
                let (earlier, valid_until) = remembered(sent, received);
                Identity { digest, valid_until, sent: None, earlier: Some(earlier) }
            }
            _ => {
                // On a copy path the age was not looked at yet; an old callback is nobody's question any more.
                if self.profile == Profile::Copy && !event.kind().is_probe() {
                    fresh?;
                }
                Identity { digest, valid_until, sent: Timestamp::from_millisecond(sent).ok(), earlier: None }
            }
        };
        Ok(Understood { event, identity, faults })
    }

    fn asks(&self, kind: &Kind) -> bool {
        // On a callback path somebody waits for a verdict, whatever the body turned out to be.
        self.profile == Profile::Callback || (kind.family() == Family::YunxinCallback && !kind.is_probe())
    }

    fn reply(&self, kind: &Kind, verdict: &Verdict) -> Bytes {
        if self.asks(kind) { yunxin::encode(kind, verdict) } else { Bytes::from_static(yunxin::COPY_TAKEN) }
    }
}

/// How long a copy is remembered at least; at most twice as long. A little more than the longest pause that is
/// documented between two attempts, which is the hour of the old meeting kit.
const COPY_REMEMBERED: i64 = 75 * 60 * 1000;

/// The two moments at which a copy of `CurTime` `sent`, seen `now`, may be forgotten: an earlier equal one may be
/// kept until the first, this one is until the second.
///
/// A copy's own time bounds nothing, since it may be sent again whenever an outage ends. So time is cut into periods
/// that begin at `CurTime`: an equal copy finds the same ends, without a note of when the first one came.
pub(super) fn remembered(sent: i64, now: Timestamp) -> (Timestamp, Timestamp) {
    let now = now.as_millisecond();
    let next = now.saturating_add(sent.saturating_sub(now).rem_euclid(COPY_REMEMBERED));
    let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX);
    (at(next), at(next.saturating_add(COPY_REMEMBERED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_copy_finds_the_same_ends_for_at_least_a_period() {
        let first_seen = Timestamp::from_second(1_800_000_000).unwrap();
        for sent in [0, 1, 1_799_999_999_123, 1_800_000_123_456, i64::MAX] {
            let (_, kept_until) = remembered(sent, first_seen);
            for minutes in [0, 1, 60, 74] {
                let (earlier, later) = remembered(sent, first_seen + jiff::SignedDuration::from_mins(minutes));
                assert!([earlier, later].contains(&kept_until), "CurTime {sent}, {minutes} min later");
            }
            let age = kept_until.duration_since(first_seen).as_millis();
            assert!((i128::from(COPY_REMEMBERED)..=2 * i128::from(COPY_REMEMBERED)).contains(&age));
        }
    }
}
