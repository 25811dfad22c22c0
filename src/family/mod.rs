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
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use http::HeaderMap;
/// use offhook::decide::{Chain, Load, Policy};
/// use offhook::event::EventId;
/// use offhook::family::{Families, Head, Protocol};
/// use offhook::intake::{Accepted, Basis, Intake, Request, Road};
/// use offhook::journal::{Journal, Options};
/// use offhook::metrics::Metrics;
/// use offhook::tencent::callback::CallbackSecrets;
/// use offhook::yunxin::{App, sign};
/// use offhook::Budget;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let metrics = Metrics::new(Duration::from_millis(1500));
/// let (clock, received) = (offhook::clock::Clock::system(), jiff::Timestamp::now());
/// let journal = Journal::open(Options::at(directory.path()), clock, metrics.clone())?;
/// let chain = Chain::new(Policy::default(), Vec::new(), metrics.clone())?;
/// let intake = Arc::new(Intake::new(chain, journal, metrics.clone(), Vec::new()));
/// let apps = [App::new("app", "made-up")].into_iter().collect();
/// let family = Families::new(apps, CallbackSecrets::default(), &metrics).yunxin_callback;
///
/// // What the platform sends.
/// let body = br#"{"eventType":20,"fromAccount":"mei"}"#;
/// let cur_time = received.as_millisecond().to_string();
/// let signature = sign("made-up", body, &cur_time);
/// let mut headers = HeaderMap::new();
/// for (name, value) in
///     [("appkey", "app"), ("curtime", &cur_time), ("md5", &signature.md5), ("checksum", &signature.check_sum)]
/// {
///     headers.insert(name, value.parse()?);
/// }
///
/// // The road, step by step: what a receiver does with it.
/// let proven = family.prove(&Head { headers: &headers, token: None, query: None }, received)?;
/// let (id, budget) = (EventId::at(received), Budget::starting_now(Duration::from_secs(1)));
/// let body = body.to_vec().into();
/// let receipt = match intake.receive(&*family, Request { id, received, proven, body, load: Load::Normal, budget })? {
///     Road::Done(receipt) => receipt,
///     Road::Waits(receipt) => receipt.await,
/// };
/// let accepted: Accepted = receipt.accepted(budget).await;
/// assert_eq!(accepted.decision().by, "default");
/// assert!(matches!(accepted.basis(), Basis::Kept(_)));
/// assert!(family.reply(accepted.kind(), &accepted.decision().verdict).starts_with(b"{\"errCode\":0"));
/// # Ok(()) }
/// ```
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
///
/// Example: [`Protocol`].
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
///
/// Example: [`Protocol`].
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
///
/// ```
/// use offhook::Refusal;
/// use offhook::event::EventId;
/// use offhook::family::{Head, Protocol, Understood};
///
/// /// What a request is, whoever sent it, and how a repeat of it is told.
/// fn understand<P: Protocol>(family: &P, head: &Head<'_>, body: bytes::Bytes) -> Result<([u8; 20], usize), Refusal> {
///     let now = jiff::Timestamp::now();
///     let verified = family.verify(family.prove(head, now)?, body)?;
///     let Understood { identity, faults, .. } = family.decode(verified, EventId::at(now), now)?;
///     Ok((identity.digest, faults.len()))
/// }
/// # let _ = understand::<offhook::family::Yunxin>;
/// ```
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
///
/// Example: [`Understood`].
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
