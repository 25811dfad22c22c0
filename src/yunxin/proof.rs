//! Proving who asks: first by the headers alone, then by the bytes of the body.
//!
//! [`ProvenHeaders`] and [`Verified`] can be made nowhere else, so whoever holds one knows that the checks were done.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::app::{App, AppSecret, Apps};
use super::check_sum::{is_same, md5_of, proves};
use super::head::{Head, Name, digest, milliseconds};
use crate::refusal::Refusal;

/// The MD5 of `{}`, the body with which a callback URL is checked; the documented check carries an old `CurTime`.
const MD5_OF_PROBE: [u8; 16] = *b"\x99\x91\x4b\x93\x2b\xd3\x7a\x50\xb9\x83\xc5\xe7\xc9\x0a\xe9\x3b";

/// Headers that only someone with the app's secret can have made.
///
/// Example: [`verify`].
pub struct ProvenHeaders {
    app_key: Arc<str>,
    secret: Arc<str>,
    cur_time: String,
    sent: i64,
    tolerance: Duration,
    md5: [u8; 16],
    check_sum: [u8; 20],
    product: Product,
    text: String,
}

/// Which product a request is from, as far as its head and the profile of its proof tell; the body tells the rest.
///
/// ```
/// use http::HeaderMap;
/// use offhook::Refusal;
/// use offhook::yunxin::{Apps, Product, ProvenHeaders};
///
/// /// Whether the headers say that this is a copy of RTC 2.0.
/// fn is_rtc(apps: &Apps, headers: &HeaderMap) -> Result<bool, Refusal> {
///     Ok(ProvenHeaders::prove(apps, headers, jiff::Timestamp::now())?.product() == Product::Rtc)
/// }
/// # let _ = is_rtc;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// It was proven as a callback.
    Callback,
    /// It was proven as a copy.
    Copy,
    /// RTC 2.0, by the header `type: G2`.
    Rtc,
    /// The old meeting kit, by its own signature.
    Meeting,
}

/// A body that only someone with the app's secret can have signed.
///
/// Example: [`verify`].
pub struct Verified {
    headers: ProvenHeaders,
    body: Bytes,
}

impl ProvenHeaders {
    /// Proves the four headers of a request that arrived at `now`.
    ///
    /// # Errors
    /// The first check that fails, in the order: all four there and well formed, AppKey, CheckSum, CurTime.
    pub fn prove(apps: &Apps, headers: &HeaderMap, now: Timestamp) -> Result<Self, Refusal> {
        let head = Head::of(headers);
        let [app_key, cur_time] = [head.text(Name::AppKey)?, head.text(Name::CurTime)?];
        let [md5_text, check_sum_text] = [head.text(Name::Md5)?, head.text(Name::CheckSum)?];
        let sent = milliseconds(cur_time)?;
        let md5 = digest::<16>(md5_text, Name::Md5)?;
        let check_sum = digest::<20>(check_sum_text, Name::CheckSum)?;

        let app = apps.get(app_key).ok_or(Refusal::AppUnknown)?;
        let secret = proving_secret(app, now, |secret| proves(&secret.secret, md5_text, cur_time, &check_sum))?;
        if md5 != MD5_OF_PROBE {
            check_freshness(sent, now, app.clock_tolerance)?;
        }

        let lines = [
            (Name::AppKey, app_key),
            (Name::CurTime, cur_time),
            (Name::Md5, md5_text),
            (Name::CheckSum, check_sum_text),
        ];
        let signed = Signed { cur_time, sent, md5, check_sum, product: product(&head, Product::Callback) };
        Ok(Self::of(app, secret, &signed, &lines, head.told_type()))
    }

    /// The proof itself: `secret` of `app` was found to have signed what is in `signed`. `lines` are the headers that
    /// were looked at, `told` the type that the head names.
    pub(super) fn of(
        app: &App,
        secret: &AppSecret,
        signed: &Signed<'_>,
        lines: &[(Name, &str)],
        told: Option<&str>,
    ) -> Self {
        let Signed { cur_time, sent, md5, check_sum, product } = *signed;
        let mut text = String::with_capacity(192);
        for (name, value) in lines.iter().chain(&told.map(|told| (Name::Type, told))) {
            text.push_str(name.shown());
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
        let (app_key, secret) = (Arc::clone(&app.app_key), Arc::clone(secret.fingerprint()));
        let (cur_time, tolerance) = (cur_time.to_owned(), app.clock_tolerance);
        Self { app_key, secret, cur_time, sent, tolerance, md5, check_sum, product, text }
    }

    /// Checks `CurTime` against `now`.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::FromTheFuture`].
    pub fn freshness(&self, now: Timestamp) -> Result<(), Refusal> {
        check_freshness(self.sent, now, self.tolerance)
    }

    /// Which product the request is from, as far as they tell.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Headers that were proven together with `body`.
    pub(super) fn with(self, body: Bytes) -> Verified {
        Verified { headers: self, body }
    }

    /// Checks `body` against the MD5 that was signed.
    ///
    /// # Errors
    /// [`Refusal::BodyChanged`] when these are not the signed bytes.
    pub fn verify(self, body: Bytes) -> Result<Verified, Refusal> {
        if is_same(&md5_of(&body), &self.md5) {
            Ok(Verified { headers: self, body })
        } else {
            Err(Refusal::BodyChanged { received: body.len() })
        }
    }

    /// The app whose secret proved them.
    pub fn app_key(&self) -> &Arc<str> {
        &self.app_key
    }

    /// Which of the app's secrets proved them, as four hex digits.
    pub fn secret(&self) -> &Arc<str> {
        &self.secret
    }

    /// How far the sender's clock is ahead of `now`, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "a metric; milliseconds of some minutes are exact")]
    pub fn skew(&self, now: Timestamp) -> f64 {
        self.sent.saturating_sub(now.as_millisecond()) as f64 / 1000.0
    }
}

impl Verified {
    /// The headers that were proven.
    pub fn headers(&self) -> &ProvenHeaders {
        &self.headers
    }

