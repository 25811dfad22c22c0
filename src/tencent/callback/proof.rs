//! Proving that a callback is Tencent's: the call engine's by its path, TRTC's by its signature.
//!
//! [`VerifiedCall`] and [`VerifiedTrtc`] can be made nowhere else, so whoever holds one knows that the checks were done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::secrets::{CallbackSecrets, Named};
use crate::refusal::Refusal;

/// How far `RequestTime` may be from our clock.
const TOLERANCE: Duration = Duration::from_secs(300);

/// A path and a query that only Tencent, or somebody it told, can know.
///
/// Example: [`super::decode_call`].
pub struct CallProof {
    sdk_app_id: Arc<str>,
    secret: Arc<str>,
    command: Option<String>,
    text: String,
}

/// A call engine's callback that was proven.
///
/// Example: [`super::decode_call`].
pub struct VerifiedCall {
    proof: CallProof,
    body: Bytes,
}

/// Headers that a TRTC callback must have. They prove nothing before the body is there: its bytes are what is signed.
///
/// Example: [`super::decode_trtc`].
pub struct TrtcProof {
    secrets: CallbackSecrets,
    sign: [u8; 32],
    text: String,
}

/// A TRTC callback whose bytes were signed with one of the keys.
///
/// Example: [`super::decode_trtc`].
pub struct VerifiedTrtc {
    sdk_app_id: Arc<str>,
    secret: Arc<str>,
    text: String,
    body: Bytes,
}

impl CallProof {
    /// Judges a callback of the call engine that arrived at `now` on a path that ends in `token`.
    ///
    /// `Sign` and `RequestTime`, which Chat callbacks have where authentication is on, are checked where they are sent.
    ///
    /// # Errors
    /// The first check that fails, in the order: token, `SdkAppid`, `Sign`, `RequestTime`.
    pub fn prove(secrets: &CallbackSecrets, token: &str, query: &str, now: Timestamp) -> Result<Self, Refusal> {
        let known = one_of(secrets.tokens(), |known| known.ct_eq(token.as_bytes()).into());
        let known = known.ok_or(Refusal::TokenMismatch)?;
        let field = |name: &str| {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.into_owned())
        };
        if field("SdkAppid").as_deref() != Some(secrets.sdk_app_id()) {
            return Err(Refusal::SdkAppIdUnknown);
        }
        if let Some(sign) = field("Sign") {
            let Some(request_time) = field("RequestTime") else {
                return Err(Refusal::SignMismatch("the query has a Sign, but no RequestTime"));
            };
            let right = |token: &[u8]| sha256_hex(&[token, request_time.as_bytes()].concat());
            if one_of(secrets.tokens(), |token| right(token).as_bytes().ct_eq(sign.as_bytes()).into()).is_none() {
                return Err(Refusal::SignMismatch("the Sign in the query was not made with a configured token"));
            }
            check_freshness(&request_time, now)?;
        }
        // What is kept must open nothing: of the token there is a hash, which a token can still be held against.
        let text = format!("Token-SHA256: {}\nQuery: {query}\n", sha256_hex(token.as_bytes()));
        let (sdk_app_id, secret) = (Arc::clone(secrets.sdk_app_id()), Arc::clone(&known.fingerprint));
        let command = field("CallbackCommand").or_else(|| field("command"));
        Ok(Self { sdk_app_id, secret, command, text })
    }

    /// Judges anew what an event's record kept of a callback that arrived at `received`.
    ///
    /// # Errors
    /// As [`CallProof::prove`], where the secrets are no longer the same.
    pub fn recall(secrets: &CallbackSecrets, record: &str, received: Timestamp) -> Result<Self, Refusal> {
        let line = |name: &str| record.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let hash = line("Token-SHA256: ");
        let token = one_of(secrets.tokens(), |token| sha256_hex(token).as_bytes().ct_eq(hash.as_bytes()).into());
        let token = token.ok_or(Refusal::TokenMismatch)?;
        Self::prove(secrets, token.secret.expose(), line("Query: "), received)
    }

    /// Any body does: nothing about it is signed.
    pub fn verify(self, body: Bytes) -> VerifiedCall {
        VerifiedCall { proof: self, body }
    }

    /// The app that the callback is about, in digits.
    pub fn sdk_app_id(&self) -> &Arc<str> {
        &self.sdk_app_id
    }

    /// Which of the tokens it was, as four hex digits.
    pub fn secret(&self) -> &Arc<str> {
        &self.secret
    }
}

impl TrtcProof {
    /// Judges the headers of a TRTC callback.
    ///
    /// # Errors
    /// The first check that fails: `SdkAppId`, where it is sent, is ours; there is one `Sign`, of the right form.
    pub fn prove(secrets: &CallbackSecrets, headers: &HeaderMap) -> Result<Self, Refusal> {
        let app = single(headers, "SdkAppId", "sdkappid")?;
        if app.as_deref().is_some_and(|app| app != &**secrets.sdk_app_id()) {
            return Err(Refusal::SdkAppIdUnknown);
        }
        let sign = single(headers, "Sign", "sign")?.ok_or(Refusal::SignMismatch("the header Sign is missing"))?;
        let decoded = BASE64_STANDARD.decode(&sign).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let decoded = decoded.ok_or(Refusal::SignMismatch("the header Sign is not base64 of 32 bytes"))?;
        let mut text = format!("Sign: {sign}\n");
        if let Some(app) = app {
            text.insert_str(0, &format!("SdkAppId: {app}\n"));
        }
        Ok(Self { secrets: secrets.clone(), sign: decoded, text })
    }

