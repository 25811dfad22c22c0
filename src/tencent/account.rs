//! One app of Tencent's with what its requests need: whose signature, where to, and the pair of the Cloud API.

use std::sync::Arc;

use super::call_engine::{self, CallEngine};
use super::ingest::{self, Ingests, Site};
use super::tc3::Credentials;
use super::{
    Chance, ClientError, DEV_CLOUD_SECRET_ID, DEV_CLOUD_SECRET_KEY, DEV_HOST, DEV_SDK_APP_ID, DEV_SECRET_KEY, Host,
    Patience, UserId, UserSigKey, UserSigs, user_sig,
};
use crate::clock::Clock;

/// An app that requests are made for.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::user_sig::UserSigKey;
/// use offhook::tencent::{Account, AccountError, Region, UserId};
///
/// let account = Account {
///     key: UserSigKey::new(1_400_000_000, "made-up"),
///     admin: UserId::administrator(),
///     host: Some(Region::Singapore.into()),
///     ingest: None, // calls only
/// };
/// let engine = account.call_engine(&Clock::system())?;
/// assert!(matches!(account.ingests(&Clock::system()), Err(AccountError::NoPair)));
/// # let _ = engine;
/// # Ok::<(), AccountError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Account {
    /// The app and its key.
    pub key: UserSigKey,
    /// An administrator of the app.
    pub admin: UserId,
    /// Where its call engine answers; `None` where neither region nor host is known.
    pub host: Option<Host>,
    /// For stream ingest, where its settings are known.
    pub ingest: Option<ingest::Settings>,
}

/// The account cannot do what is asked of it.
///
/// Example: [`Account`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// It is not known where the call engine answers.
    #[error("no region is set: give tencent.region (--region) as the console names it, or tencent.host (--host)")]
    NoHost,
    /// The pair of the Cloud API is not known.
    #[error(
        "no pair of the Cloud API is set, which media needs: give tencent.ingest.secret_id and secret_key \
         (--secret-id, --cloud-secret-key); it is another pair than the app's secret_key"
    )]
    NoPair,
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Account {
    /// The published test app, where `dev --tencent` plays Tencent.
    pub fn of_dev() -> Self {
        let host = Host::parse(DEV_HOST).ok();
        let ingest = host.clone().map(|endpoint| ingest::Settings {
            credentials: Credentials {
                secret_id: DEV_CLOUD_SECRET_ID.to_owned(),
                secret_key: DEV_CLOUD_SECRET_KEY.into(),
                token: None,
            },
            site: Site::International,
            endpoint,
            region: Site::International.usual_region().to_owned(),
            room_reading: None,
            patience: Patience::default(),
        });
        Self { key: UserSigKey::new(DEV_SDK_APP_ID, DEV_SECRET_KEY), admin: UserId::administrator(), host, ingest }
    }

    /// A client of its call engine.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn call_engine(&self, clock: &Clock) -> Result<CallEngine, AccountError> {
        let host = self.host.clone().ok_or(AccountError::NoHost)?;
        let (key, admin, patience) = (self.key.clone(), self.admin.clone(), Patience::default());
        let settings = call_engine::Settings { key, admin, host, patience };
        Ok(CallEngine::new(settings, clock.clone(), Chance::random())?)
    }

    /// A client of stream ingest.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn ingests(&self, clock: &Clock) -> Result<Ingests, AccountError> {
        let settings = self.ingest.clone().ok_or(AccountError::NoPair)?;
        let user_sigs = Arc::new(UserSigs::new(self.key.clone(), user_sig::ADVISED_VALIDITY, clock.clone()));
        Ok(Ingests::new(settings, user_sigs, clock.clone(), Chance::random())?)
    }
}
