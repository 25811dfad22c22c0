//! What shadows would have answered, beside the events they were asked about.
//!
//! A file of its own, so that nothing an answer waits for has to do with it: written in batches without a sync, and only
//! the newest are kept.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::schema::Schema;
use super::{ReadError, files, lock, reader, stretch};
use crate::event::EventId;

/// The file in the journal's directory.
pub(super) const NAME: &str = "shadows.db";

/// How it looks.
pub(super) const SHADOWS: Schema = Schema {
    application_id: 0x6f66_6873,
    steps: &["CREATE TABLE shadows (
            number INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            decider TEXT NOT NULL,
            verdict TEXT,
            code INTEGER,
            decided_by TEXT
        ) STRICT;
        CREATE INDEX shadows_of ON shadows (id);"],
};

/// Rows that are kept, the newest.
const KEPT: i64 = 200_000;

/// Notes that may wait to be written; further ones are dropped.
const WAITING: usize = 10_000;

/// How long notes gather before they are written.
const GATHERING: Duration = Duration::from_millis(100);

/// What a shadow would have answered.
///
/// Example: [`Shadows`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// To which event.
    pub id: EventId,
    /// Which decider.
    pub decider: String,
    /// `allow` or `reject`; `None`: it had no opinion.
    pub verdict: Option<String>,
    /// The code of that verdict.
    pub code: Option<u16>,
    /// Who said so: a rule, or the decider itself.
    pub by: Option<String>,
}

/// Where what shadows say is written down. Cheap to clone.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::{Journal, ReadError, Shadow};
///
/// /// Notes what a watched decider would have said, and reads everything that was noted about the event.
/// fn note(journal: &Journal, id: EventId) -> Result<Vec<Shadow>, ReadError> {
///     let (verdict, code, by) = (Some("reject".to_owned()), Some(20010), Some("rule:crowd".to_owned()));
///     journal.shadows().note(Shadow { id, decider: "trial".to_owned(), verdict, code, by });
///     journal.reader().shadows()?.of(id)
/// }
/// # let _ = note;
/// ```
#[derive(Debug, Clone)]
pub struct Shadows(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Shadow>,
    /// Whether a thread is there to write them.
    attended: bool,
}

impl Shadows {
    /// Those of the journal in `directory`; no file is made before there is something to write.
    pub(super) fn at(directory: &Path) -> Self {
        let path = directory.join(NAME);
        Self(Arc::new(Inner { path, connection: Mutex::default(), state: Mutex::default() }))
    }

    /// Writes `shadow` down soon. Never waits.
    pub fn note(&self, shadow: Shadow) {
        let mut state = lock(&self.0.state);
        if state.waiting.len() >= WAITING {
            return;
        }
        state.waiting.push(shadow);
        if state.attended {
            return;
        }
        let shadows = self.clone();
        let thread = std::thread::Builder::new().name("journal-shadows".to_owned());
        state.attended = thread.spawn(move || shadows.attend()).is_ok();
    }

    /// Takes out what was said to events whose ids come before `id`; where there is no file yet, there is nothing.
    pub(super) fn forget_before(&self, id: EventId) {
        let mut connection = lock(&self.0.connection);
        if connection.is_none() && self.0.path.exists() {
            *connection = open(&self.0.path).ok();
        }
        let Some(connection) = &*connection else { return };
        if let Err(error) = connection.execute("DELETE FROM shadows WHERE id < ?1", [id.as_bytes()]) {
            tracing::warn!(path = %self.0.path.display(), %error, "what shadows said of deleted events stays for now");
        }
    }

    /// Takes out what was said to these events, and off the disk.
    pub(super) fn forget(&self, ids: impl Iterator<Item = EventId>) {
        self.flush();
        let mut connection = lock(&self.0.connection);
        if connection.is_none() && self.0.path.exists() {
            *connection = open(&self.0.path).ok();
        }
        let Some(connection) = &*connection else { return };
        let forget = || {
            connection.pragma_update(None, "secure_delete", "ON")?;
            for id in ids {
                connection.execute("DELETE FROM shadows WHERE id = ?1", [id.as_bytes()])?;
            }
            stretch::fold(connection)
        };
        if let Err(error) = forget() {
            tracing::warn!(path = %self.0.path.display(), %error, "what shadows said of erased events stays");
        }
    }

