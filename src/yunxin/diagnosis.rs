//! Why a request does not verify, in words: which check fails, and what usually causes that.
//!
//! It tries the usual mistakes and says which one fits. It never tells the right digest.

use bytes::Bytes;
use http::HeaderMap;
use jiff::{Timestamp, Unit};

use super::app::{App, Apps};
use super::check_sum::{md5_of, sign};
use super::decode::decode;
use super::head::{Name, digest};
use super::proof::{ProvenHeaders, Verified, verify};
use crate::event::EventId;
use crate::refusal::{Refusal, is_in_seconds};

/// One check and how it went.
///
/// Example: [`diagnose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked: `headers`, `app`, `signature`, `clock` or `body`; and `content`, where nobody can say what a body
    /// that verified is.
    pub check: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen.
    pub text: String,
}

/// What a request's checks come to.
///
/// Example: [`diagnose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The refusal a receiver answers, if it does.
    pub refusal: Option<Refusal>,
    /// Every check that could be made, in order.
    pub findings: Vec<Finding>,
    /// The likely cause of the failure, where one fits.
    pub cause: Option<String>,
}

/// Explains how the checks of a request that arrived at `now` go.
///
/// ```
/// use axum::http::{HeaderMap, HeaderValue};
/// use bytes::Bytes;
/// use offhook::yunxin::{App, Apps, diagnose, sign};
///
/// let apps: Apps = [App::new("made-up-app-key", "made-up-secret")].into_iter().collect();
/// let (body, time) = (Bytes::from_static(b"{}"), "1767225600000");
/// let signature = sign("another-secret", &body, time);
/// let mut headers = HeaderMap::new();
/// for (name, value) in
///     [("appkey", "made-up-app-key"), ("curtime", time), ("md5", &signature.md5), ("checksum", &signature.check_sum)]
/// {
///     headers.insert(name, HeaderValue::from_str(value)?);
/// }
/// let diagnosis = diagnose(&apps, &headers, &body, "2026-01-01T00:00:01Z".parse()?);
/// let failed: Vec<_> = diagnosis.findings.iter().filter(|finding| !finding.passed).collect();
/// assert_eq!(failed.len(), 1);
/// assert_eq!(diagnosis.refusal.map(|refusal| refusal.code()), Some("check_sum_mismatch"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diagnose(apps: &Apps, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Diagnosis {
    let (refusal, verified) = match verify(apps, headers, body.clone(), now) {
        Ok(verified) => (None, Some(verified)),
        Err(refusal) => (Some(refusal), None),
    };
    // Every check is made by itself, so that one failure does not hide the next.
    let proof = ProvenHeaders::prove(apps, headers, now);
    let mut diagnosis = Diagnosis { refusal, findings: Vec::new(), cause: None };
    match &proof {
        Err(refusal @ (Refusal::HeaderMissing(_) | Refusal::HeaderRepeated(_) | Refusal::HeaderMalformed { .. })) => {
            diagnosis.failed("headers", refusal.to_string());
            return diagnosis;
        }
        _ => diagnosis.passed("headers", "all four are there and well formed"),
    }
    match proof {
        Err(Refusal::AppUnknown) => {
            diagnosis.failed("app", "no app of this AppKey is known here".to_owned());
            diagnosis.cause = Some("give this app's key and secret, or correct the AppKey in the console".to_owned());
            return diagnosis;
        }
        Err(refusal @ Refusal::CheckSumMismatch) => {
            diagnosis.passed("app", "known");
            diagnosis.failed("signature", refusal.to_string());
            diagnosis.cause = Some(signature_cause(apps, headers, body, now));
        }
        Err(refusal) => {
            diagnosis.passed("app", "known");
            diagnosis.passed("signature", "made with a current secret of this app");
            diagnosis.failed("clock", refusal.to_string());
            diagnosis.cause = clock_cause(headers, now);
        }
        Ok(_) => {
            diagnosis.passed("app", "known");
            diagnosis.passed("signature", "made with a current secret of this app");
            diagnosis.passed("clock", "CurTime is close enough to this clock");
        }
    }
    diagnosis.compare(headers, body);
    if let Some(verified) = verified {
        diagnosis.understand(verified, now);
    }
    diagnosis
}

impl Diagnosis {
    pub(super) fn passed(&mut self, check: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { check, passed: true, text: text.into() });
    }

    pub(super) fn failed(&mut self, check: &'static str, text: String) {
        self.findings.push(Finding { check, passed: false, text });
    }

    /// A body that verified is refused all the same where nobody can say what it is.
    pub(super) fn understand(&mut self, verified: Verified, now: Timestamp) {
        let Err(refusal) = decode(verified, EventId::at(now), now) else { return };
        self.failed("content", refusal.to_string());
        self.refusal = Some(refusal);
        self.cause =
            Some("the sender holds the secret, and these bytes were signed; what they say is the matter".to_owned());
    }

    /// Holds the body against the MD5 header.
    pub(super) fn compare(&mut self, headers: &HeaderMap, body: &Bytes) {
        if md5_header(headers) == Some(md5_of(body)) {
            self.passed("body", format!("{} bytes, the ones that were signed", body.len()));
        } else {
            self.failed("body", format!("the MD5 header is not the MD5 of these {} bytes", body.len()));
            self.cause.get_or_insert_with(|| body_cause(headers, body));
        }
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim_ascii()
}

