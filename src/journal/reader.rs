//! Reading kept events in short pages, also while another process serves.
//!
//! Never writes, and never holds a read transaction longer than a page takes: a long export must not pin the log.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::again::{self, Replay};
use super::erase::{self, Erasure};
use super::files::{self, EventsFile};
use super::index::{Finder, Part};
use super::record::{self, COLUMNS};
use super::schema::{self, EVENTS, LANES, Schema};
use super::shadows::ShadowReader;
use super::{Filter, Keys, Parked, Position, ReadError, lock};
use crate::event::{Event, EventId};

/// Reads a journal's directory; writes nothing to it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    /// What is encrypted is read with these.
    keys: Option<Keys>,
    /// The file read last: pages mostly come from the same one.
    open: Mutex<Option<(PathBuf, Connection)>>,
    /// Where to look for what the last filter wanted: the next page is mostly asked for with the same one.
    finder: Mutex<Option<(Filter, Finder)>>,
}

/// Some events in a row.
#[derive(Debug)]
pub struct Page {
    /// Those that match, oldest first.
    pub events: Vec<(Position, Event)>,
    /// Everything up to here was looked at; the next page is the one after it.
    pub scanned: Position,
    /// Whether there may be more to look at; false: the end was reached.
    pub more: bool,
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::at(&self.path).with_keys(self.keys.clone())
    }
}

impl Reader {
    /// The journal in the directory `path`.
    ///
    /// # Errors
    /// [`ReadError::NotAJournal`] where none of its files is there.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let reader = Self::at(path);
        match reader.files() {
            Ok(files) if !files.is_empty() || path.join(files::LANES).exists() => Ok(reader),
            Ok(_) => Err(ReadError::NotAJournal { path: path.to_owned() }),
            Err(ReadError::Io { error, .. })
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                Err(ReadError::NotAJournal { path: path.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// The same, reading what is encrypted with `keys`.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<Keys>) -> Self {
        self.keys = keys;
        self
    }

    /// What the index's words may be hidden with; nothing, where nothing is encrypted.
    pub(super) fn word_keys(&self) -> Vec<(u32, Vec<u8>)> {
        let mut keys = self.keys.as_ref().map(Keys::for_words).unwrap_or_default();
        keys.push((0, Vec::new()));
        keys
    }

    pub(super) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// The journal's directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), keys: None, open: Mutex::new(None), finder: Mutex::new(None) }
    }

    /// Events after `after`, oldest first, at most `limit` that match. Blocking, in short read transactions, and
    /// never more than some ten thousand events at once. A file that is damaged is said and passed over.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let mut finder = self.finder(filter);
        let page = self.page_of(after, limit, filter, &mut finder);
        self.keep_finder(filter, finder);
        page
    }

    /// For the next page.
    pub(super) fn keep_finder(&self, filter: &Filter, finder: Finder) {
        *lock(&self.finder) = Some((filter.clone(), finder));
    }

    fn page_of(&self, after: Position, limit: usize, filter: &Filter, finder: &mut Finder) -> Result<Page, ReadError> {
        let mut page = Page { events: Vec::new(), scanned: after, more: false };
        let files = self.files()?;
        let mut budget = PAGE_ROWS;
        let start = files.partition_point(|file| file.first <= after.0.saturating_add(1)).saturating_sub(1);
        let mut part = Part { after: after.0, last: after.0 };
        for (index, file) in files.iter().enumerate().skip(start) {
            let end = files.get(index + 1).map_or(u64::MAX, |next| next.first.saturating_sub(1));
            let mut is_new = true;
            loop {
                if page.scanned.0 >= part.last {
                    part = finder.next(page.scanned.0);
                    page.scanned = page.scanned.max(Position(part.after));
                }
                if page.scanned.0 >= end {
                    break;
                }
                if std::mem::take(&mut is_new) && self.is_before(filter.since, files.get(index + 1))? {
                    page.scanned = page.scanned.max(Position(end));
                    break;
                }
                if page.events.len() >= limit || budget == 0 {
                    page.more = true;
                    return Ok(page);
                }
                let (rows, last) = (budget.min(CHUNK_ROWS), part.last.min(end));
                let scan =
                    |connection: &Connection| scan(connection, &mut page, last, rows, limit, filter, self.keys());
                let seen = self.with(&file.path, scan).or_else(|error| pass_over(&file.path, error))?;
                budget -= seen.min(budget);
                if seen < rows {
                    if part.last >= end {
                        break;
                    }
                    page.scanned = Position(part.last);
                }
            }
        }
        Ok(page)
    }

