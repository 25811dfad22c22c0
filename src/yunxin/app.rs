//! The apps whose callbacks are believed: their keys, their secrets, and how far their clocks may be off.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use sha1::{Digest, Sha1};

use crate::secret::Secret;

/// One of an app's secrets.
///
/// ```
/// use offhook::yunxin::{App, AppSecret};
///
/// // While a secret is replaced both hold, the older one until the end of the year.
/// let older = AppSecret::new("older").until(Some("2026-12-31T23:59:59Z".parse()?));
/// assert!(older.is_current("2026-11-01T00:00:00Z".parse()?) && !older.is_current("2027-01-01T00:00:00Z".parse()?));
/// let mut app = App::new("made-up-app-key", "newer");
/// app.secrets.push(older);
/// // Four digits that the log and the metrics may show.
/// assert_ne!(app.secrets[0].fingerprint(), app.secrets[1].fingerprint());
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AppSecret {
    /// The secret itself.
    pub secret: Secret,
    /// From this moment on it proves nothing any more.
    pub not_after: Option<Timestamp>,
    fingerprint: Arc<str>,
}

impl AppSecret {
    /// A secret without an end.
    pub fn new(secret: impl Into<Secret>) -> Self {
        let secret = secret.into();
        let digest = Sha1::new().chain_update("offhook fingerprint\n").chain_update(secret.expose()).finalize();
        let fingerprint = hex::encode(&digest[..2]).into();
        Self { secret, not_after: None, fingerprint }
    }

    /// The same secret, proving nothing from `not_after` on.
    #[must_use]
    pub fn until(self, not_after: Option<Timestamp>) -> Self {
        Self { not_after, ..self }
    }

    /// Whether it still proves anything at `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }

    /// Four hex digits that tell secrets apart: sixteen bits of a hash say nothing useful about the rest.
    pub fn fingerprint(&self) -> &Arc<str> {
        &self.fingerprint
    }
}

/// An app, as the platform's console knows it.
///
/// ```
/// use std::time::Duration;
///
/// use offhook::yunxin::{App, AppSecret};
///
/// // While a secret is being replaced both are believed, the old one until its end.
/// let end = "2027-01-01T00:00:00Z".parse()?;
/// let secrets = vec![AppSecret::new("made-up-new"), AppSecret::new("made-up-old").until(Some(end))];
/// let app = App { secrets, clock_tolerance: Duration::from_secs(60), ..App::new("made-up-app-key", "made-up-new") };
/// assert!(!app.secrets[1].is_current(end));
/// let receiver = offhook::Receiver::builder().with_app(app);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct App {
    /// Its public key.
    pub app_key: Arc<str>,
    /// Its secrets; several while one is being replaced.
    pub secrets: Vec<AppSecret>,
    /// How far `CurTime` may be from our clock.
    pub clock_tolerance: Duration,
}

impl App {
    /// The clock tolerance used where none is given.
    pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

    /// How long after its own time a request may still be believed by one of `apps`.
    pub fn longest_tolerance(apps: &[Self]) -> Duration {
        apps.iter().map(|app| app.clock_tolerance).max().unwrap_or_default()
    }

    /// An app with one secret and the usual clock tolerance.
    pub fn new(app_key: impl Into<Arc<str>>, secret: impl Into<Secret>) -> Self {
        let secrets = vec![AppSecret::new(secret)];
        Self { app_key: app_key.into(), secrets, clock_tolerance: Self::CLOCK_TOLERANCE }
    }
}

/// All apps, found by key, in the order in which they were given.
///
/// ```
/// use offhook::yunxin::{App, Apps};
///
/// let apps: Apps = [App::new("one", "made-up"), App::new("two", "made-up-too")].into_iter().collect();
/// assert!(apps.get("two").is_some() && apps.get("three").is_none());
/// ```
#[derive(Clone, Default)]
pub struct Apps {
    list: Vec<App>,
    places: HashMap<Arc<str>, usize, RandomState>,
}

impl Apps {
    /// The app of this key.
    pub fn get(&self, app_key: &str) -> Option<&App> {
        self.places.get(app_key).and_then(|place| self.list.get(*place))
    }

    /// Every app.
    pub fn iter(&self) -> impl Iterator<Item = &App> {
        self.list.iter()
    }
}

impl FromIterator<App> for Apps {
    fn from_iter<I: IntoIterator<Item = App>>(apps: I) -> Self {
        let list: Vec<App> = apps.into_iter().collect();
        let places = list.iter().enumerate().map(|(place, app)| (Arc::clone(&app.app_key), place)).collect();
        Self { list, places }
    }
}

impl fmt::Debug for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.places.keys()).finish()
    }
}
