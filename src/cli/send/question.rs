//! The request that is sent: a body, signed afresh each time, and broken in one place where that is wanted.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use super::super::{WrongUse, unreadable};
use super::profile::Profile;
use crate::kind::{KINDS, KindPattern};
use crate::secret::Secret;
use crate::yunxin::{self, App};

/// The one thing to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tamper {
    /// The MD5 of another body, with a CheckSum made for it
    Md5,
    /// A CheckSum of another secret
    Checksum,
    /// A CurTime of an hour ago, properly signed
    Stale,
    /// An AppKey nobody configured
    Appkey,
    /// A byte of the body, after signing
    Body,
}

/// A body and who signs it.
#[derive(Debug)]
pub(super) struct Question {
    app_key: String,
    app_secret: Secret,
    body: Bytes,
    profile: Profile,
    tamper: Option<Tamper>,
    last: i64,
}

/// A request ready to be sent.
#[derive(Debug)]
pub(in crate::cli) struct Signed {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Signed {
    /// A request that was signed by somebody else.
    pub(in crate::cli) fn new(headers: HeaderMap, body: Bytes) -> Self {
        Self { headers, body }
    }
}

impl Question {
    /// Signed with the app's first secret that still proves something at `now`.
    pub(super) fn new(app: &App, body: Bytes, tamper: Option<Tamper>, now: Timestamp) -> Self {
        let (app_key, app_secret) = (app.app_key.to_string(), current_secret(app, now));
        Self { app_key, app_secret, profile: Profile::of(&body), body, tamper, last: 0 }
    }

    /// How the platform sends it.
    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    /// Signs it for `now`; never twice with the same CurTime, or the second would be a repeat of the first.
    pub(super) fn sign(&mut self, now: Timestamp) -> Signed {
        self.last = now.as_millisecond().max(self.last + 1);
        let an_hour = 60 * 60 * 1000;
        let sent = if self.tamper == Some(Tamper::Stale) { self.last - an_hour } else { self.last };
        let cur_time = sent.to_string();
        let other_body = [&self.body[..], b" "].concat();
        let signed_bytes = if self.tamper == Some(Tamper::Md5) { &other_body } else { &self.body[..] };
        let other_secret = format!("{}-other", self.app_secret.expose());
        let secret = if self.tamper == Some(Tamper::Checksum) { &other_secret } else { self.app_secret.expose() };
        let signature = yunxin::sign(secret, signed_bytes, &cur_time);
        let other_key = format!("{}-unknown", self.app_key);
        let app_key = if self.tamper == Some(Tamper::Appkey) { &other_key } else { &self.app_key };
        let body = if self.tamper == Some(Tamper::Body) { changed(&self.body) } else { self.body.clone() };

        let mut headers = HeaderMap::new();
        let mut put = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("appkey", app_key);
        put("curtime", &cur_time);
        match self.profile {
            Profile::Meeting => {
                put("nonce", NONCE);
                put("checksum", &yunxin::sign_meeting(secret, NONCE, signed_bytes, &cur_time));
            }
            _ => {
                put("md5", &signature.md5);
                put("checksum", &signature.check_sum);
            }
        }
        if self.profile == Profile::Rtc {
            put("type", "G2");
        }
        put("content-type", "application/json; charset=utf-8");
        Signed { headers, body }
    }
}

/// Any text will do: the time makes each signature another one.
const NONCE: &str = "offhook";
/// The app's first secret that still proves something at `now`.
pub(in crate::cli) fn current_secret(app: &App, now: Timestamp) -> Secret {
    let current = app.secrets.iter().find(|secret| secret.is_current(now)).or(app.secrets.first());
    current.map_or_else(|| Secret::new(""), |current| current.secret.clone())
}

/// The body that `what` names, with `changes` made to it.
pub(super) fn body(what: &str, changes: &[String]) -> anyhow::Result<Bytes> {
    let body = match yunxin::sample(what) {
        Some(sample) => Bytes::from_static(sample.as_bytes()),
        None => match std::fs::read(what) {
            Ok(bytes) => bytes.into(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(no_such(what).into()),
            Err(error) => return Err(unreadable(Path::new(what), &error).into()),
        },
    };
    if changes.is_empty() {
        return Ok(body);
    }
    let mut value: Value =
        serde_json::from_slice(&body).with_context(|| format!("{what} is not JSON; --set needs it to be"))?;
    for change in changes {
        set(&mut value, change)?;
    }
    Ok(value.to_string().into())
}

fn no_such(what: &str) -> WrongUse {
    if KINDS.iter().any(|row| row.name == what) {
        return WrongUse(format!(
            "`{what}` is sent by Tencent, which `offhook dev --tencent` plays; `send` plays Yunxin"
        ));
    }
    let nearest = KindPattern::parse(what).err().and_then(|why| Some(why.split_once("; ")?.1.to_owned()));
    let known = || yunxin::SAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let hint = nearest.unwrap_or_else(|| format!("kinds: {}", known()));
    WrongUse(format!("`{what}` is neither a kind with a golden sample nor a file; {hint}"))
}

fn set(value: &mut Value, change: &str) -> anyhow::Result<()> {
    let Some((path, new)) = change.split_once('=') else {
        return Err(WrongUse(format!("--set {change}: PATH=VALUE expected, e.g. callType=1")).into());
    };
    let mut place = value;
    for part in path.split('.') {
        place = match place {
            Value::Array(items) => {
                let index: Option<usize> = part.parse().ok();
                let item = index.and_then(|index| items.get_mut(index));
                item.ok_or_else(|| WrongUse(format!("--set {change}: there is no item {part}")))?
            }
            Value::Object(fields) => fields.entry(part).or_insert(Value::Null),
            other => {
                *other = Value::Object(serde_json::Map::new());
                other.as_object_mut().map(|fields| fields.entry(part).or_insert(Value::Null)).context("an object")?
            }
        };
    }
    *place = serde_json::from_str(new).unwrap_or_else(|_| Value::String(new.to_owned()));
    Ok(())
}

/// The same bytes but for one, which stays valid JSON where the body has a text in it.
fn changed(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    match bytes.iter().rposition(u8::is_ascii_alphanumeric) {
        Some(place) => bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' },
        None => bytes.push(b' '),
    }
    bytes.into()
}
