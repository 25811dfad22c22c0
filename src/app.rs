//! The receiver with its listeners: built, told where it listens, run, and brought to rest.
//!
//! The order of stopping is the road's: not ready, no new connections, what was accepted is answered and
//! made durable, deliveries under way finish.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use crate::admin::control::Control;
use crate::receiver::{BuildError, Builder, Receiver};
use crate::{admin, edge};

/// A receiver that is bound to its addresses, and not running yet.
///
/// ```
/// use offhook::Receiver;
/// use offhook::app::{Addresses, App, Ended, Stop};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let mut settings = offhook::edge::Settings::default();
/// settings.listen = "127.0.0.1:0".parse()?;
/// let builder = Receiver::builder().app("made-up-app-key", "made-up-app-secret").journal(directory.path());
/// let app = App::build(builder.server(settings), None).await?;
/// let Addresses { public, admin } = app.addresses()?;
/// assert!(public.port() != 0 && admin.is_none());
/// let ended = app.run(async { Stop::AtOnce }).await; // in earnest: a signal
/// assert_eq!(ended, Ended { unkept: 0 });
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct App {
    receiver: Arc<Receiver>,
    public: TcpListener,
    admin: Option<(TcpListener, admin::Settings)>,
}

/// Where an [`App`] listens.
///
/// Example: [`App`].
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// For senders.
    pub public: SocketAddr,
    /// For the people who run it.
    pub admin: Option<SocketAddr>,
}

/// Why an app could not start.
///
/// ```
/// use offhook::Receiver;
/// use offhook::app::{App, StartError};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut settings = offhook::edge::Settings::default();
/// settings.listen = taken.local_addr()?;
/// let error = App::build(Receiver::builder().app("app", "made-up").server(settings), None).await.unwrap_err();
/// assert!(matches!(error, StartError::Listen { key: "server.listen", .. }));
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}): {error}")]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The receiver could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// How hastily an app is asked to stop.
///
/// Example: [`App`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By whoever balances load over several instances: a moment is left for it to look elsewhere.
    Gently,
    /// By a person at the keyboard.
    AtOnce,
}

/// How an app ended.
///
/// Example: [`App`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Events that were answered and are not durable.
    pub unkept: usize,
}

/// How long requests are still taken after `/readyz` began to say no.
const LOOKING_ELSEWHERE: Duration = Duration::from_secs(1);

/// How long what was begun may take to finish.
const FINISHING: Duration = Duration::from_secs(10);

impl App {
    /// Binds the addresses, opens the journal, starts delivering.
    ///
    /// # Errors
    /// An address is taken, or the receiver cannot be built.
    pub async fn build(builder: Builder, admin: Option<admin::Settings>) -> Result<Self, StartError> {
        let public = Bound::to("server.listen", builder.settings.listen)?;
        let admin = admin.map(|settings| Bound::to("admin.listen", settings.listen).map(|bound| (bound, settings)));
        let admin = admin.transpose()?;
        let receiver = Arc::new(builder.build().await?);
        // Whoever connects before an answer can be given is turned away at once, and not left waiting.
        let public = public.listen()?;
        let admin = admin.map(|(bound, settings)| bound.listen().map(|listener| (listener, settings))).transpose()?;
        Ok(Self { receiver, public, admin })
    }

    /// Where it listens; the real ports, where 0 was asked for.
    ///
    /// # Errors
    /// The system does not say.
    pub fn addresses(&self) -> std::io::Result<Addresses> {
        let admin = self.admin.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?;
        Ok(Addresses { public: self.public.local_addr()?, admin })
    }

    /// The receiver inside.
    pub fn receiver(&self) -> &Arc<Receiver> {
        &self.receiver
    }

    /// Answers until `stop`, then comes to rest.
    pub async fn run(self, stop: impl Future<Output = Stop>) -> Ended {
        let Self { receiver, public, admin } = self;
        let (stopping, edge) = (CancellationToken::new(), receiver.edge().clone());
        let address = public.local_addr().unwrap_or(edge.settings().listen);
        let serving = tokio::spawn(edge::serve(public, edge.clone(), stopping.clone()));
        let admin = admin.map(|(listener, settings)| {
            let shown = admin::Shown {
                edge: edge.clone(),
                public: address,
                journal: receiver.journal().clone(),
                orders: receiver.orders().clone(),
                metrics: Arc::clone(receiver.metrics()),
                clock: edge.clock().clone(),
            };
            tokio::spawn(admin::serve(listener, settings, shown, stopping.clone()))
        });
        let control = match Control::bind(receiver.journal().directory()) {
            Ok(control) => Some(tokio::spawn(control.serve(receiver.orders().clone(), stopping.clone()))),
            Err(error) => {
                tracing::warn!(%error, "no control.sock: `replay`, `parked retry` and `parked drop` cannot reach this server");
                None
            }
        };
        edge.opens();

        let stop = stop.await;
        tracing::info!("stopping: no longer ready; finishing what was accepted");
        edge.drains();
        if stop == Stop::Gently {
            tokio::time::sleep(LOOKING_ELSEWHERE).await;
        }
        stopping.cancel();
        let listeners = [Some(serving), admin, control].into_iter().flatten();
        if futures_util::future::join_all(listeners).await.iter().any(Result::is_err) {
            tracing::error!("a listener fell over while it stopped");
        }
        let closed = receiver.stop(FINISHING).await;
        Ended { unkept: closed.unkept }
    }
}

/// Connections that may wait to be accepted: the usual 128 is soon full when a platform's many servers connect at once.
const BACKLOG: u32 = 4096;

/// An address that is ours, and not listened on yet.
struct Bound {
    key: &'static str,
    address: SocketAddr,
    socket: TcpSocket,
}

impl Bound {
    fn to(key: &'static str, address: SocketAddr) -> Result<Self, StartError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A restart must not wait for the connections of the process before it.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        };
        let socket = bind().map_err(|error| StartError::Listen { key, address, error })?;
        Ok(Self { key, address, socket })
    }

    fn listen(self) -> Result<TcpListener, StartError> {
        let Self { key, address, socket } = self;
        socket.listen(BACKLOG).map_err(|error| StartError::Listen { key, address, error })
    }
}
