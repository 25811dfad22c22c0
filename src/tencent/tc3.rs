//! TC3-HMAC-SHA256: the signature of Tencent's Cloud API 3.0 (trtc.io/document/34264).
//!
//! Only `POST /` without a query is signed: the Cloud API knows nothing else with a JSON body.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// The name of the algorithm, with which `Authorization` begins.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";
const TERMINATOR: &str = "tc3_request";

/// A pair for the Cloud API; not the key that signs UserSigs.
///
/// Example: [`Request`].
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Public: it is sent along.
    pub secret_id: String,
    /// Signs.
    pub secret_key: Secret,
    /// For a temporary pair: sent as `X-TC-Token`.
    pub token: Option<Secret>,
}

/// A request to be signed.
///
/// ```
/// use offhook::tencent::tc3::{Credentials, Request};
///
/// let request = Request {
///     service: "trtc",
///     headers: &[("content-type", "application/json; charset=utf-8"), ("host", "trtc.tencentcloudapi.com")],
///     body: b"{}",
///     at: "2026-01-01T00:00:00Z".parse()?,
/// };
/// let pair = Credentials { secret_id: "made-up-id".to_owned(), secret_key: "made-up".into(), token: None };
/// let authorization = request.authorization(&pair);
/// assert!(authorization.starts_with("TC3-HMAC-SHA256 Credential=made-up-id/2026-01-01/trtc/tc3_request, "));
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The product, e.g. `trtc`.
    pub service: &'a str,
    /// The headers that are signed: `content-type` and `host` at least, names in lower case, in the order of their
    /// names. A value is signed in lower case, as the algorithm has it.
    pub headers: &'a [(&'a str, &'a str)],
    /// The exact bytes that are sent.
    pub body: &'a [u8],
    /// The time of signing; Tencent takes 5 minutes on either side.
    pub at: Timestamp,
}

impl Request<'_> {
    /// The request in the one form that both sides hash.
    pub fn canonical(&self) -> String {
        let mut text = String::from("POST\n/\n\n");
        for (name, value) in self.headers {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{name}:{}", value.trim().to_lowercase());
        }
        let _ = write!(text, "\n{}\n{}", self.signed_headers(), hex::encode(Sha256::digest(self.body)));
        text
    }

    /// What is signed.
    pub fn string_to_sign(&self) -> String {
        let hash = hex::encode(Sha256::digest(self.canonical()));
        format!("{ALGORITHM}\n{}\n{}\n{hash}", self.at.as_second(), self.scope())
    }

    /// The signature, as hex.
    pub fn signature(&self, secret_key: &Secret) -> String {
        let date = hmac(format!("TC3{}", secret_key.expose()).as_bytes(), &self.date());
        let signing = hmac(&hmac(&date, self.service), TERMINATOR);
        hex::encode(hmac(&signing, &self.string_to_sign()))
    }

    /// The value of the header `Authorization`.
    pub fn authorization(&self, credentials: &Credentials) -> String {
        format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
            credentials.secret_id,
            self.scope(),
            self.signed_headers(),
            self.signature(&credentials.secret_key)
        )
    }

    fn signed_headers(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    fn scope(&self) -> String {
        format!("{}/{}/{TERMINATOR}", self.date(), self.service)
    }

    /// The day of signing, in UTC wherever this machine stands.
    fn date(&self) -> String {
        self.at.to_zoned(TimeZone::UTC).date().to_string()
    }
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    super::user_sig::hmac_sha256(key, text.as_bytes())
}
