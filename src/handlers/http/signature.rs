//! Standard Webhooks signatures: how a target proves that a delivery is ours and is not an old one sent again.
//!
//! The scheme is <https://www.standardwebhooks.com>: HMAC-SHA256 over `id.timestamp.body`, base64, after `v1,`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::secret::Secret;

const PREFIX: &str = "whsec_";
/// The lengths of a key, in bytes, that the scheme allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that deliveries are signed with.
///
/// Example: [`super::Http`].
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads a key as the scheme writes it: `whsec_` and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// Says what is wrong, and never shows the text.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let encoded = text.expose().strip_prefix(PREFIX).ok_or(KeyError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(|_| KeyError::Encoding)?;
        if LENGTHS.contains(&key.len()) { Ok(Self(key)) } else { Err(KeyError::Length(key.len())) }
    }

    /// One signature, as it stands in the header.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        // A key of any length will do for HMAC.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// Why a text is no signing key.
///
/// ```
/// use offhook::handlers::{KeyError, SigningKey};
///
/// let faults = ["made-up", "whsec_?", "whsec_AAAA"].map(|text| SigningKey::parse(&text.into()).unwrap_err());
/// assert!(matches!(faults, [KeyError::Prefix, KeyError::Encoding, KeyError::Length(3)]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It does not begin as one.
    #[error("expected a Standard Webhooks secret, which begins with `whsec_`")]
    Prefix,
    /// What follows cannot be read.
    #[error("expected base64 after `whsec_`")]
    Encoding,
    /// Too short to be safe, or longer than anybody reads.
    #[error("expected 24 to 64 bytes in base64 after `whsec_`, found {0}")]
    Length(usize),
}

/// The three headers of one attempt: `webhook-id`, `webhook-timestamp`, `webhook-signature`. There is a signature of
/// each key, so that a target may go over from one to the other at any time.
pub(super) fn headers(keys: &[SigningKey], id: &str, now: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
    let timestamp = now.as_second();
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}
