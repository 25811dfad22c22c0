//! Checks TC3-HMAC-SHA256 by the published algorithm, and on purpose not with the code that signs.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::plan::Plan;

/// What the Cloud API says of a request that is not signed as it should be.
type Refused = (&'static str, String);

/// Seconds that a request's time may be off.
const TOLERANCE: u64 = 300;

/// Whether `headers` sign `body` with the pair of `plan` at `now`.
pub(super) fn check(plan: &Plan, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refused> {
    let failed = |why: &str| ("AuthFailure.SignatureFailure", why.to_owned());
    let malformed = |why: &str| ("AuthFailure.InvalidAuthorization", why.to_owned());
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| ("MissingParameter", format!("The request is missing the header `{name}`.")))
    };
    let authorization = header("authorization").map_err(|_| malformed("Authorization is missing."))?;
    let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if algorithm != "TC3-HMAC-SHA256" {
        return Err(malformed("The algorithm is not TC3-HMAC-SHA256."));
    }
    let part = |name: &str| {
        let mut parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
        parts.find(|(found, _)| *found == name).map(|(_, value)| value)
    };
    let (Some(credential), Some(signed), Some(signature)) =
        (part("Credential"), part("SignedHeaders"), part("Signature"))
    else {
        return Err(malformed("Credential, SignedHeaders and Signature are expected."));
    };
    let credential: Vec<&str> = credential.split('/').collect();
    let [id, date, service, "tc3_request"] = credential[..] else {
        return Err(malformed("Credential is not <id>/<date>/<service>/tc3_request."));
    };
    let timestamp = header("x-tc-timestamp")?;
    let seconds: i64 = timestamp.parse().map_err(|_| malformed("X-TC-Timestamp is not Unix time in seconds."))?;
    if seconds.abs_diff(now.as_second()) > TOLERANCE {
        return Err(("AuthFailure.SignatureExpire", "X-TC-Timestamp is more than five minutes off.".to_owned()));
    }
    let day = Timestamp::from_second(seconds).map(|time| time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string());
    if day.ok().as_deref() != Some(date) {
        return Err(failed("The date in Credential is not the UTC date of X-TC-Timestamp."));
    }
    if service != "trtc" {
        return Err(failed("The service in Credential is not that of the host."));
    }
    if id != plan.cloud_secret_id {
        return Err(("AuthFailure.SecretIdNotFound", "The SecretId does not exist.".to_owned()));
    }
    let names: Vec<&str> = signed.split(';').collect();
    if !names.is_sorted() || !["content-type", "host"].iter().all(|name| names.contains(name)) {
        return Err(failed("SignedHeaders must be sorted, and have content-type and host."));
    }
    let mut canonical = "POST\n/\n\n".to_owned();
    for name in &names {
        canonical += &format!("{name}:{}\n", header(name)?.trim().to_lowercase());
    }
    canonical += &format!("\n{signed}\n{}", hex::encode(Sha256::digest(body)));
    let hashed = hex::encode(Sha256::digest(canonical));
    let to_sign = format!("TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{hashed}");
    let steps = [date, service, "tc3_request", &to_sign];
    let start = format!("TC3{}", plan.cloud_secret_key.expose()).into_bytes();
    let right = steps.into_iter().try_fold(start, |key, message| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(message.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    });
    if right.map(hex::encode).as_deref() == Some(signature) {
        Ok(())
    } else {
        Err(failed("The provided credentials could not be validated. Please check your signature is correct."))
    }
}
