//! Checks UserSigs by the published algorithm, and on purpose not with the code that makes them.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// What is wrong with a UserSig, with the code by which Tencent says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// 70003: it cannot be read.
    Malformed,
    /// 70014: it is of another app.
    App,
    /// 70013: it is of another user.
    User,
    /// 70009: it was made with another key.
    Key,
    /// 70001: it is over.
    Expired,
}

/// Whether `text` is a UserSig of `user` in app `app`, made with `key` and valid at `now` (Unix seconds).
pub(super) fn check(text: &str, app: u32, key: &str, user: &str, now: i64) -> Result<(), Wrong> {
    let said = said(text).ok_or(Wrong::Malformed)?;
    let word = |name: &str| said.get(name).and_then(Value::as_str).ok_or(Wrong::Malformed);
    let number = |name: &str| said.get(name).and_then(Value::as_i64).ok_or(Wrong::Malformed);
    let (time, expire) = (number("TLS.time")?, number("TLS.expire")?);
    if word("TLS.ver")? != "2.0" {
        return Err(Wrong::Malformed);
    }
    if number("TLS.sdkappid")? != i64::from(app) {
        return Err(Wrong::App);
    }
    if word("TLS.identifier")? != user {
        return Err(Wrong::User);
    }
    let mut lines = vec![
        ("TLS.identifier", user.to_owned()),
        ("TLS.sdkappid", app.to_string()),
        ("TLS.time", time.to_string()),
        ("TLS.expire", expire.to_string()),
    ];
    if said.get("TLS.userbuf").is_some() {
        lines.push(("TLS.userbuf", word("TLS.userbuf")?.to_owned()));
    }
    let signed: String = lines.into_iter().map(|(name, value)| name.to_owned() + ":" + &value + "\n").collect();
    let sent = STANDARD.decode(word("TLS.sig")?).map_err(|_| Wrong::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| Wrong::Key)?;
    mac.update(signed.as_bytes());
    mac.verify_slice(&sent).map_err(|_| Wrong::Key)?;
    if now > time.saturating_add(expire) { Err(Wrong::Expired) } else { Ok(()) }
}

/// The JSON inside, unpacked.
fn said(text: &str) -> Option<Value> {
    if text.contains(['+', '/', '=']) {
        return None;
    }
    let packed = STANDARD.decode(text.replace('*', "+").replace('-', "/").replace('_', "=")).ok()?;
    let mut json = String::new();
    flate2::read::ZlibDecoder::new(&packed[..]).take(1 << 16).read_to_string(&mut json).ok()?;
    serde_json::from_str(&json).ok().filter(Value::is_object)
}
