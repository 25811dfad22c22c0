//! Reading kept events in short pages, also while another process serves.
//!
//! Never writes, and never holds a read transaction longer than a page takes: a long export must not pin the log.
#![expect(unreachable_pub, reason = "one of two places; `place` shows it")]

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::again::{self, Replay};
use super::erase::{self, Erasure};
use super::files::{self, EventsFile};
use super::index::Finder;
use super::schema::{self, EVENTS, LANES, Schema};
use super::shadows::ShadowReader;
use super::walk::{self, Each, Rows, Walked, Way};
use super::{Filter, Keys, Parked, Position, ReadError, lock};
use crate::event::Event;

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
    damaged: Arc<Damaged>,
}

/// The damaged files that were told of: each is said once, however many read it.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<HashSet<PathBuf>>);

/// Some events in a row.
///
/// ```
/// use offhook::journal::{Filter, Position, ReadError, Reader};
///
/// /// All events, a page at a time.
/// fn count(reader: &Reader) -> Result<usize, ReadError> {
///     let (mut after, mut count) = (Position(0), 0);
///     loop {
///         let page = reader.page(after, 1000, &Filter::default())?;
///         count += page.events.len();
///         after = page.scanned;
///         if !page.more {
///             return Ok(count);
///         }
///     }
/// }
/// # let _ = count;
/// ```
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
        Self::at(&self.path).with_keys(self.keys.clone()).telling_with(&self.damaged)
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

    /// The damaged files it has told of.
    pub(super) fn damaged(&self) -> Arc<Damaged> {
        Arc::clone(&self.damaged)
    }

    /// The same; what was told by others with `damaged` is not told again.
    pub(super) fn telling_with(mut self, damaged: &Arc<Damaged>) -> Self {
        self.damaged = Arc::clone(damaged);
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
        let (open, finder, damaged) = (Mutex::new(None), Mutex::new(None), Arc::default());
        Self { path: path.to_owned(), keys: None, open, finder, damaged }
    }

    /// For the next page.
    pub(super) fn keep_finder(&self, filter: &Filter, finder: Finder) {
        *lock(&self.finder) = Some((filter.clone(), finder));
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
            if let (Some(last), _) = self.last_in(file)? {
                return Ok(last);
            }
        }
        Ok(Position::default())
    }

    /// The last position in a file that can be read, and whether something of the file was passed over on the way to it.
    pub(super) fn last_in(&self, file: &EventsFile) -> Result<(Option<Position>, bool), ReadError> {
        let mut last = None;
        let rows = Rows { first: file.first, last: u64::MAX, way: Way::Backwards, most: 1 };
        let walked = self.walk(&file.path, "position", rows, &mut |at, _| {
            last = Some(Position(at));
            Ok(true)
        })?;
        Ok((last, walked.damage.is_some()))
    }

    /// Deliveries that gave up, oldest first; only `handler`'s where one is named.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn parked(&self, handler: Option<&str>) -> Result<Vec<Parked>, ReadError> {
        self.of_lanes(|connection| again::parked(connection, handler, self.keys())).map(Option::unwrap_or_default)
    }

    /// How the replay `id` stands; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn replay(&self, id: i64) -> Result<Option<Replay>, ReadError> {
        self.of_lanes(|connection| again::replay(connection, id, self.keys())).map(Option::flatten)
    }

    /// How the erasure `id` stands; `None` where there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn erasure(&self, id: i64) -> Result<Option<Erasure>, ReadError> {
        self.of_lanes(|connection| erase::erasure(connection, id, self.keys())).map(Option::flatten)
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
        let begun = begun.or_else(|error| self.pass_over(path, error))?;
        Ok(begun.and_then(|begun| Timestamp::from_microsecond(begun).ok()))
    }

    /// Tells `each` of `rows` in the file at `path`, with these columns, past what is damaged. That is said, once for each
    /// file. One that was removed in the meantime, which is how old events go, has none.
    pub(super) fn walk(&self, path: &Path, columns: &str, rows: Rows, each: Each<'_>) -> Result<Walked, ReadError> {
        let walked = self.with(path, |connection| walk::walk(connection, columns, rows, each));
        let walked = walked.or_else(|error| self.pass_over(path, error))?;
        if let Some(damage) = &walked.damage {
            self.damaged.say(path, damage);
        }
        Ok(walked)
    }

    /// Does `read` with a connection to the file.
    fn with<T>(&self, path: &Path, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
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

    /// A file of which nothing can be read must not stand in the way of the others.
    fn pass_over<T: Default>(&self, path: &Path, error: ReadError) -> Result<T, ReadError> {
        match &error {
            ReadError::Database { error, .. } if schema::is_damage(error) => self.damaged.say(path, error),
            _ if !path.exists() => {}
            _ => return Err(error),
        }
        Ok(T::default())
    }
}

impl Damaged {
    fn say(&self, path: &Path, damage: &rusqlite::Error) {
        if lock(&self.0).insert(path.to_owned()) {
            tracing::error!(
                path = %path.display(), error = %damage,
                "an events file is damaged; what cannot be read of it is passed over. \
                 Keep the file: `sqlite3 FILE .recover` may save more of it"
            );
        }
    }
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

pub(super) const BUSY: Duration = Duration::from_secs(2);
