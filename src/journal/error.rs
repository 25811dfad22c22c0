//! What can go wrong with the journal's files, each told with the file it happened to and what to do.

use std::path::{Path, PathBuf};

use super::NatsError;
use super::sealing::Unreadable;

/// Why a journal could not be opened.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::journal::{Journal, OpenError, Options};
/// use offhook::metrics::Metrics;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let open = || {
///     Journal::open(Options::at(directory.path()), Clock::system(), Metrics::new(Duration::from_millis(1500)))
/// };
/// let journal = open()?;
/// let error = open().map(|_| ()).unwrap_err();
/// assert!(matches!(error, OpenError::InUse { .. }), "one directory belongs to one journal");
/// # drop(journal);
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error("the journal {} is in use{}: one directory belongs to one process; stop the other one or set another `journal.path`", path.display(), by_whom(*pid))]
    InUse {
        /// The journal's directory.
        path: PathBuf,
        /// The other process, where it told its number.
        pid: Option<u32>,
    },
    /// A file was written by a newer offhook.
    #[error("{} has schema version {found}, and this offhook knows versions up to {known}: use a newer offhook, or another `journal.path`", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// A file with a journal file's name belongs to another program.
    #[error("{} is a database, but not one of a journal: move it away or set another `journal.path`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The stream in NATS is not what a journal needs, and it is not ours to change.
    #[error("the stream `{stream}` in NATS ({servers}) does not fit: {faults}")]
    Unfit {
        /// The stream's name.
        stream: String,
        /// Which servers.
        servers: String,
        /// What does not fit, each with what to do.
        faults: String,
    },
    /// NATS cannot be used, and waiting would not help.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The operating system refused.
    #[error("cannot {doing} {}: {error}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// What is there is encrypted, and cannot be read.
    #[error("the journal {} cannot be used: {why}", path.display())]
    Sealed {
        /// The journal's directory.
        path: PathBuf,
        /// What is the matter, and what to do.
        why: String,
    },
    /// SQLite refused.
    #[error("cannot open {}: {error}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        error: rusqlite::Error,
    },
}

impl ReadError {
    /// What `error` means that reading `path` came to.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        if let rusqlite::Error::FromSqlConversionFailure(_, _, cause) = &error
            && let Some(unreadable) = cause.downcast_ref::<Unreadable>()
        {
            return Self::from(*unreadable);
        }
        Self::Database { path: path.to_owned(), error }
    }
}

impl From<Unreadable> for ReadError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Sealed { why: unreadable.to_string() }
    }
}

/// Why reading failed.
///
/// Example: [`super::Reader`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no journal at this path.
    #[error("{} is not a journal: none of its files is there; give the directory that `journal.path` names", path.display())]
    NotAJournal {
        /// What was given.
        path: PathBuf,
    },
    /// A file was written by a newer offhook.
    #[error("{} has schema version {found}, and this offhook knows versions up to {known}: use a newer offhook", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// NATS cannot be read.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The operating system refused.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// An event is encrypted, and cannot be read.
    #[error("{why}")]
    Sealed {
        /// What is the matter, and what to do.
        why: String,
    },
    /// SQLite refused.
    #[error("cannot read {}: {error}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        error: rusqlite::Error,
    },
}

impl From<Unreadable> for LaneError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Sealed { why: unreadable.to_string() }
    }
}

/// Why a handler's position or a parked delivery could not be written.
///
/// Example: [`super::Lanes`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// NATS cannot be read or written.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// Whom something is about is encrypted, and cannot be read.
    #[error("{why}")]
    Sealed {
        /// What is the matter, and what to do.
        why: String,
    },
    /// SQLite refused.
    #[error("cannot write {}: {error}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        error: rusqlite::Error,
    },
}

fn by_whom(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}
