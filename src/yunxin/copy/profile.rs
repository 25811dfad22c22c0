//! How copies are proven: the signature of the callbacks, but no limit on their age, and the AppKey may be missing.
//!
//! The old meeting kit signs in another order and does not send the MD5, so its head proves nothing without the body.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::ProvenHeaders;
use crate::refusal::Refusal;
use crate::yunxin::app::{App, AppSecret, Apps};
use crate::yunxin::check_sum::{md5_of, proves, proves_meeting};
use crate::yunxin::head::{Head, Name, digest, milliseconds};
use crate::yunxin::proof::{Product, Signed, Verified, product, proving_secret};

/// What a head came to.
///
/// ```
/// use offhook::yunxin::{App, Apps, Proof, sign_meeting};
///
/// let apps: Apps = [App::new("made-up-app-key", "made-up")].into_iter().collect();
/// let (body, cur_time, nonce) = (r#"{"msgType":"CREATE_ROOM"}"#, "1767225600000", "4711");
/// let check_sum = sign_meeting("made-up", nonce, body.as_bytes(), cur_time);
/// let mut headers = http::HeaderMap::new();
/// for (name, value) in [("appkey", "made-up-app-key"), ("nonce", nonce), ("curtime", cur_time), ("checksum", &check_sum)] {
///     headers.insert(name, value.parse()?);
/// }
/// let proof = Proof::of_copy(&apps, &headers, jiff::Timestamp::now())?;
/// assert!(matches!(proof, Proof::WithBody(_)), "the old meeting kit does not send the MD5");
/// assert!(proof.verify(body.into()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Proof {
    /// It proves its sender.
    Head(ProvenHeaders),
    /// Only together with its body it can.
    WithBody(Sealed),
}

/// A head of the old meeting kit, whose CheckSum covers an MD5 that is not sent.
///
/// Example: [`Proof`].
pub struct Sealed {
    nonce: String,
    app_key: Option<String>,
    cur_time: String,
    sent: i64,
    check_sum: [u8; 20],
    check_sum_text: String,
    /// Whose secrets may have signed it.
    apps: Vec<App>,
    now: Timestamp,
}

impl Proof {
    /// Judges the headers of a copy that arrived at `now`.
    ///
    /// # Errors
    /// The first check that fails, in the order: all there and well formed, AppKey, CheckSum.
    pub fn of_copy(apps: &Apps, headers: &HeaderMap, now: Timestamp) -> Result<Self, Refusal> {
        let head = Head::of(headers);
        let app_key = head.has(Name::AppKey).then(|| head.text(Name::AppKey)).transpose()?;
        let cur_time = head.text(Name::CurTime)?;
        if head.has(Name::Nonce) && !head.has(Name::Md5) {
            return Sealed::of(apps, &head, app_key, cur_time, now).map(Self::WithBody);
        }
        let [md5_text, check_sum_text] = [head.text(Name::Md5)?, head.text(Name::CheckSum)?];
        let sent = milliseconds(cur_time)?;
        let md5 = digest::<16>(md5_text, Name::Md5)?;
        let check_sum = digest::<20>(check_sum_text, Name::CheckSum)?;

        let candidates = candidates(apps, app_key)?;
        let (app, secret) =
            signer(candidates.into_iter(), now, |secret| proves(&secret.secret, md5_text, cur_time, &check_sum))?;
        let app_key = app_key.map(|app_key| (Name::AppKey, app_key));
        let others = [(Name::CurTime, cur_time), (Name::Md5, md5_text), (Name::CheckSum, check_sum_text)];
        let lines: Vec<_> = app_key.into_iter().chain(others).collect();
        let signed = Signed { cur_time, sent, md5, check_sum, product: product(&head, Product::Copy) };
        Ok(Self::Head(ProvenHeaders::of(app, secret, &signed, &lines, head.told_type())))
    }

    /// Judges the body.
    ///
    /// # Errors
    /// [`Refusal::BodyChanged`], or for a head that proved nothing yet [`Refusal::CheckSumMismatch`].
    pub fn verify(self, body: Bytes) -> Result<Verified, Refusal> {
        match self {
            Self::Head(headers) => headers.verify(body),
            Self::WithBody(sealed) => sealed.verify(body),
        }
    }
}

impl Sealed {
    fn of(
        apps: &Apps,
        head: &Head<'_>,
        app_key: Option<&str>,
        cur_time: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let nonce = head.text(Name::Nonce)?.to_owned();
        let check_sum_text = head.text(Name::CheckSum)?;
        let sent = milliseconds(cur_time)?;
        let check_sum = digest::<20>(check_sum_text, Name::CheckSum)?;
        let apps = candidates(apps, app_key)?.into_iter().cloned().collect();
        let (app_key, cur_time) = (app_key.map(str::to_owned), cur_time.to_owned());
        let check_sum_text = check_sum_text.to_owned();
        Ok(Self { nonce, app_key, cur_time, sent, check_sum, check_sum_text, apps, now })
    }

    pub(super) fn verify(self, body: Bytes) -> Result<Verified, Refusal> {
        let Self { nonce, app_key, cur_time, sent, check_sum, check_sum_text, apps, now } = self;
        let md5 = md5_of(&body);
        let md5_text = hex::encode(md5);
        let (app, secret) = signer(apps.iter(), now, |secret| {
            proves_meeting(&secret.secret, &nonce, &cur_time, &md5_text, &check_sum)
        })?;
        let app_key = app_key.as_deref().map(|app_key| (Name::AppKey, app_key));
        let others = [(Name::Nonce, &*nonce), (Name::CurTime, &*cur_time), (Name::CheckSum, &*check_sum_text)];
        let lines: Vec<_> = app_key.into_iter().chain(others).collect();
        let signed = Signed { cur_time: &cur_time, sent, md5, check_sum, product: Product::Meeting };
        Ok(ProvenHeaders::of(app, secret, &signed, &lines, None).with(body))
    }
}

impl fmt::Debug for Sealed {
    /// Never shows the digest: with it the secret can be searched for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("app_key", &self.app_key).field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// The app that is named, or every app where none is.
fn candidates<'a>(apps: &'a Apps, app_key: Option<&str>) -> Result<Vec<&'a App>, Refusal> {
    match app_key {
        Some(app_key) => apps.get(app_key).map(|app| vec![app]).ok_or(Refusal::AppUnknown),
        None => Ok(apps.iter().collect()),
    }
}

/// The first app with a current secret for which `proves` holds.
fn signer<'a>(
    mut apps: impl Iterator<Item = &'a App>,
    now: Timestamp,
    proves: impl Fn(&AppSecret) -> bool,
) -> Result<(&'a App, &'a AppSecret), Refusal> {
    let found = apps.find_map(|app| proving_secret(app, now, &proves).ok().map(|secret| (app, secret)));
    found.ok_or(Refusal::CheckSumMismatch)
}
