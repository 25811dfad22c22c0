//! What every family of senders can do: prove a sender, verify a body, say what it is, write an answer.
//!
//! The road knows families by this trait alone.

mod tencent;
mod yunxin;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use crate::event::{Event, EventId};
use crate::kind::{Family, Kind};
use crate::lenient::FieldFault;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::tencent::callback::CallbackSecrets;
use crate::verdict::Verdict;
use crate::yunxin::Apps;

pub use tencent::{TencentCall, TencentTrtc};
pub use yunxin::Yunxin;

/// A family of senders.
///
/// `Proven` and `Verified` are proofs: only the family itself makes them, and only out of requests it believes.
pub trait Protocol: Send + Sync + 'static {
    /// A head that only a true sender can have made, or one that will be judged together with the body.
    type Proven: Send + 'static;
    /// A body that only a true sender can have signed.
    type Verified: Send + 'static;

    /// Which family this is.
    fn family(&self) -> Family;

    /// Judges a request by its head, before a byte of its body is read.
    ///
    /// # Errors
    /// The first check that fails.
    fn prove(&self, head: &Head<'_>, now: Timestamp) -> Result<Self::Proven, Refusal>;

    /// Whether the head alone proved the sender. Where it did not, the request stays a stranger's until its body is
    /// verified: it has no place in flight, and no more than [`UNPROVEN_BODY`] of it is read.
    fn is_proof(&self, _proven: &Self::Proven) -> bool {
        true
    }

    /// Which app the head proved to ask, where it says so.
    fn app_of<'p>(&self, _proven: &'p Self::Proven) -> Option<&'p Arc<str>> {
        None
    }

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

    /// Whether the sender of `kind` waits for a verdict. Nobody is asked about an event that is only told.
    fn asks(&self, kind: &Kind) -> bool;

    /// Writes the verdict on an event of `kind` as its sender reads it.
    fn reply(&self, kind: &Kind, verdict: &Verdict) -> Bytes;
}

/// A request without its body.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What stands in the path where the endpoint's has `{token}`.
    pub token: Option<&'a str>,
    /// Its query, without the question mark.
    pub query: Option<&'a str>,
}

/// How much is read of a body whose sender the head did not prove, in bytes.
pub const UNPROVEN_BODY: usize = 64 << 10;

/// Every family that is received.
#[derive(Debug)]
pub struct Families {
    /// Yunxin's third-party callbacks.
    pub yunxin_callback: Arc<Yunxin>,
    /// Yunxin's message copies.
    pub yunxin_copy: Arc<Yunxin>,
    /// Callbacks of Tencent's call engine.
    pub tencent_call: Arc<TencentCall>,
    /// Callbacks of Tencent's rooms.
    pub tencent_trtc: Arc<TencentTrtc>,
}

impl Families {
    /// All families, with `apps` as those that Yunxin's sign for, and `tencent` as what Tencent's are proven with.
    pub fn new(apps: Apps, tencent: CallbackSecrets, metrics: &Arc<Metrics>) -> Self {
        let (callback, copy) = Yunxin::pair(apps, metrics);
        let (call, trtc) = TencentCall::pair(tencent, metrics);
        Self {
            yunxin_callback: Arc::new(callback),
            yunxin_copy: Arc::new(copy),
            tencent_call: Arc::new(call),
            tencent_trtc: Arc::new(trtc),
        }
    }

    /// From now on believes `apps` and `tencent`, and no others.
    pub fn believe(&self, apps: Apps, tencent: CallbackSecrets) {
        self.yunxin_callback.believe(apps);
        self.tencent_call.believe(tencent);
    }
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
    /// From then on a repeat is stale, or no longer recognised. Equal for equal requests, unless they have `sent`.
    pub valid_until: Timestamp,
    /// The sender's own time, where that is what ends a request.
    pub sent: Option<Timestamp>,
    /// Where the sender's own time ends nothing: what `valid_until` was for a request like this one period ago.
    pub earlier: Option<Timestamp>,
}

impl fmt::Debug for Identity {
    /// Never shows the digest: it may be the sender's signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}
