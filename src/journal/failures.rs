//! Answers that the platform could not use, as it told us: which event, why, and which copy told it.
//!
//! Few rows in `lanes.db`, away from the events: the writer of events knows nothing of them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::schema::LANES;
use super::{LaneError, Lanes, ReadError, Reader, files, reader};
use crate::event::EventId;

/// An answer that the platform could not use.
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

impl Reader {
    /// What the copy of this id told, where it was worked on.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn failure_told_by(&self, copy: EventId) -> Result<Option<Failure>, ReadError> {
        self.failure("copy = ?1", copy)
    }

    /// Why the platform could not use our answer to the event of this id, where it told so.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn failure_of(&self, event: EventId) -> Result<Option<Failure>, ReadError> {
        self.failure("event = ?1", event)
    }

    fn failure(&self, which: &str, id: EventId) -> Result<Option<Failure>, ReadError> {
        let path = self.path().join(files::LANES);
        if !path.exists() {
            return Ok(None);
        }
        let connection = reader::connect(&path, &LANES)?;
        find(&connection, which, id).map_err(|error| ReadError::Database { path, error })
    }
}

fn find(connection: &Connection, which: &str, id: EventId) -> rusqlite::Result<Option<Failure>> {
    let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'failures'";
    // A file of an older version, whose server still runs, has no such table.
    if connection.query_row(is_there, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let sql = format!("SELECT copy, event, app, reason, at FROM failures WHERE {which} ORDER BY at DESC LIMIT 1");
    connection.query_row(&sql, [id.as_bytes()], read).optional()
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
