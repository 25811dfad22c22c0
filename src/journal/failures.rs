//! Answers that the platform could not use, as it told us: which event, why, and which copy told it.
//!
//! Few rows in `lanes.db`, away from the events: the writer of events knows nothing of them.
#![expect(unreachable_pub, reason = "one of two places; `place` shows it")]

use std::fmt;
use std::path::PathBuf;
use std::sync::Once;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::lanes::Lanes;
use super::reader::{self, Reader};
use super::schema::LANES;
use super::{LaneError, ReadError, files};
use crate::event::EventId;

/// An answer that the platform could not use.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::{Failure, Journal, ReadError};
///
/// /// What the platform said of our answer, where it did not take it.
/// fn said(journal: &Journal, id: EventId) -> Result<Option<&'static str>, ReadError> {
///     let failure = journal.reader().failure_of(id)?;
///     Ok(failure.map(|failure| Failure::word_of(failure.reason)))
/// }
/// # let _ = said;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The copy that told it.
    pub copy: EventId,
    /// The callback whose answer it was; `None` where the journal has no such callback.
    pub event: Option<EventId>,
    /// Which app's.
    pub app_key: String,
    /// As the platform numbers them: 1 late, 2 malformed, 3 its circuit breaker is open.
    pub reason: Option<i64>,
    /// When, as the platform tells it.
    pub at: Timestamp,
}

impl Failure {
    /// A word for the platform's number.
    pub fn word_of(reason: Option<i64>) -> &'static str {
        match reason {
            Some(1) => "late",
            Some(2) => "malformed",
            Some(3) => "breaker_open",
            _ => "other",
        }
    }
}

impl Lanes {
    /// Notes `failure`; false where its copy was noted before.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn note_failure(&self, failure: &Failure) -> Result<bool, LaneError> {
        let row = params![
            failure.copy.as_bytes(),
            failure.event.as_ref().map(EventId::as_bytes),
            failure.app_key,
            failure.reason,
            failure.at.as_millisecond(),
        ];
        let insert = "INSERT OR IGNORE INTO failures VALUES (?1, ?2, ?3, ?4, ?5)";
        self.with(|connection| connection.prepare_cached(insert)?.execute(row)).map(|rows| rows > 0)
    }
}

/// What the platform said of our answers; for those who ask about many events.
pub struct Failures {
    path: PathBuf,
    /// Absent where nothing was ever said.
    connection: Option<Connection>,
    /// That it is damaged.
    told: Once,
}

impl Reader {
    /// What the platform said of our answers.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn failures(&self) -> Result<Failures, ReadError> {
        let path = self.path().join(files::LANES);
        if !path.exists() {
            return Ok(Failures { path, connection: None, told: Once::new() });
        }
        let opened = reader::connect(&path, &LANES).and_then(|connection| {
            let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'failures'";
            // A file of an older version, whose server still runs, has no such table.
            match connection.query_row(is_there, [], |row| row.get::<_, i64>(0)) {
                Ok(count) => Ok(Some(connection).filter(|_| count > 0)),
                Err(error) => Err(ReadError::Database { path: path.clone(), error }),
            }
        });
        let told = Once::new();
        let connection = opened.or_else(|error| reader::do_without(error, &told))?;
        Ok(Failures { path, connection, told })
    }
}

impl Failures {
    /// What the copy of this id told, where it was worked on.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn told_by(&self, copy: EventId) -> Result<Option<Failure>, ReadError> {
        self.find("SELECT copy, event, app, reason, at FROM failures WHERE copy = ?1", copy)
    }

    /// Why the platform could not use our answer to the event of this id, where it told so.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn of(&self, event: EventId) -> Result<Option<Failure>, ReadError> {
        self.find("SELECT copy, event, app, reason, at FROM failures WHERE event = ?1 ORDER BY at DESC LIMIT 1", event)
    }

    fn find(&self, sql: &str, id: EventId) -> Result<Option<Failure>, ReadError> {
        let Some(connection) = &self.connection else { return Ok(None) };
        let found = connection.prepare_cached(sql).and_then(|mut sql| sql.query_row([id.as_bytes()], read).optional());
        let found = found.map_err(|error| ReadError::Database { path: self.path.clone(), error });
        found.or_else(|error| reader::do_without(error, &self.told))
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").field("path", &self.path).finish_non_exhaustive()
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Failure> {
    Ok(Failure {
        copy: EventId::from_bytes(row.get(0)?),
        event: row.get::<_, Option<[u8; 16]>>(1)?.map(EventId::from_bytes),
        app_key: row.get(2)?,
        reason: row.get(3)?,
        at: Timestamp::from_millisecond(row.get(4)?).unwrap_or_default(),
    })
}
