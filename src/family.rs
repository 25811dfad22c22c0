//! What every family of senders can do: prove a sender, verify a body, say what it is, write an answer.
//!
//! The road knows families by this trait alone.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use crate::event::{Event, EventId};
use crate::kind::{Family, Kind};
use crate::lenient::FieldFault;
use crate::metrics::{AppLabel, Metrics, SecretLabels};
use crate::refusal::Refusal;
use crate::verdict::Verdict;
use crate::yunxin::{self, Apps};

/// A family of senders.
///
/// `Proven` and `Verified` are proofs: only the family itself makes them, and only out of requests it believes.
pub trait Protocol: Send + Sync + 'static {
    /// Headers that only a true sender can have made.
    type Proven: Send + 'static;
    /// A body that only a true sender can have signed.
    type Verified: Send + 'static;

    /// Which family this is.
    fn family(&self) -> Family;

    /// Judges a request by its headers, before a byte of its body is read.
    ///
    /// # Errors
    /// The first check that fails.
    fn prove(&self, headers: &HeaderMap, now: Timestamp) -> Result<Self::Proven, Refusal>;

    /// Which app a sender has proven to be.
    fn app_of<'p>(&self, proven: &'p Self::Proven) -> &'p Arc<str>;

    /// Judges the body.
    ///
    /// # Errors
    /// The first check that fails.
    fn verify(&self, proven: Self::Proven, body: Bytes) -> Result<Self::Verified, Refusal>;

    /// Says what a verified request is.
    ///
    /// # Errors
    /// The body cannot be understood.
    fn decode(&self, verified: Self::Verified, id: EventId, received: Timestamp) -> Result<Understood, Refusal>;

    /// Writes the verdict on an event of `kind` as its sender reads it.
    fn reply(&self, kind: &Kind, verdict: &Verdict) -> Bytes;
}

/// A verified request, understood.
#[derive(Debug)]
pub struct Understood {
    /// What it is.
    pub event: Event,
    /// What makes a repeat of it recognisable.
    pub identity: Identity,
    /// Documented fields whose value is of an impossible type.
    pub faults: Vec<FieldFault>,
}

/// What makes a repeat of a request recognisable, and until when one can arrive.
pub struct Identity {
    /// Equal for equal requests of one app.
    pub digest: [u8; 20],
    /// From then on a repeat is stale.
    pub valid_until: Timestamp,
}

impl fmt::Debug for Identity {
    /// Never shows the digest: it may be the sender's signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

/// Yunxin's third-party callbacks.
#[derive(Debug)]
pub struct YunxinCallback {
    apps: RwLock<Apps>,
    metrics: Arc<Metrics>,
}

impl YunxinCallback {
    /// Callbacks of `apps`.
    pub fn new(apps: Apps, metrics: Arc<Metrics>) -> Self {
        Self { apps: RwLock::new(apps), metrics }
    }

    /// From now on believes `apps` and no others.
    pub fn believe(&self, apps: Apps) {
        *self.apps.write().unwrap_or_else(PoisonError::into_inner) = apps;
    }
}

impl Protocol for YunxinCallback {
    type Proven = yunxin::ProvenHeaders;
    type Verified = yunxin::Verified;

    fn family(&self) -> Family {
        Family::YunxinCallback
    }

    fn prove(&self, headers: &HeaderMap, now: Timestamp) -> Result<Self::Proven, Refusal> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let proven = yunxin::ProvenHeaders::prove(&apps, headers, now)?;
        drop(apps);
        let app = Arc::clone(proven.app_key());
        self.metrics.clock_skew.get_or_create_owned(&AppLabel { app: Arc::clone(&app) }).set(proven.skew(now));
        let labels = SecretLabels { app, secret: Arc::clone(proven.secret()) };
        self.metrics.secret_used.get_or_create_owned(&labels).inc();
        Ok(proven)
    }

    fn app_of<'p>(&self, proven: &'p Self::Proven) -> &'p Arc<str> {
        proven.app_key()
    }

    fn verify(&self, proven: Self::Proven, body: Bytes) -> Result<Self::Verified, Refusal> {
        proven.verify(body)
    }

    fn decode(&self, verified: Self::Verified, id: EventId, received: Timestamp) -> Result<Understood, Refusal> {
        let identity = Identity { digest: *verified.check_sum(), valid_until: verified.valid_until() };
        let decoded = yunxin::decode(verified, id, received)?;
        Ok(Understood { event: decoded.event, identity, faults: decoded.faults })
    }

    fn reply(&self, kind: &Kind, verdict: &Verdict) -> Bytes {
        yunxin::encode(kind, verdict)
    }
}