    /// Writes what is there until nothing more comes.
    fn attend(&self) {
        loop {
            std::thread::park_timeout(GATHERING);
            {
                let mut state = lock(&self.0.state);
                if state.waiting.is_empty() {
                    state.attended = false;
                    return;
                }
            }
            self.flush();
        }
    }

    /// Writes what waits. What cannot be written is said, and lost: nothing depends on it.
    pub(super) fn flush(&self) {
        let mut connection = lock(&self.0.connection);
        let waiting = std::mem::take(&mut lock(&self.0.state).waiting);
        if waiting.is_empty() {
            return;
        }
        let written = match &mut *connection {
            Some(connection) => write(connection, &waiting),
            none => open(&self.0.path).and_then(|opened| write(none.insert(opened), &waiting)),
        };
        if let Err(error) = written {
            tracing::warn!(path = %self.0.path.display(), %error, "what shadows said cannot be written; it is lost");
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let _ = files::make_private(path);
    let mut connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    SHADOWS.migrate(&mut connection).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(connection)
}

fn write(connection: &mut Connection, shadows: &[Shadow]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let sql = "INSERT INTO shadows (id, decider, verdict, code, decided_by) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = transaction.prepare_cached(sql)?;
        for Shadow { id, decider, verdict, code, by } in shadows {
            insert.execute(params![id.as_bytes(), decider, verdict, code, by])?;
        }
    }
    let newest = transaction.last_insert_rowid();
    transaction.execute("DELETE FROM shadows WHERE number <= ?1", [newest - KEPT])?;
    transaction.commit()
}

/// Reads what shadows would have answered, also while it is written.
///
/// Example: [`Shadows`].
#[derive(Debug)]
pub struct ShadowReader {
    path: PathBuf,
    /// None where nothing was written yet.
    connection: Option<Connection>,
    /// That it is damaged.
    told: Once,
}

impl ShadowReader {
    /// Of the journal in `directory`.
    pub(super) fn open(directory: &Path) -> Result<Self, ReadError> {
        let path = directory.join(NAME);
        if !path.exists() {
            return Ok(Self { path, connection: None, told: Once::new() });
        }
        let told = Once::new();
        let connection = connect(&path).or_else(|error| reader::do_without(error, &told))?;
        Ok(Self { path, connection, told })
    }

    /// What they would have answered to the event `id`. Blocking.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(&self, id: EventId) -> Result<Vec<Shadow>, ReadError> {
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        let failed = |error| ReadError::Database { path: self.path.clone(), error };
        let sql = "SELECT id, decider, verdict, code, decided_by FROM shadows WHERE id = ?1 ORDER BY number";
        let mut rows = connection.prepare_cached(sql).map_err(failed)?;
        let shadow = |row: &Row<'_>| {
            Ok(Shadow {
                id: EventId::from_bytes(row.get(0)?),
                decider: row.get(1)?,
                verdict: row.get(2)?,
                code: row.get(3)?,
                by: row.get(4)?,
            })
        };
        let found = rows.query_map([id.as_bytes()], shadow).and_then(Iterator::collect).map_err(failed);
        found.or_else(|error| reader::do_without(error, &self.told))
    }
}

/// A connection that reads the file; none while it is in the making.
fn connect(path: &Path) -> Result<Option<Connection>, ReadError> {
    let failed = |error| ReadError::Database { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // One view of the file for all of it.
    let view = connection.unchecked_transaction().map_err(failed)?;
    let is_made = SHADOWS.check(&view).map_err(|fault| fault.reading(path))? > 0;
    drop(view);
    Ok(Some(connection).filter(|_| is_made))
}