    /// The way to what `filter` wants; the one of the last page, where that asked for the same.
    pub(super) fn finder(&self, filter: &Filter) -> Finder {
        let known = lock(&self.finder).take().filter(|(last, _)| last == filter);
        known.map_or_else(|| Finder::of(&self.path, filter, &self.word_keys()), |(_, finder)| finder.looked_for_again())
    }

    /// Whether everything before the file `next` was received before `since`.
    pub(super) fn is_before(&self, since: Option<Timestamp>, next: Option<&EventsFile>) -> Result<bool, ReadError> {
        let (Some(since), Some(next)) = (since, next) else { return Ok(false) };
        Ok(self.begun(&next.path)?.is_some_and(|begun| begun < since))
    }

    /// What shadows would have answered. Blocking.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn shadows(&self) -> Result<ShadowReader, ReadError> {
        ShadowReader::open(&self.path)
    }

    /// The last event's position; 0 when there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn last(&self) -> Result<Position, ReadError> {
        for file in self.files()?.iter().rev() {
            if let Some(last) = self.with(&file.path, last).or_else(|error| pass_over(&file.path, error))? {
                return Ok(position(last));
            }
        }
        Ok(Position::default())
    }

    /// Deliveries that gave up, oldest first; only `handler`'s where one is named.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn parked(&self, handler: Option<&str>) -> Result<Vec<Parked>, ReadError> {
        self.of_lanes(|connection| again::parked(connection, handler)).map(Option::unwrap_or_default)
    }

    /// How the replay `id` stands; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn replay(&self, id: i64) -> Result<Option<Replay>, ReadError> {
        self.of_lanes(|connection| again::replay(connection, id)).map(Option::flatten)
    }

    /// How the erasure `id` stands; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn erasure(&self, id: i64) -> Result<Option<Erasure>, ReadError> {
        self.of_lanes(|connection| erase::erasure(connection, id)).map(Option::flatten)
    }

    /// Reads `lanes.db`, where it is there.
    fn of_lanes<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<Option<T>, ReadError> {
        let path = self.path.join(files::LANES);
        if !path.exists() {
            return Ok(None);
        }
        let connection = connect(&path, &LANES)?;
        read(&connection).map(Some).map_err(|error| ReadError::Database { path, error })
    }

    pub(super) fn files(&self) -> Result<Vec<EventsFile>, ReadError> {
        files::events_files(&self.path).map_err(|error| ReadError::Io { path: self.path.clone(), error })
    }

    /// When the file was begun: everything in the files before it was received before.
    pub(super) fn begun(&self, path: &Path) -> Result<Option<Timestamp>, ReadError> {
        let begun = self.with(path, |connection| {
            connection.query_row("SELECT begun FROM stretch", [], |row| row.get::<_, i64>(0)).optional()
        });
        let begun = begun.or_else(|error| pass_over(path, error))?;
        Ok(begun.and_then(|begun| Timestamp::from_microsecond(begun).ok()))
    }

    /// Does `read` with a connection to the file.
    pub(super) fn with<T>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let mut open = lock(&self.open);
        let connection = match open.take() {
            Some((last, connection)) if last == path => connection,
            _ => connect(path, &EVENTS)?,
        };
        let done = read(&connection).map_err(|error| ReadError::of(path, error));
        if done.is_ok() {
            *open = Some((path.to_owned(), connection));
        }
        done
    }
}

/// The ids of all events after `after`, up to `until`.
pub(super) fn ids_between(directory: &Path, after: u64, until: u64) -> Result<HashSet<EventId>, ReadError> {
    let reader = Reader::at(directory);
    let mut ids = HashSet::new();
    let files = reader.files()?;
    let start = files.partition_point(|file| file.first <= after.saturating_add(1)).saturating_sub(1);
    for file in files.iter().skip(start).take_while(|file| file.first <= until) {
        let collect = |connection: &Connection| {
            let mut rows = connection.prepare("SELECT id FROM events WHERE position > ?1 AND position <= ?2")?;
            for id in rows.query_map([stored(after), stored(until)], |row| row.get(0))? {
                ids.insert(EventId::from_bytes(id?));
            }
            Ok(())
        };
        reader.with(&file.path, collect).or_else(|error| pass_over(&file.path, error))?;
    }
    Ok(ids)
}

