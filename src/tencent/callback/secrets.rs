//! What proves Tencent's callbacks: the app, the secret part of a path, and the keys of TRTC's signature.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// What one app's callbacks are proven with. Several tokens or keys hold while one is being replaced; without any,
/// nothing is proven.
///
/// ```
/// use offhook::tencent::callback::CallbackSecrets;
///
/// // While a token is replaced both hold.
/// let tokens = ["older".into(), "newer".into()];
/// let secrets = CallbackSecrets::new(88_888_888, tokens, ["made-up-key".into()]);
/// assert_eq!((&**secrets.sdk_app_id(), secrets.count()), ("88888888", (2, 1)));
/// let receiver = offhook::Receiver::builder().tencent(secrets);
/// # let _ = receiver;
/// ```
#[derive(Clone)]
pub struct CallbackSecrets {
    sdk_app_id: Arc<str>,
    tokens: Vec<Named>,
    trtc_keys: Vec<Named>,
}

/// A secret, and four hex digits that tell it from others.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) secret: Secret,
    pub(super) fingerprint: Arc<str>,
}

impl CallbackSecrets {
    /// The secrets of the app with this `SDKAppID`.
    pub fn new(
        sdk_app_id: u32,
        tokens: impl IntoIterator<Item = Secret>,
        trtc_keys: impl IntoIterator<Item = Secret>,
    ) -> Self {
        Self {
            sdk_app_id: sdk_app_id.to_string().into(),
            tokens: tokens.into_iter().map(Named::new).collect(),
            trtc_keys: trtc_keys.into_iter().map(Named::new).collect(),
        }
    }

    /// Whether nothing can ever be proven with it.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.trtc_keys.is_empty()
    }

    /// The app, in digits.
    pub fn sdk_app_id(&self) -> &Arc<str> {
        &self.sdk_app_id
    }

    /// How many tokens and how many keys there are.
    pub fn count(&self) -> (usize, usize) {
        (self.tokens.len(), self.trtc_keys.len())
    }

    pub(super) fn tokens(&self) -> &[Named] {
        &self.tokens
    }

    pub(super) fn trtc_keys(&self) -> &[Named] {
        &self.trtc_keys
    }
}

impl Named {
    fn new(secret: Secret) -> Self {
        let digest = Sha256::new().chain_update("offhook fingerprint\n").chain_update(secret.expose()).finalize();
        let fingerprint = hex::encode(&digest[..2]).into();
        Self { secret, fingerprint }
    }
}

impl Default for CallbackSecrets {
    /// Nothing is ever proven with these.
    fn default() -> Self {
        Self::new(0, [], [])
    }
}

impl fmt::Debug for CallbackSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprints =
            |secrets: &[Named]| secrets.iter().map(|secret| Arc::clone(&secret.fingerprint)).collect::<Vec<_>>();
        f.debug_struct("CallbackSecrets")
            .field("sdk_app_id", &self.sdk_app_id)
            .field("tokens", &fingerprints(&self.tokens))
            .field("trtc_keys", &fingerprints(&self.trtc_keys))
            .finish()
    }
}
