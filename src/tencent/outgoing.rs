//! A request as it leaves, and the same for people, its signatures masked.

use std::fmt;

use serde_json::{Value, json};
use url::Url;

use crate::secret::Secret;

/// What stands where a signature is.
const MASK: &str = "***";

/// An HTTP request, complete and signed. `Display` and [`Outgoing::masked`] show it without its signatures.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::call_engine::Request;
/// use offhook::tencent::{Account, Outgoing};
///
/// let engine = Account::of_dev().call_engine(&Clock::system())?;
/// let outgoing: Outgoing = engine.prepare(&Request::GetCallback)?;
/// assert!(outgoing.url().query().is_some_and(|query| query.contains("usersig=")));
/// assert!(outgoing.to_string().contains("usersig=***"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Outgoing {
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// Texts in it that open something.
    pub(super) hidden: Vec<Secret>,
}

impl Outgoing {
    /// Where it goes, with the signature in it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its headers, names in lower case.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Its body, with signatures in it where the interface wants them there.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// All of it as one JSON object: method, url, headers, body; masked.
    pub fn masked(&self) -> Value {
        let headers = self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(self.mask(value))));
        json!({
            "method": "POST",
            "url": self.mask(self.url.as_str()),
            "headers": headers.collect::<serde_json::Map<_, _>>(),
            "body": serde_json::from_str(&self.mask(&self.body)).unwrap_or(Value::Null),
        })
    }

    fn mask(&self, text: &str) -> String {
        let hide = |text: String, secret: &Secret| text.replace(secret.expose(), MASK);
        self.hidden.iter().filter(|secret| !secret.expose().is_empty()).fold(text.to_owned(), hide)
    }
}

impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "POST {}", self.mask(self.url.as_str()))?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", self.mask(value))?;
        }
        write!(f, "\n{}", self.mask(&self.body))
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing(POST {})", self.mask(self.url.as_str()))
    }
}
