//! Tencent's two families: callbacks of the call engine and of TRTC. Both only tell; nobody waits for a verdict.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;

use super::yunxin::remembered;
use super::{Head, Identity, Protocol, Understood};
use crate::event::EventId;
use crate::kind::{Family, Kind};
use crate::metrics::{Metrics, SecretLabels};
use crate::refusal::Refusal;
use crate::tencent::callback::{
    CallProof, CallbackSecrets, Decoded, TRTC_REPLY, TrtcProof, VerifiedCall, VerifiedTrtc, call_reply, decode_call,
    decode_trtc,
};
use crate::verdict::Verdict;

/// The call engine's callbacks, proven by their path.
///
/// ```
/// use std::time::Duration;
/// use offhook::family::{Protocol, TencentCall, TencentTrtc};
/// use offhook::kind::Family;
/// use offhook::metrics::Metrics;
/// use offhook::tencent::callback::CallbackSecrets;
///
/// let secrets = CallbackSecrets::new(88_888_888, ["made-up-token".into()], ["made-up-key".into()]);
/// let metrics = Metrics::new(Duration::from_millis(1500));
/// let (call, trtc): (TencentCall, TencentTrtc) = TencentCall::pair(secrets, &metrics);
/// assert_eq!([call.family(), trtc.family()], [Family::TencentCall, Family::TencentTrtc]);
/// ```
#[derive(Debug)]
pub struct TencentCall(Believed);

/// TRTC's callbacks, proven by the signature of their bytes.
///
/// Example: [`TencentCall`].
#[derive(Debug)]
pub struct TencentTrtc(Believed);

/// What both are proven with.
#[derive(Debug, Clone)]
struct Believed {
    secrets: Arc<RwLock<CallbackSecrets>>,
    metrics: Arc<Metrics>,
}

impl TencentCall {
    /// Both families, proven with the same `secrets`.
    pub fn pair(secrets: CallbackSecrets, metrics: &Arc<Metrics>) -> (Self, TencentTrtc) {
        let believed = Believed { secrets: Arc::new(RwLock::new(secrets)), metrics: Arc::clone(metrics) };
        (Self(believed.clone()), TencentTrtc(believed))
    }

    /// From now on both families believe `secrets` and no others.
    pub fn believe(&self, secrets: CallbackSecrets) {
        *self.0.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }
}

impl Believed {
    fn secrets(&self) -> CallbackSecrets {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, app: &Arc<str>, secret: &Arc<str>) {
        let labels = SecretLabels { app: Arc::clone(app), secret: Arc::clone(secret) };
        self.metrics.secret_used.get_or_create_owned(&labels).inc();
    }
}

impl Protocol for TencentCall {
    type Proven = CallProof;
    type Verified = VerifiedCall;

    fn family(&self) -> Family {
        Family::TencentCall
    }

    fn prove(&self, head: &Head<'_>, now: Timestamp) -> Result<Self::Proven, Refusal> {
        let (token, query) = (head.token.unwrap_or_default(), head.query.unwrap_or_default());
        let proof = CallProof::prove(&self.0.secrets(), token, query, now)?;
        self.0.count(proof.sdk_app_id(), proof.secret());
        Ok(proof)
    }

    fn verify(&self, proof: Self::Proven, body: Bytes) -> Result<Self::Verified, Refusal> {
        Ok(proof.verify(body))
    }

    fn decode(&self, verified: Self::Verified, id: EventId, received: Timestamp) -> Result<Understood, Refusal> {
        decode_call(verified, id, received).map(|decoded| understood(decoded, received))
    }

    fn asks(&self, _kind: &Kind) -> bool {
        false
    }

    fn reply(&self, kind: &Kind, _verdict: &Verdict) -> Bytes {
        Bytes::from_static(call_reply(kind).as_bytes())
    }
}

impl Protocol for TencentTrtc {
    type Proven = TrtcProof;
    type Verified = VerifiedTrtc;

    fn family(&self) -> Family {
        Family::TencentTrtc
    }

    fn prove(&self, head: &Head<'_>, _now: Timestamp) -> Result<Self::Proven, Refusal> {
        TrtcProof::prove(&self.0.secrets(), head.headers)
    }

    fn is_proof(&self, _proof: &Self::Proven) -> bool {
        // The bytes of the body are what is signed.
        false
    }

    fn verify(&self, proof: Self::Proven, body: Bytes) -> Result<Self::Verified, Refusal> {
        let verified = proof.verify(body)?;
        self.0.count(verified.sdk_app_id(), verified.secret());
        Ok(verified)
    }

    fn decode(&self, verified: Self::Verified, id: EventId, received: Timestamp) -> Result<Understood, Refusal> {
        decode_trtc(verified, id, received).map(|decoded| understood(decoded, received))
    }

    fn asks(&self, _kind: &Kind) -> bool {
        false
    }

    fn reply(&self, _kind: &Kind, _verdict: &Verdict) -> Bytes {
        Bytes::from_static(TRTC_REPLY.as_bytes())
    }
}

/// A repeat carries the same bytes, so their hash is what it is recognised by.
fn understood(decoded: Decoded, received: Timestamp) -> Understood {
    let Decoded { event, faults, digest, sent } = decoded;
    let (earlier, valid_until) = remembered(sent.unwrap_or(0), received);
    Understood { event, identity: Identity { digest, valid_until, sent: None, earlier: Some(earlier) }, faults }
}
