//! Reads a UserSig: what it says, whether its key made it, and whether it still holds.

use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::{PrivateMapKey, UserSigKey, content};

/// The only version there is.
pub(super) const VERSION: &str = "2.0";
/// Far more than any UserSig needs, and little enough for one that was made to hurt.
const LONGEST_TEXT: usize = 16 * 1024;
const LONGEST_JSON: u64 = 64 * 1024;
/// Some tools drop the padding.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a UserSig says; nobody has checked yet that it is true.
///
/// Example: [`super::UserSigKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSig {
    /// Whose it is.
    pub identifier: String,
    /// Of which app.
    pub sdk_app_id: u32,
    /// When it was made, in Unix seconds.
    pub time: i64,
    /// For how many seconds it is valid.
    pub expire: u64,
    /// What it carries besides: in a PrivateMapKey the room and the privileges.
    pub user_buf: Option<Vec<u8>>,
    /// Its signature, base64.
    pub sig: String,
}

/// Why a text is no UserSig.
///
/// ```
/// use offhook::tencent::user_sig::{ReadError, UserSig};
///
/// assert_eq!(UserSig::read("no UserSig"), Err(ReadError::NotBase64));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is far too long.
    #[error("it has {0} characters; a UserSig has a few hundred")]
    TooLong(usize),
    /// It is not base64 in Tencent's alphabet.
    #[error("it is not base64 with `*`, `-` and `_` for `+`, `/` and `=`; was it cut, or escaped for a URL twice?")]
    NotBase64,
    /// It is not compressed as it should be.
    #[error("it is base64, but not compressed with zlib; was it cut?")]
    NotZlib,
    /// It is not the JSON it should be.
    #[error("what it contains is not the JSON of a UserSig")]
    NotJson,
    /// A field is missing or of another type.
    #[error("its field `{0}` is missing or of another type")]
    Field(&'static str),
    /// It is of a version that has another signature.
    #[error("its version is not {VERSION}, the only one with a key that is a text")]
    Version,
}

/// Why a UserSig is not to be trusted.
///
/// ```
/// use std::time::Duration;
/// use offhook::tencent::UserId;
/// use offhook::tencent::user_sig::{Untrusted, UserSig, UserSigKey};
///
/// let (key, now) = (UserSigKey::new(1_400_000_000, "made-up"), "2026-01-01T00:00:00Z".parse()?);
/// let user_sig = UserSig::read(key.make(&UserId::administrator(), Duration::from_secs(60), now).expose())?;
/// let another = UserSigKey::new(1_400_000_000, "another");
/// assert_eq!(user_sig.verify(&another, now), Err(Untrusted::Signature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It belongs to another app.
    #[error("it is of app {found}, not of {expected}")]
    OtherApp {
        /// The app of the key.
        expected: u32,
        /// The app it names.
        found: u32,
    },
    /// Another key made it, or it was changed.
    #[error("this key did not sign it: it is of another app's key, or it was changed")]
    Signature,
    /// It is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
}

impl UserSig {
    /// What `text` says.
    ///
    /// # Errors
    /// [`ReadError`] says at which step reading it ended. It holds nothing of the text.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        if text.len() > LONGEST_TEXT {
            return Err(ReadError::TooLong(text.len()));
        }
        let standard: Vec<u8> = text
            .bytes()
            .map(|byte| match byte {
                b'*' => Ok(b'+'),
                b'-' => Ok(b'/'),
                b'_' => Ok(b'='),
                other if other.is_ascii_alphanumeric() => Ok(other),
                _ => Err(ReadError::NotBase64),
            })
            .collect::<Result<_, _>>()?;
        let packed = FORGIVING.decode(standard).map_err(|_| ReadError::NotBase64)?;
        let mut json = Vec::new();
        let read = ZlibDecoder::new(&packed[..]).take(LONGEST_JSON + 1).read_to_end(&mut json);
        if read.is_err() || json.is_empty() || json.len() as u64 > LONGEST_JSON {
            return Err(ReadError::NotZlib);
        }
        let fields: Map<String, Value> = serde_json::from_slice(&json).map_err(|_| ReadError::NotJson)?;
        Self::of(&fields)
    }

    fn of(fields: &Map<String, Value>) -> Result<Self, ReadError> {
        let text = |name: &'static str| fields.get(name).and_then(Value::as_str).ok_or(ReadError::Field(name));
        // Old libraries wrote numbers as texts.
        let number = |name: &'static str| {
            let value = fields.get(name);
            let number = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
            number.ok_or(ReadError::Field(name))
        };
        if text("TLS.ver")? != VERSION {
            return Err(ReadError::Version);
        }
        let user_buf = match fields.get("TLS.userbuf") {
            None => None,
            Some(value) => {
                let decoded = value.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
                Some(decoded.ok_or(ReadError::Field("TLS.userbuf"))?)
            }
        };
        let small = |name| number(name)?.try_into().map_err(|_| ReadError::Field(name));
        Ok(Self {
            identifier: text("TLS.identifier")?.to_owned(),
            sdk_app_id: small("TLS.sdkappid")?,
            time: number("TLS.time")?,
            expire: number("TLS.expire")?.try_into().map_err(|_| ReadError::Field("TLS.expire"))?,
            user_buf,
            sig: text("TLS.sig")?.to_owned(),
        })
    }

    /// Whether `key` made it and it still holds at `now`.
    ///
    /// # Errors
    /// [`Untrusted`] says why it is not to be trusted; nothing of the right signature is in it.
    pub fn verify(&self, key: &UserSigKey, now: Timestamp) -> Result<(), Untrusted> {
        if self.sdk_app_id != key.sdk_app_id {
            return Err(Untrusted::OtherApp { expected: key.sdk_app_id, found: self.sdk_app_id });
        }
        let user_buf = self.user_buf_text();
        let signed = content(&self.identifier, self.sdk_app_id, self.time, self.expire, user_buf.as_deref());
        if !bool::from(key.sign(&signed).as_bytes().ct_eq(self.sig.as_bytes())) {
            return Err(Untrusted::Signature);
        }
        let end = self.expires_at();
        if now.as_second() > end.as_second() { Err(Untrusted::Expired(end)) } else { Ok(()) }
    }

    /// `TLS.userbuf`, as it is written: base64.
    pub fn user_buf_text(&self) -> Option<String> {
        self.user_buf.as_deref().map(|bytes| BASE64_STANDARD.encode(bytes))
    }

    /// What it permits in a room, where it is a PrivateMapKey.
    pub fn private_map_key(&self) -> Option<PrivateMapKey> {
        PrivateMapKey::read(self.user_buf.as_deref()?, &self.identifier, self.sdk_app_id)
    }

    /// The last second at which it holds.
    pub fn expires_at(&self) -> Timestamp {
        let expire = i64::try_from(self.expire).unwrap_or(i64::MAX);
        let made = Timestamp::from_second(self.time).unwrap_or(Timestamp::MIN);
        made.checked_add(SignedDuration::from_secs(expire)).unwrap_or(Timestamp::MAX)
    }
}
