//! `lanes.db` as a file: opened, made anew where it was lost, set aside where it is damaged.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::lanes::{stored, unsigned};
use super::schema::LANES;
use super::stretch::{self, fold};
use super::{OpenError, Position, files};

/// What is held in memory of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub positions: HashMap<String, Position>,
    pub parked: HashMap<String, u64>,
    /// Positions not written yet.
    pub dirty: HashMap<String, Position>,
    /// Handlers that could not be registered yet, and the end at which they asked.
    pub wanted: HashMap<String, Position>,
    /// `lanes.db` was lost while there were events: names that seem new may be old.
    pub lost: bool,
    /// The handlers that are configured now, once somebody has said which.
    pub attended: Option<HashSet<String>>,
    pub stop: bool,
}

/// Opens the file and reads all of it that is held in memory.
pub(super) fn load(path: &Path, end: Position) -> Result<(Connection, State), OpenError> {
    // An empty one was made when there was no room for more.
    let is_lost = files::size(path) == 0 && end > Position::default();
    let made = files::make_private(path).and_then(|_| files::sync_parent(path));
    made.map_err(|error| OpenError::Io { doing: "make", path: path.to_owned(), error })?;
    let database = |error| OpenError::Database { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(database)?;
    connection.busy_timeout(BUSY).map_err(database)?;
    LANES.check(&connection).map_err(|fault| fault.opening(path))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(database)?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(database)?;
    LANES.migrate(&mut connection).map_err(|fault| fault.opening(path))?;
    stretch::check_pages(&connection).map_err(database)?;
    if is_lost {
        connection.execute("INSERT INTO lost VALUES (?1)", [stored(end)]).map_err(database)?;
        fold(&connection).map_err(database)?;
    }
    connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(database)?;
    let state = read(&connection).map_err(database)?;
    Ok((connection, state))
}

/// Whether an open failed in a way that may pass: a full disk, or one that fails.
pub(super) fn is_for_want_of_space(error: &OpenError) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, SystemIoFailure};
    match error {
        OpenError::Io { error, .. } => matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
        OpenError::Database { error, .. } => {
            // The files beside it cannot be made on a full disk.
            matches!(error.sqlite_error_code(), Some(DiskFull | SystemIoFailure | CannotOpen))
        }
        _ => false,
    }
}

fn read(connection: &Connection) -> rusqlite::Result<State> {
    let mut state = State::default();
    let mut lanes = connection.prepare("SELECT handler, position FROM lanes")?;
    for lane in lanes.query_map([], |row| Ok((row.get(0)?, Position(unsigned(row.get(1)?)))))? {
        let (handler, position) = lane?;
        state.positions.insert(handler, position);
    }
    let mut parked = connection.prepare("SELECT handler, count(*) FROM parked GROUP BY handler")?;
    for count in parked.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))? {
        let (handler, count) = count?;
        state.parked.insert(handler, count);
    }
    state.lost = connection.query_row("SELECT count(*) > 0 FROM lost", [], |row| row.get(0))?;
    Ok(state)
}

/// Renames a damaged `lanes.db`: its parked deliveries may still be read by hand.
pub(super) fn set_aside(path: &Path, damage: &rusqlite::Error) -> Result<(), OpenError> {
    let aside = (1..).map(|n| files::beside(path, &format!(".damaged-{n}"))).find(|aside| !aside.exists());
    let aside = aside.unwrap_or_else(|| files::beside(path, ".damaged"));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (files::beside(path, suffix), files::beside(&aside, suffix));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|error| OpenError::Io {
                doing: "set aside the damaged",
                path: from,
                error,
            })?;
        }
    }
    tracing::error!(
        path = %path.display(), aside = %aside.display(), error = %damage,
        "lanes.db is damaged and was set aside; every handler gets every kept event again, and parked deliveries are only in the old file"
    );
    Ok(())
}

const BUSY: Duration = Duration::from_secs(2);
