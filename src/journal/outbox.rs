//! What a handler did outside that must not be done twice: one row for each event, synced before anything leaves.
//!
//! A file of its own beside the others, so that neither a lost `lanes.db` nor retention makes something happen again.
//! Rows are never deleted: each is some hundred bytes, and a replay may come at any time.
#![expect(unreachable_pub, reason = "one of two places; `place` shows it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::schema::OUTBOX;
use super::{Keys, OpenError, files, lock, sealing};
use crate::event::EventId;

/// The file's name.
pub(super) const FILE: &str = "outbox.db";
const BUSY: Duration = Duration::from_secs(2);

/// The outbox of one journal's directory. Opened when it is first used; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    path: PathBuf,
    /// Notes are encrypted with these.
    keys: Option<Keys>,
    connection: Arc<Mutex<Option<Connection>>>,
}

/// How far an event's doing is.
///
/// Example: [`Outbox`](super::Outbox).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Written down, and certainly not done.
    Planned,
    /// It is leaving, or has left; a process that died here cannot know which.
    Sent,
    /// Done.
    Confirmed,
    /// Nobody knows whether it was done: a matter for a person.
    Unknown,
}

/// A row.
///
/// Example: [`Outbox`](super::Outbox).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How far it is.
    pub stage: Stage,
    /// What was learnt: an id, or why it is not known.
    pub note: String,
    /// When this was written.
    pub at: Timestamp,
}

/// Why the outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite refused.
    #[error("cannot use {}: {error}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        error: rusqlite::Error,
    },
}

impl Outbox {
    /// The outbox in the journal's directory `directory`. Only the process that owns the journal may write to it.
    pub fn at(directory: &Path, keys: Option<Keys>) -> Self {
        Self { path: directory.join(FILE), keys, connection: Arc::default() }
    }

    /// What is written about `handler` and this event. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`] names the file.
    pub fn entry(&self, handler: &str, id: EventId) -> Result<Option<Entry>, OutboxError> {
        self.with(|connection| {
            let mut select =
                connection.prepare_cached("SELECT stage, note, at FROM outbox WHERE handler = ?1 AND id = ?2")?;
            select.query_row(params![handler, id.as_bytes()], |row| self.read(row, id)).optional()
        })
    }

    /// Writes it down; on disk when this returns. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`] names the file; then nothing may leave.
    pub fn write(&self, handler: &str, id: EventId, entry: &Entry) -> Result<(), OutboxError> {
        let note = sealing::sealed_note(self.keys.as_ref(), id, &entry.note);
        self.with(|connection| {
            let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO outbox VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let row = params![handler, id.as_bytes(), entry.stage.name(), note, entry.at.as_microsecond()];
            insert.execute(row).map(drop)
        })
    }

    /// Says of the row about `handler` and this event that it is unknown how that went, and leaves its note as it is: for one
    /// that cannot be read. On disk when this returns. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`] names the file.
    pub fn write_off(&self, handler: &str, id: EventId) -> Result<(), OutboxError> {
        self.with(|connection| {
            let sql = "UPDATE outbox SET stage = ?3 WHERE handler = ?1 AND id = ?2";
            let row = params![handler, id.as_bytes(), Stage::Unknown.name()];
            connection.prepare_cached(sql)?.execute(row).map(drop)
        })
    }

    /// The rows of `handler` that are neither confirmed nor unknown, oldest event first. Blocking; where nothing was
    /// ever written there is no file, and none is made.
    ///
    /// # Errors
    /// [`OutboxError`] names the file.
    pub fn unfinished(&self, handler: &str) -> Result<Vec<(EventId, Entry)>, OutboxError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with(|connection| {
            let sql = "SELECT stage, note, at, id FROM outbox WHERE handler = ?1 AND stage IN ('planned', 'sent') ORDER BY id";
            let row = |row: &rusqlite::Row<'_>| {
                let id = EventId::from_bytes(row.get(3)?);
                Ok((id, self.read(row, id)?))
            };
            connection.prepare_cached(sql)?.query_map([handler], row)?.collect()
        })
    }

    /// The entry about the event `id` in a row that begins with `stage, note, at`.
    fn read(&self, row: &rusqlite::Row<'_>, id: EventId) -> rusqlite::Result<Entry> {
        let (stage, note, at): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A word that is none is from a newer version: certainly not a reason to do it again.
        let stage = Stage::named(&stage).unwrap_or(Stage::Unknown);
        let note = sealing::opened_note(self.keys.as_ref(), id, note);
        Ok(Entry { stage, note, at: Timestamp::from_microsecond(at).unwrap_or_default() })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, OutboxError> {
        let failed = |error| OutboxError::Database { path: self.path.clone(), error };
        let mut connection = lock(&self.connection);
        if connection.is_none() {
            *connection = Some(self.open()?);
        }
        match connection.as_ref() {
            Some(connection) => work(connection).map_err(failed),
            None => Err(failed(rusqlite::Error::InvalidQuery)),
        }
    }

    fn open(&self) -> Result<Connection, OpenError> {
        let path = &self.path;
        let failed = |error| OpenError::Database { path: path.clone(), error };
        let made = files::make_private(path).and_then(|_| files::sync_parent(path));
        made.map_err(|error| OpenError::Io { doing: "make", path: path.clone(), error })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(failed)?;
        connection.execute_batch("PRAGMA synchronous = FULL").map_err(failed)?;
        OUTBOX.migrate(&mut connection).map_err(|fault| fault.opening(path))?;
        Ok(connection)
    }
}

impl Stage {
    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more is to be written about it.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Confirmed | Self::Unknown)
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        [Self::Planned, Self::Sent, Self::Confirmed, Self::Unknown].into_iter().find(|stage| stage.name() == word)
    }
}
