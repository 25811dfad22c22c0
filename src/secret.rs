//! Text that must never be shown: its `Debug` and `Display` say nothing, and it compares in constant time.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret text. The only way to its characters is [`Secret::expose`], so every use can be found.
///
/// ```
/// use offhook::secret::Secret;
///
/// let secret = Secret::new("made-up");
/// assert_eq!(secret, Secret::from("made-up"));
/// assert!(!format!("{secret:?} {secret}").contains("made-up"));
/// assert_eq!(secret.expose(), "made-up");
/// ```
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into_boxed_str())
    }

    /// The characters themselves.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether values under this key open something.
///
/// ```
/// use offhook::secret::is_token_like;
///
/// assert!(is_token_like("token") && !is_token_like("fromAccount"));
/// ```
pub fn is_token_like(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    TOKEN_LIKE.iter().any(|word| key.contains(word)) || ["sign", "sig", "pwd", "key"].contains(&&*key)
}

const TOKEN_LIKE: [&str; 14] = [
    "token",
    "password",
    "passwd",
    "secret",
    "loginext",
    "signature",
    "usersig",
    "authorization",
    "cookie",
    "credential",
    "checksum",
    "private",
    "apikey",
    "accesskey",
];
