//! UserSig (`TLSSigAPIv2`): the signed text with which a user, or a server as its administrator, shows who it is.
//!
//! Two texts of one UserSig may differ (spacing, order, compression), so they are compared by what they say. The key is
//! used as the text it is; it looks like hex, but is not decoded. Texts are hidden as secrets: each is a password.

mod cache;
mod private_map_key;
mod reading;

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;

pub use cache::UserSigs;
pub use private_map_key::{PrivateMapKey, Privileges};
pub use reading::{ReadError, Untrusted, UserSig};

use super::{RoomId, UserId};
use crate::secret::Secret;

/// What Tencent advises as the shortest validity.
pub const ADVISED_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// The key of an app (`SDKSecretKey`), which makes and checks UserSigs.
///
/// ```
/// use std::time::Duration;
/// use offhook::tencent::UserId;
/// use offhook::tencent::user_sig::{UserSig, UserSigKey};
///
/// let (key, now) = (UserSigKey::new(1_400_000_000, "made-up"), "2026-01-01T00:00:00Z".parse()?);
/// let text = key.make(&UserId::parse("mei")?, Duration::from_secs(86_400), now);
/// let user_sig = UserSig::read(text.expose())?;
/// assert_eq!((&*user_sig.identifier, user_sig.verify(&key, now)), ("mei", Ok(())));
/// assert_eq!(user_sig.expires_at(), "2026-01-02T00:00:00Z".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct UserSigKey {
    sdk_app_id: u32,
    key: Secret,
}

/// The JSON inside. `TLS.time` and `TLS.expire` are seconds.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "TLS.ver")]
    version: &'a str,
    #[serde(rename = "TLS.identifier")]
    identifier: &'a str,
    #[serde(rename = "TLS.sdkappid")]
    sdk_app_id: u32,
    #[serde(rename = "TLS.expire")]
    expire: u64,
    #[serde(rename = "TLS.time")]
    time: i64,
    #[serde(rename = "TLS.userbuf", skip_serializing_if = "Option::is_none")]
    user_buf: Option<&'a str>,
    #[serde(rename = "TLS.sig")]
    sig: &'a str,
}

impl UserSigKey {
    /// The key of the app with this `SDKAppID`.
    pub fn new(sdk_app_id: u32, key: impl Into<Secret>) -> Self {
        Self { sdk_app_id, key: key.into() }
    }

    /// The app.
    pub fn sdk_app_id(&self) -> u32 {
        self.sdk_app_id
    }

    /// A UserSig of `user`, made at `now` and valid for `expire`, in whole seconds.
    pub fn make(&self, user: &UserId, expire: Duration, now: Timestamp) -> Secret {
        self.make_with(user, expire, now, None)
    }

    /// A PrivateMapKey: a UserSig that also says what `user` may do in `room`. Needed for rooms of an app with advanced
    /// permission control.
    pub fn make_private_map_key(
        &self,
        user: &UserId,
        room: &RoomId,
        privileges: Privileges,
        expire: Duration,
        now: Timestamp,
    ) -> Secret {
        let user_buf = private_map_key::user_buf(self.sdk_app_id, user, room, privileges, expire, now);
        self.make_with(user, expire, now, Some(&user_buf))
    }

    /// The same with any `userbuf`.
    pub fn make_with(&self, user: &UserId, expire: Duration, now: Timestamp, user_buf: Option<&[u8]>) -> Secret {
        let user_buf = user_buf.map(|bytes| BASE64_STANDARD.encode(bytes));
        let (identifier, time, expire) = (user.as_str(), now.as_second(), expire.as_secs());
        let signed = content(identifier, self.sdk_app_id, time, expire, user_buf.as_deref());
        let document = Document {
            version: reading::VERSION,
            identifier,
            sdk_app_id: self.sdk_app_id,
            expire,
            time,
            user_buf: user_buf.as_deref(),
            sig: &self.sign(&signed),
        };
        Secret::new(pack(&serde_json::to_vec(&document).unwrap_or_default()))
    }

    /// `TLS.sig` of a content: standard base64 of its HMAC-SHA256.
    fn sign(&self, content: &str) -> String {
        BASE64_STANDARD.encode(hmac_sha256(self.key.expose().as_bytes(), content.as_bytes()))
    }
}

/// What is signed: a line for each field, in this order.
fn content(identifier: &str, sdk_app_id: u32, time: i64, expire: u64, user_buf: Option<&str>) -> String {
    let mut content =
        format!("TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{time}\nTLS.expire:{expire}\n");
    if let Some(user_buf) = user_buf {
        content.push_str("TLS.userbuf:");
        content.push_str(user_buf);
        content.push('\n');
    }
    content
}

/// Compresses and encodes: zlib, base64, and Tencent's own three letters.
fn pack(json: &[u8]) -> String {
    let mut packed = Vec::with_capacity(json.len());
    // Reading from memory cannot fail. The text is short: a higher level costs time and saves nothing.
    let _ = ZlibEncoder::new(json, Compression::fast()).read_to_end(&mut packed);
    let mut text = BASE64_STANDARD.encode(packed).into_bytes();
    for byte in &mut text {
        *byte = match *byte {
            b'+' => b'*',
            b'/' => b'-',
            b'=' => b'_',
            other => other,
        };
    }
    String::from_utf8(text).unwrap_or_default()
}

/// HMAC-SHA256, which both of Tencent's signatures are made of.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(message);
    mac.finalize().into_bytes().into()
}
