//! `control.sock`: how commands on this machine ask the server of a journal to change something.
//!
//! One line of JSON in, one line out. The permissions of the file are the guard: only the server's own user gets in.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::deliver::{Order, Orders, Taken};

const NAME: &str = "control.sock";
/// The longest path that the address of a socket holds, with room for its end.
const LONGEST: usize = 100;
/// A line with every id of a long list still fits, and one with the largest event there may be, quoted.
const LONGEST_LINE: u64 = 256 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket in a journal's directory.
///
/// ```
/// use offhook::admin::control::{Control, ask};
/// use offhook::deliver::{Order, Orders};
/// use offhook::journal::Which;
/// use std::path::Path;
/// use tokio_util::sync::CancellationToken;
///
/// /// The server's side: takes orders from commands on this machine.
/// async fn serve(directory: &Path, orders: Orders, stop: CancellationToken) -> std::io::Result<()> {
///     Control::bind(directory)?.serve(orders, stop).await;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let _ = serve;
/// # let directory = tempfile::tempdir()?;
/// // A command's side; here nobody serves.
/// let order = Order::Retry(Which { handler: None, ids: Vec::new() });
/// assert!(ask(directory.path(), &order).await?.is_none());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// What the server says to an order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Taken(Taken),
    Refused(String),
}

/// Why a server could not be asked, or did not do it.
///
/// ```
/// use offhook::admin::control::AskError;
///
/// /// What a person reads.
/// fn words(error: &AskError) -> String {
///     match error {
///         AskError::Refused(why) => format!("the server refused: {why}"),
///         other => other.to_string(),
///     }
/// }
/// assert_eq!(words(&AskError::Refused("no such handler".to_owned())), "the server refused: no such handler");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The server said no.
    #[error("{0}")]
    Refused(String),
    /// There is a server, and talking to it failed.
    #[error("cannot talk to the server at {}: {error}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Control {
    /// Opens the socket in `directory`, which must be ours: what an earlier server left there is removed.
    ///
    /// # Errors
    /// What the system said.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (_open, address) = address(directory)?;
        let listener = UnixListener::bind(address)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Takes orders until `stop`.
    pub async fn serve(self, orders: Orders, stop: CancellationToken) {
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "an order could not be listened to");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = stop.cancelled() => return,
            };
            let orders = orders.clone();
            tokio::spawn(async move {
                if let Err(error) = timeout(PATIENCE, answer(stream, orders)).await.unwrap_or(Ok(())) {
                    tracing::warn!(%error, "an order could not be answered");
                }
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Nobody listens any more: a command should find no server rather than a silent one.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Asks the server of the journal in `directory`; `None` where none runs.
///
/// Example: [`Control`].
///
/// # Errors
/// [`AskError`] where the server refuses, or talking to it fails.
pub async fn ask(directory: &Path, order: &Order) -> Result<Option<Taken>, AskError> {
    let failed = |error| AskError::Io { path: directory.join(NAME), error };
    let (_open, address) = address(directory).map_err(failed)?;
    let stream = match UnixStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    match timeout(PATIENCE, talk(stream, order)).await.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
        Ok(Answer::Taken(taken)) => Ok(Some(taken)),
        Ok(Answer::Refused(why)) => Err(AskError::Refused(why)),
        Err(error) => Err(failed(error)),
    }
}

async fn talk(mut stream: UnixStream, order: &Order) -> io::Result<Answer> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    Ok(serde_json::from_str(&answer)?)
}

async fn answer(stream: UnixStream, orders: Orders) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(LONGEST_LINE).read_line(&mut line).await?;
    if line.is_empty() {
        return Ok(());
    }
    let answer = match serde_json::from_str::<Order>(&line) {
        Ok(order) => tokio::task::spawn_blocking(move || orders.take(&order)).await.map_or_else(
            |error| Answer::Refused(error.to_string()),
            |taken| match taken {
                Ok(taken) => Answer::Taken(taken),
                Err(error) => Answer::Refused(error.to_string()),
            },
        ),
        Err(error) => Answer::Refused(format!("not an order this version understands: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// The socket's address, and what must stay open while it is used: it goes by way of the open directory where its path
/// is too long for an address.
fn address(directory: &Path) -> io::Result<(Option<std::fs::File>, PathBuf)> {
    let path = directory.join(NAME);
    if path.as_os_str().len() <= LONGEST || !directory.exists() {
        return Ok((None, path));
    }
    let open = std::fs::File::open(directory)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", open.as_raw_fd()));
    Ok((Some(open), path))
}