/// A connection that reads a file, whoever else has it open. A log that a killed server left is read back by SQLite;
/// where we may not write the files that takes, a file without a log is read as it is.
pub(super) fn connect(path: &Path, schema: &Schema) -> Result<Connection, ReadError> {
    let database = |error| ReadError::Database { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let name = percent_encoded(path);
    let try_open = |options: &str| {
        let connection = Connection::open_with_flags(format!("file:{name}{options}"), flags)?;
        connection.busy_timeout(BUSY)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let connection = try_open("").or_else(|error: rusqlite::Error| {
        let refused = matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
        let has_log = files::size(&files::beside(path, "-wal")) > 0;
        if refused && path.exists() && !has_log { try_open("?immutable=1") } else { Err(error) }
    });
    let connection = connection.map_err(database)?;
    let version = schema.check(&connection).map_err(|fault| fault.reading(path))?;
    if version == 1 && schema.application_id == EVENTS.application_id {
        // An older server still writes it, or none has opened it since.
        let older = "CREATE TEMP VIEW events AS SELECT *, NULL AS marks, NULL AS sealed FROM main.events";
        connection.execute_batch(older).map_err(database)?;
    }
    Ok(connection)
}

/// Looks at up to `rows` rows after `page.scanned` and up to `last`, in one read transaction; tells how many were there.
pub(super) fn scan(
    connection: &Connection,
    page: &mut Page,
    last: u64,
    rows: usize,
    limit: usize,
    filter: &Filter,
    keys: Option<&Keys>,
) -> rusqlite::Result<usize> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows_most = i64::try_from(rows).unwrap_or(i64::MAX);
    let mut found = statement.query([stored(page.scanned.0), stored(last), rows_most])?;
    let mut seen = 0;
    while let Some(row) = found.next()? {
        let at = position(row.get(0)?);
        if filter.wants(row)? {
            let event = record::read_event(row, keys)?;
            if filter.wants_opened(row, &event)? {
                page.events.push((at, event));
            }
        }
        page.scanned = at;
        seen += 1;
        if page.events.len() >= limit {
            return Ok(rows);
        }
    }
    Ok(seen)
}

/// The last position in a file.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT max(position) FROM events", [], |row| row.get(0))
}

/// A damaged file must not stand in the way of those after it: it is said, and read as if it ended here. So is one
/// that was removed in the meantime, which is how old events go.
pub(super) fn pass_over<T: Default>(path: &Path, error: ReadError) -> Result<T, ReadError> {
    match &error {
        ReadError::Database { error: damage, .. } if schema::is_damage(damage) => {
            tracing::error!(
                path = %path.display(), error = %damage,
                "an events file is damaged; the rest of it is passed over. Keep the file: `sqlite3 FILE .recover` may save more of it"
            );
            Ok(T::default())
        }
        _ if !path.exists() => Ok(T::default()),
        _ => Err(error),
    }
}

/// What was noted beside events must not keep anybody from reading them: a damaged file of notes is said, once, and read
/// as if it held none.
pub(super) fn do_without<T: Default>(error: ReadError, told: &Once) -> Result<T, ReadError> {
    match &error {
        ReadError::Database { path, error: damage } if schema::is_damage(damage) => {
            told.call_once(|| {
                tracing::error!(path = %path.display(), error = %damage, "notes about events are damaged; they are left out");
            });
            Ok(T::default())
        }
        _ => Err(error),
    }
}

/// A path inside a `file:` URI.
fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(*byte)),
            // Writing into a `String` cannot fail.
            other => drop(write!(text, "%{other:02X}")),
        }
    }
    text
}

pub(super) fn position(stored: i64) -> Position {
    Position(u64::try_from(stored).unwrap_or(0))
}

pub(super) fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Rows that one read transaction looks at, and one page at most.
pub(super) const CHUNK_ROWS: usize = 1024;
pub(super) const PAGE_ROWS: usize = 16 * CHUNK_ROWS;
pub(super) const BUSY: Duration = Duration::from_secs(2);
