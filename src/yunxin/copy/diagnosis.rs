//! Why a copy does not verify, in words; as `yunxin::diagnose` does for callbacks.

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;

use super::profile::Proof;
use crate::refusal::Refusal;
use crate::yunxin::app::{App, Apps};
use crate::yunxin::check_sum::{sign, sign_meeting};
use crate::yunxin::diagnosis::{Diagnosis, change, signature_cause, text};

/// Explains how the checks of a copy that arrived at `now` go. It may be old, and it may name no app; one with a `Nonce`
/// and no MD5 is signed as the old meeting kit signs.
///
/// ```
/// use http::HeaderMap;
/// use offhook::yunxin::{Apps, diagnose_copy};
///
/// let diagnosis = diagnose_copy(&Apps::default(), &HeaderMap::new(), &"{}".into(), jiff::Timestamp::now());
/// for finding in &diagnosis.findings {
///     println!("{} {}: {}", if finding.passed { "✓" } else { "✗" }, finding.check, finding.text);
/// }
/// assert!(diagnosis.refusal.is_some());
/// ```
pub fn diagnose_copy(apps: &Apps, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Diagnosis {
    let proof = Proof::of_copy(apps, headers, now);
    let mut diagnosis = Diagnosis { refusal: None, findings: Vec::new(), cause: None };
    let is_named = headers.contains_key("appkey");
    match &proof {
        Err(refusal @ (Refusal::HeaderMissing(_) | Refusal::HeaderRepeated(_) | Refusal::HeaderMalformed { .. })) => {
            diagnosis.failed("headers", refusal.to_string());
            diagnosis.refusal = proof.err();
            return diagnosis;
        }
        Ok(Proof::WithBody(_)) => {
            diagnosis.passed("headers", "Nonce, CurTime and CheckSum: those of the old meeting kit")
        }
        _ if is_named => diagnosis.passed("headers", "all four are there and well formed"),
        _ => diagnosis.passed("headers", "CurTime, MD5 and CheckSum are there and well formed"),
    }
    if let Err(refusal @ Refusal::AppUnknown) = proof {
        diagnosis.failed("app", "no app of this AppKey is known here".to_owned());
        diagnosis.cause = Some("give this app's key and secret, or correct the AppKey in the console".to_owned());
        diagnosis.refusal = Some(refusal);
        return diagnosis;
    }
    let app = if is_named { "known" } else { "not named, as in older copies: every secret known here was tried" };
    diagnosis.passed("app", app);
    match proof {
        Err(refusal) => {
            diagnosis.failed("signature", refusal.to_string());
            diagnosis.cause = Some(signature_cause(apps, headers, body, now));
            diagnosis.compare(headers, body);
            diagnosis.refusal = Some(refusal);
        }
        Ok(Proof::WithBody(sealed)) => match sealed.verify(body.clone()) {
            Err(refusal) => {
                diagnosis.failed("signature", refusal.to_string());
                diagnosis.cause = Some(meeting_cause(apps, headers, body, now));
                diagnosis.refusal = Some(refusal);
            }
            Ok(verified) => {
                let app = verified.headers().app_key();
                diagnosis.passed(
                    "signature",
                    format!("made with a current secret of {app}, over these {} bytes", body.len()),
                );
                diagnosis.passed("clock", "not looked at: a copy may be old");
                diagnosis.understand(verified, now);
            }
        },
        Ok(Proof::Head(proven)) => {
            diagnosis.passed("signature", format!("made with a current secret of {}", proven.app_key()));
            diagnosis.passed("clock", "not looked at: a copy may be old");
            diagnosis.compare(headers, body);
            match proven.verify(body.clone()) {
                Ok(verified) => diagnosis.understand(verified, now),
                Err(refusal) => diagnosis.refusal = Some(refusal),
            }
        }
    }
    diagnosis
}

/// Which usual mistake gives this CheckSum of the old meeting kit, whose MD5 is not sent.
fn meeting_cause(apps: &Apps, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> String {
    let (nonce, cur_time, sent) = (text(headers, "nonce"), text(headers, "curtime"), text(headers, "checksum"));
    let is_sent = |digest: &str| digest.eq_ignore_ascii_case(sent);
    let tried: Vec<&App> = apps.get(text(headers, "appkey")).map_or_else(|| apps.iter().collect(), |app| vec![app]);
    for secret in tried.iter().flat_map(|app| &app.secrets) {
        let exposed = secret.secret.expose();
        if !secret.is_current(now) && is_sent(&sign_meeting(exposed, nonce, body, cur_time)) {
            return "it was made with a secret of this app that is past its `not_after`".to_owned();
        }
        if is_sent(&sign(exposed, body, cur_time).check_sum) {
            return "it was made as other copies are; with a Nonce it must be AppSecret + Nonce + CurTime + MD5 of the body"
                .to_owned();
        }
        if let Some(cause) = change(body, |candidate| is_sent(&sign_meeting(exposed, nonce, candidate, cur_time))) {
            return cause.to_owned();
        }
    }
    "the AppSecret differs, or the body or a header was changed: the old meeting kit does not send the MD5, so that these \
     cannot be told apart"
        .to_owned()
}
