//! Connections to NATS: where its servers are, who we are to them, and why they could not be reached.
//!
//! It knows nothing of what is said over them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};

use crate::secret::Secret;

/// Servers of one system, and what proves us to them.
///
/// ```
/// use offhook::nats::{Credentials, Servers};
///
/// let servers = Servers::parse("nats://user:made-up@nats-1:4222,nats://nats-2:4222")?;
/// assert!(!servers.to_string().contains("made-up"));
/// let servers = servers.known_by(Some(Credentials::read("made-up-token".into())));
/// assert!(servers.has_credentials());
/// # Ok::<(), offhook::nats::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    urls: Vec<ServerAddr>,
    credentials: Option<Credentials>,
    authorities: Option<PathBuf>,
}

/// What proves us to the servers, where it does not stand in their URLs.
///
/// Example: [`Servers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token that the servers know.
    Token(Secret),
    /// The text of a `.creds` file: a JWT and the seed of its key.
    Creds(Secret),
}

impl Credentials {
    /// Tells from `text` which it is.
    pub fn read(text: Secret) -> Self {
        if text.expose().contains("-----BEGIN") { Self::Creds(text) } else { Self::Token(text) }
    }
}

/// Why a text names no servers.
///
/// ```
/// use offhook::nats::{Servers, UrlError};
///
/// let result: Result<Servers, UrlError> = Servers::parse("http://nats-1");
/// assert!(result.is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected URLs such as `nats://nats-1:4222`, with commas between them; `tls://` for an encrypted connection")]
pub struct UrlError;

/// Why there is no connection.
///
/// ```
/// use std::time::Duration;
/// use offhook::nats::{ConnectError, Servers};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let nobody = Servers::parse("nats://127.0.0.1:1")?;
/// let error = nobody.connect("example", Duration::from_secs(2)).await.map(|_| ()).unwrap_err();
/// assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is no `.creds` file, or its authorities cannot be read.
    #[error("the credentials cannot be used: {0}")]
    Credentials(std::io::Error),
    /// No server took us.
    #[error("cannot connect to NATS at {servers}: {cause}")]
    Refused {
        /// Where they are.
        servers: String,
        /// What the client says.
        cause: String,
    },
}

impl Servers {
    /// Reads one URL, or several of one system with commas between them. A URL may hold a user and a password.
    ///
    /// # Errors
    /// [`UrlError`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let urls: Vec<ServerAddr> =
            text.split(',').map(|url| url.trim().parse().map_err(|_| UrlError)).collect::<Result<_, _>>()?;
        let known = |url: &ServerAddr| matches!(url.scheme(), "nats" | "tls") && !url.host().is_empty();
        if urls.iter().all(known) { Ok(Self { urls, credentials: None, authorities: None }) } else { Err(UrlError) }
    }

    /// With these credentials.
    #[must_use]
    pub fn known_by(self, credentials: Option<Credentials>) -> Self {
        Self { credentials, ..self }
    }

    /// Believing certificates of the authorities in this PEM file, and no others.
    #[must_use]
    pub fn trusting(self, authorities: Option<PathBuf>) -> Self {
        Self { authorities, ..self }
    }

    /// Whether something beside the URLs proves us.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// The PEM file whose authorities are believed.
    pub fn authorities(&self) -> Option<&Path> {
        self.authorities.as_deref()
    }

    /// Connects as `name`, within `patience`. Once connected, the connection restores itself by itself.
    ///
    /// # Errors
    /// [`ConnectError`] tells what the servers said.
    pub async fn connect(&self, name: &str, patience: Duration) -> Result<Client, ConnectError> {
        let options = self.options(name, patience)?.event_callback(tell);
        options.connect(self.urls()).await.map_err(|error| self.refused(&error))
    }

    /// How to connect as `name`, each try within `patience`.
    ///
    /// # Errors
    /// [`ConnectError::Credentials`].
    pub(crate) fn options(&self, name: &str, patience: Duration) -> Result<ConnectOptions, ConnectError> {
        // Somebody else may have chosen one already; theirs is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options = ConnectOptions::new().name(name).connection_timeout(patience);
        options = match &self.credentials {
            None => options,
            Some(Credentials::Token(token)) => options.token(token.expose().to_owned()),
            Some(Credentials::Creds(text)) => options.credentials(text.expose()).map_err(ConnectError::Credentials)?,
        };
        if let Some(authorities) = &self.authorities {
            options = options.add_root_certificates(authorities.clone());
        }
        Ok(options)
    }

    /// Where they are, for a client.
    pub(crate) fn urls(&self) -> &[ServerAddr] {
        &self.urls
    }

    /// No servers at all.
    pub(crate) fn nowhere() -> Self {
        Self { urls: Vec::new(), credentials: None, authorities: None }
    }

    /// The error, in words for people.
    pub(crate) fn refused(&self, error: &async_nats::ConnectError) -> ConnectError {
        let cause = match error.kind() {
            ConnectErrorKind::AuthorizationViolation => {
                "it does not know us: see `credentials`, or the user in the URL".to_owned()
            }
            _ => error.to_string(),
        };
        ConnectError::Refused { servers: self.to_string(), cause }
    }
}

impl fmt::Display for Servers {
    /// Where they are, without what proves us.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.urls.iter().map(|url| format!("{}://{}:{}", url.scheme(), url.host(), url.port()));
        f.write_str(&places.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Servers({self})")
    }
}

/// What the client says by itself. That a connection is lost, whoever needs it says; here it would be said at each try.
async fn tell(event: Event) {
    match event {
        Event::ServerError(error) => tracing::warn!(%error, "NATS says"),
        other => tracing::debug!(event = %other, "the client of NATS says"),
    }
}