fn md5_header(headers: &HeaderMap) -> Option<[u8; 16]> {
    digest(text(headers, "md5"), Name::Md5).ok()
}

/// Which usual mistake gives this CheckSum.
pub(super) fn signature_cause(apps: &Apps, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> String {
    let (md5, cur_time, sent) = (text(headers, "md5"), text(headers, "curtime"), text(headers, "checksum"));
    let is_sent = |digest: &str| digest.eq_ignore_ascii_case(sent);
    let sha1 = |parts: [&str; 3]| {
        use sha1::{Digest, Sha1};
        hex::encode(Sha1::digest(parts.concat()))
    };
    // A copy may name no app: then all were tried.
    let tried: Vec<&App> = apps.get(text(headers, "appkey")).map_or_else(|| apps.iter().collect(), |app| vec![app]);
    for secret in tried.iter().flat_map(|app| &app.secrets) {
        let exposed = secret.secret.expose();
        if !secret.is_current(now) && is_sent(&sha1([exposed, md5, cur_time])) {
            return "it was made with a secret of this app that is past its `not_after`".to_owned();
        }
        if is_sent(&sign(exposed, body, cur_time).check_sum) {
            return "the MD5 header was changed after signing: the CheckSum fits this body and secret".to_owned();
        }
        let orders = [
            [exposed, cur_time, md5],
            [md5, exposed, cur_time],
            [md5, cur_time, exposed],
            [cur_time, md5, exposed],
            [cur_time, exposed, md5],
        ];
        if orders.into_iter().any(|order| is_sent(&sha1(order))) {
            return "its parts were put together in another order; it must be AppSecret + MD5 + CurTime".to_owned();
        }
        let seconds = cur_time.get(..cur_time.len().saturating_sub(3)).unwrap_or_default();
        let milliseconds = format!("{cur_time}000");
        if [seconds, &milliseconds].into_iter().any(|other| is_sent(&sha1([exposed, md5, other]))) {
            return "it was made with CurTime in another unit than the header's".to_owned();
        }
        if is_sent(&sha1([exposed.trim(), md5, cur_time])) {
            return "the configured secret has blanks around it".to_owned();
        }
    }
    let other = apps
        .iter()
        .filter(|other| tried.iter().all(|app| app.app_key != other.app_key))
        .flat_map(|other| other.secrets.iter().map(move |secret| (&other.app_key, secret)));
    for (app_key, secret) in other {
        if is_sent(&sha1([secret.secret.expose(), md5, cur_time])) {
            return format!("it was made with the secret of another app, {app_key}");
        }
    }
    if md5_header(headers) == Some(md5_of(body)) {
        "wrong secret: the body is intact, so the AppSecret differs (or CurTime was changed); compare it with the console".to_owned()
    } else {
        "wrong secret, or the headers belong to another request: neither the body nor the CheckSum fits".to_owned()
    }
}

fn clock_cause(headers: &HeaderMap, now: Timestamp) -> Option<String> {
    let sent: i64 = text(headers, "curtime").parse().ok()?;
    if is_in_seconds(sent) {
        return Some("CurTime is in seconds; this direction uses milliseconds".to_owned());
    }
    let sent = Timestamp::from_millisecond(sent).ok()?;
    let skew = now.since((Unit::Second, sent)).ok()?.get_seconds();
    Some(if skew < 0 {
        format!("clock skew of {} s: the sender's clock is ahead of this one, or this one is behind", skew.abs())
    } else {
        format!(
            "clock skew of {skew} s: the sender's clock is behind this one, or the request is an old one (see --at)"
        )
    })
}

/// What was done to the body on its way, where one of the usual things fits.
fn body_cause(headers: &HeaderMap, body: &Bytes) -> String {
    let Some(signed) = md5_header(headers) else { return "the MD5 header is malformed".to_owned() };
    if let Some(cause) = change(body, |candidate| md5_of(candidate) == signed) {
        return cause.to_owned();
    }
    if body.is_empty() {
        return "the body is empty: was it read before, or sent chunked to something that needs a Content-Length?"
            .to_owned();
    }
    "the body was changed on its way: a proxy or framework that re-encodes it, or it is not the body of these headers"
        .to_owned()
}

/// The usual change after whose undoing the body `fits`.
pub(super) fn change(body: &[u8], fits: impl Fn(&[u8]) -> bool) -> Option<&'static str> {
    let trimmed = body.trim_ascii();
    if fits(trimmed) {
        return Some(
            "blanks or a newline were added around the body (an editor, `echo`, or curl -d @file of a changed file)",
        );
    }
    if ["\n", "\r\n"].iter().any(|end| fits(&[trimmed, end.as_bytes()].concat())) {
        return Some("the body lost its newline at the end");
    }
    let unix: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\r').collect();
    let windows = String::from_utf8_lossy(&unix).replace('\n', "\r\n");
    if fits(&unix) || fits(windows.as_bytes()) {
        return Some("line ends were changed on the way");
    }
    if fits(trimmed.strip_prefix(b"\xef\xbb\xbf").unwrap_or_default()) {
        return Some("a byte order mark was put in front of the body");
    }
    let read: Option<serde_json::Value> = serde_json::from_slice(trimmed).ok();
    if read.is_some_and(|value| fits(value.to_string().as_bytes())) {
        return Some("something on the way read the JSON and wrote it again; pass the bytes on untouched");
    }
    None
}
