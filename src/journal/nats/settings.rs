//! Which NATS, who we are to it, and what the streams there are to be like.

use std::time::Duration;

use crate::nats::{Servers, UrlError};

/// The shared journal's settings.
///
/// ```
/// use offhook::journal::{NatsSettings, Options};
///
/// // One journal for several machines; on the disk there is only what NATS would not take.
/// let settings = NatsSettings { replicas: 3, ..NatsSettings::at("nats://nats-1:4222,nats://nats-2:4222")? };
/// assert_eq!(settings.stream, "offhook");
/// let options = Options { nats: Some(settings), ..Options::at("data") };
/// # let _ = options;
/// # Ok::<(), offhook::nats::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSettings {
    /// Its servers, and who we are to them.
    pub servers: Servers,
    /// The stream's name, with which its subjects and the bucket of its state begin.
    pub stream: String,
    /// On how many servers each event is kept.
    pub replicas: usize,
    /// How long events stay; none: until they are removed by hand.
    pub keep: Option<Duration>,
    /// How long NATS knows a repeated request again; none: twice the usual tolerance of clocks.
    pub duplicate_window: Option<Duration>,
    /// How long an event may wait for NATS before it goes to the spill file.
    pub patience: Duration,
}

impl NatsSettings {
    /// The stream that is meant where none is named.
    pub const STREAM: &str = "offhook";
    /// Twice the usual tolerance of clocks.
    pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);
    /// Leaves an answer time to go out within the usual deadline.
    pub const PATIENCE: Duration = Duration::from_millis(900);

    /// The usual settings for the servers that `url` names: one replica, seven days.
    ///
    /// # Errors
    /// [`UrlError`]: it names none.
    pub fn at(url: &str) -> Result<Self, UrlError> {
        Servers::parse(url).map(Self::with)
    }

    /// The usual settings for these servers.
    pub(crate) fn with(servers: Servers) -> Self {
        Self {
            servers,
            stream: Self::STREAM.to_owned(),
            replicas: 1,
            keep: Some(Duration::from_secs(7 * 86_400)),
            duplicate_window: None,
            patience: Self::PATIENCE,
        }
    }

    /// How long NATS must know a repeated request again.
    pub(super) fn window(&self) -> Duration {
        self.duplicate_window.unwrap_or(Self::DUPLICATE_WINDOW)
    }
}