    /// Judges anew what an event's record kept of the headers.
    ///
    /// # Errors
    /// As [`TrtcProof::prove`].
    pub fn recall(secrets: &CallbackSecrets, record: &str) -> Result<Self, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in record.lines().filter_map(|line| line.split_once(": ")) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        Self::prove(secrets, &headers)
    }

    /// Checks the signature over the bytes of `body`.
    ///
    /// # Errors
    /// [`Refusal::SignMismatch`] where no key gives it.
    pub fn verify(self, body: Bytes) -> Result<VerifiedTrtc, Refusal> {
        let key = one_of(self.secrets.trtc_keys(), |key| hmac_sha256(key, &body).ct_eq(&self.sign).into());
        let key = key.ok_or(Refusal::SignMismatch("no configured key gives the Sign of these bytes"))?;
        let (sdk_app_id, secret) = (Arc::clone(self.secrets.sdk_app_id()), Arc::clone(&key.fingerprint));
        Ok(VerifiedTrtc { sdk_app_id, secret, text: self.text, body })
    }
}

impl VerifiedCall {
    /// The app, the command in the query, what must be kept to verify it again, and the bytes.
    pub(super) fn into_record(self) -> (Arc<str>, Option<String>, String, Bytes) {
        (self.proof.sdk_app_id, self.proof.command, self.proof.text, self.body)
    }
}

impl VerifiedTrtc {
    /// The app, in digits.
    pub fn sdk_app_id(&self) -> &Arc<str> {
        &self.sdk_app_id
    }

    /// Which of the keys it was, as four hex digits.
    pub fn secret(&self) -> &Arc<str> {
        &self.secret
    }

    /// The app, what must be kept to verify it again, and the bytes.
    pub(super) fn into_record(self) -> (Arc<str>, String, Bytes) {
        (self.sdk_app_id, self.text, self.body)
    }
}

/// The `Sign` in the query of a callback with `token`, sent at `request_time`: lower-case hex of a SHA-256.
///
/// ```
/// let sign = offhook::tencent::callback::sign_call("made-up-token", "1700000000");
/// assert_eq!(sign, "483fc171baa6a37e0985ff2d67468b3ad402c357954448e302c4e9d41a31fd29");
/// ```
pub fn sign_call(token: &str, request_time: &str) -> String {
    sha256_hex([token, request_time].concat().as_bytes())
}

/// The header `Sign` of a TRTC callback: standard base64 of the HMAC-SHA256 of the body's bytes.
///
/// Example: [`super::decode_trtc`].
pub fn sign_trtc(key: &str, body: &[u8]) -> String {
    BASE64_STANDARD.encode(hmac_sha256(key.as_bytes(), body))
}

/// The first that `fits`; all are looked at, so that the time says nothing of which.
fn one_of(secrets: &[Named], fits: impl Fn(&[u8]) -> bool) -> Option<&Named> {
    let mut found = None;
    for secret in secrets {
        let fits = fits(secret.secret.expose().as_bytes());
        found = if fits && found.is_none() { Some(secret) } else { found };
    }
    found
}

/// The only value of a header; `None` where it was not sent.
fn single(headers: &HeaderMap, name: &'static str, key: &'static str) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(key).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::HeaderRepeated(name));
    }
    let text = value.to_str().map_err(|_| Refusal::HeaderMalformed { name, expected: "printable text" })?;
    Ok(Some(text.trim_ascii().to_owned()))
}

/// `RequestTime` is in seconds.
fn check_freshness(request_time: &str, now: Timestamp) -> Result<(), Refusal> {
    let malformed = Refusal::SignMismatch("RequestTime is not Unix time in seconds");
    let sent: i64 = request_time.parse().map_err(|_| malformed)?;
    let ahead = sent.saturating_sub(now.as_second());
    if ahead.unsigned_abs() <= TOLERANCE.as_secs() { Ok(()) } else { Err(Refusal::RequestTimeOff { ahead }) }
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for CallProof {
    /// Never shows the query: it may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallProof").field("sdk_app_id", &self.sdk_app_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body_bytes = self.body.len();
        f.debug_struct("VerifiedCall").field("proof", &self.proof).field("body_bytes", &body_bytes).finish()
    }
}

impl fmt::Debug for TrtcProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrtcProof").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedTrtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body_bytes = self.body.len();
        let mut shown = f.debug_struct("VerifiedTrtc");
        shown.field("sdk_app_id", &self.sdk_app_id).field("body_bytes", &body_bytes).finish_non_exhaustive()
    }
}
