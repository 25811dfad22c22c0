//! One events file as the writer sees it: made durable before it is used, then one transaction a batch.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::record::Record;
use super::schema::EVENTS;
use super::{OpenError, files};

/// The file that events are appended to.
#[derive(Debug)]
pub(super) struct Stretch {
    connection: Connection,
    path: PathBuf,
    first: u64,
    /// The last position in it; `None` while it is empty.
    last: Option<u64>,
    begun: Option<Timestamp>,
    bytes: u64,
    /// How long a commit takes, about.
    commit_takes: Duration,
}

impl Stretch {
    /// Begins the file whose first event will be `first`, from `prepared` where that is at hand.
    pub(super) fn begin(directory: &Path, first: u64, prepared: Option<&Path>) -> Result<Self, OpenError> {
        let path = files::events_file(directory, first);
        if !path.exists() {
            let failed = |doing, error| OpenError::Io { doing, path: path.clone(), error };
            // A file gets its name only when it is whole: a reader may open it at once.
            let own = directory.join(files::BEGIN);
            let whole = match prepared {
                Some(prepared) => prepared,
                None => prepare(&own).map(|()| &*own)?,
            };
            std::fs::rename(whole, &path).map_err(|error| failed("rename a file to", error))?;
            files::sync_directory(directory).map_err(|error| failed("sync the directory of", error))?;
        }
        Self::open(path, first)
    }

    /// Opens a file to append to it. What a crash left in its log is read back, and synced: a batch that was written
    /// but not synced when the process died is visible now, so it has to be durable now.
    pub(super) fn open(path: PathBuf, first: u64) -> Result<Self, OpenError> {
        let connection = connect(&path)?;
        let database = |error| OpenError::Database { path: path.clone(), error };
        let last: Option<i64> =
            connection.query_row("SELECT max(position) FROM events", [], |row| row.get(0)).map_err(database)?;
        let begun: Option<i64> =
            connection.query_row("SELECT begun FROM stretch", [], |row| row.get(0)).optional().map_err(database)?;
        let log = files::beside(&path, "-wal");
        if files::size(&log) > 0 {
            let synced = std::fs::File::open(&log).and_then(|file| file.sync_all());
            synced.map_err(|error| OpenError::Io { doing: "sync", path: log.clone(), error })?;
        }
        let bytes = files::size(&path) + files::size(&log);
        let begun = begun.and_then(|begun| Timestamp::from_microsecond(begun).ok());
        let last = last.and_then(|last| u64::try_from(last).ok());
        Ok(Self { connection, path, first, last, begun, bytes, commit_takes: Duration::ZERO })
    }

    /// Itself, where every page of it can be read: what stands after a damaged one is lost on readers.
    pub(super) fn whole(self) -> Result<Self, OpenError> {
        match check_pages(&self.connection) {
            Ok(()) => Ok(self),
            Err(error) => Err(OpenError::Database { path: self.path, error }),
        }
    }

    /// Keeps `records` from position `first` on, in one transaction. They are durable when this returns `Ok`;
    /// after an error the file may hold them or not, and must not be appended to again.
    pub(super) fn append<'a>(
        &mut self,
        first: u64,
        records: impl Iterator<Item = Record<'a>>,
        now: Timestamp,
        repeats_until: u32,
    ) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut position = first;
        if self.begun.is_none() {
            let row = (i64::try_from(self.first).unwrap_or(i64::MAX), now.as_microsecond(), repeats_until);
            self.connection.execute("INSERT INTO stretch VALUES (?1, ?2, ?3)", row)?;
        }
        {
            let mut insert = self.connection.prepare_cached(Record::INSERT)?;
            let mut before = None;
            for record in records {
                record.insert(position, before.as_ref(), &mut insert)?;
                self.bytes += record.weight();
                position += 1;
                before = Some(record);
            }
        }
        let began = Instant::now();
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.commit_takes = (self.commit_takes * 7 + began.elapsed()) / 8;
        self.begun.get_or_insert(now);
        if position > first {
            self.last = Some(position - 1);
        }
        Ok(())
    }

    /// How long a commit has taken lately, about.
    pub(super) fn commit_takes(&self) -> Duration {
        self.commit_takes
    }

    /// About how many bytes of events it holds.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last position in it; `None` while it is empty.
    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Whether a new file should follow: it holds enough, its log got long, or it is old.
    pub(super) fn is_full(&self, bytes: u64, log_is_long: bool, age: Duration, now: Timestamp) -> bool {
        let is_old = self
            .begun
            .is_some_and(|begun| Duration::try_from(now.duration_since(begun)).is_ok_and(|since| since >= age));
        self.last.is_some() && (self.bytes >= bytes || log_is_long || is_old)
    }

    pub(super) fn into_connection(self) -> (PathBuf, Connection) {
        (self.path, self.connection)
    }
}

/// Makes an empty events file, whole and synced, that no process has open.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    let failed = |doing, error| OpenError::Io { doing, path: path.to_owned(), error };
    files::remove_database(path).map_err(|error| failed("remove", error))?;
    let file = files::make_private(path).map_err(|error| failed("make", error))?;
    let connection = connect(path)?;
    connection.close().map_err(|(_, error)| OpenError::Database { path: path.to_owned(), error })?;
    file.sync_all().map_err(|error| failed("sync", error))
}

/// A connection that may write, with every commit synced and no checkpoint of its own.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let database = |error| OpenError::Database { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(database)?;
    connection.busy_timeout(BUSY).map_err(database)?;
    let set = "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;";
    EVENTS.check(&connection).map_err(|fault| fault.opening(path))?;
    // For a new file only: fewer, larger pages are fewer writes for the same batch.
    connection.execute_batch("PRAGMA page_size = 8192").map_err(database)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(database)?;
    connection.execute_batch(set).map_err(database)?;
    EVENTS.migrate(&mut connection).map_err(|fault| fault.opening(path))?;
    Ok(connection)
}

/// An error where a page of the database is damaged. Reads all of it.
pub(super) fn check_pages(connection: &Connection) -> rusqlite::Result<()> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(said)))
}

/// Moves the log into the database and empties it. False when somebody reads or writes it just now.
pub(super) fn fold(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}

/// An operator's shell may hold a lock for a moment; that is no failure yet.
const BUSY: Duration = Duration::from_millis(100);