    /// `CurTime` as it was sent.
    pub fn sent_at(&self) -> &str {
        &self.headers.cur_time
    }

    /// What makes a repeat of this request recognisable.
    pub fn check_sum(&self) -> &[u8; 20] {
        &self.headers.check_sum
    }

    /// From then on its headers are stale, so that no repeat can arrive any more.
    pub fn valid_until(&self) -> Timestamp {
        let tolerance = i64::try_from(self.headers.tolerance.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(self.headers.sent.saturating_add(tolerance)).unwrap_or(Timestamp::MAX)
    }

    /// `CurTime` in milliseconds.
    pub fn sent(&self) -> i64 {
        self.headers.sent
    }

    /// The signed bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `CurTime` and the four headers as they were sent, these a `Name: value` line each, and the signed bytes.
    pub(super) fn into_record(self) -> (String, String, Bytes) {
        (self.headers.cur_time, self.headers.text, self.body)
    }
}

impl fmt::Debug for ProvenHeaders {
    /// Never shows the digests: with them the secret can be searched for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ProvenHeaders");
        shown.field("app_key", &self.app_key).field("secret", &self.secret).field("sent", &self.sent);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    /// Never shows the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body_bytes = self.body.len();
        f.debug_struct("Verified").field("headers", &self.headers).field("body_bytes", &body_bytes).finish()
    }
}

/// Verifies a whole request at once: the headers, then the bytes of the body.
///
/// ```
/// use offhook::yunxin::{self, App, Apps};
///
/// let apps: Apps = [App::new("made-up-key", "made-up-secret")].into_iter().collect();
/// let now = jiff::Timestamp::from_millisecond(1_700_000_000_000)?;
/// let signature = yunxin::sign("made-up-secret", b"{}", "1700000000000");
/// let mut headers = http::HeaderMap::new();
/// headers.insert("AppKey", "made-up-key".parse()?);
/// headers.insert("CurTime", "1700000000000".parse()?);
/// headers.insert("MD5", signature.md5.parse()?);
/// headers.insert("CheckSum", signature.check_sum.parse()?);
/// assert!(yunxin::verify(&apps, &headers, "{}".into(), now).is_ok());
/// assert!(yunxin::verify(&apps, &headers, "{ }".into(), now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There is no other way to a `Verified`:
///
/// ```compile_fail
/// let verified = offhook::yunxin::Verified { headers: todo!(), body: "{}".into() };
/// ```
///
/// # Errors
/// The first check that fails.
pub fn verify(apps: &Apps, headers: &HeaderMap, body: Bytes, now: Timestamp) -> Result<Verified, Refusal> {
    ProvenHeaders::prove(apps, headers, now)?.verify(body)
}

/// What the digest headers sign, read.
pub(super) struct Signed<'a> {
    pub cur_time: &'a str,
    pub sent: i64,
    pub md5: [u8; 16],
    pub check_sum: [u8; 20],
    pub product: Product,
}

/// The product that the head names, or `untold`.
pub(super) fn product(head: &Head<'_>, untold: Product) -> Product {
    let is_rtc = head.told_type().is_some_and(|told| told.trim_ascii().eq_ignore_ascii_case("G2"));
    if is_rtc { Product::Rtc } else { untold }
}

pub(super) fn proving_secret(
    app: &App,
    now: Timestamp,
    proves: impl Fn(&AppSecret) -> bool,
) -> Result<&AppSecret, Refusal> {
    app.secrets.iter().find(|secret| secret.is_current(now) && proves(secret)).ok_or(Refusal::CheckSumMismatch)
}

fn check_freshness(sent: i64, now: Timestamp, tolerance: Duration) -> Result<(), Refusal> {
    let ahead = sent.saturating_sub(now.as_millisecond());
    if u128::from(ahead.unsigned_abs()) <= tolerance.as_millis() {
        Ok(())
    } else if ahead < 0 {
        Err(Refusal::Stale { sent, now })
    } else {
        Err(Refusal::FromTheFuture { sent, now })
    }
}
