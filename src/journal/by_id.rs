//! Finding one event by its id, which tells when it was made, and so about where it stands.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::reader::{last, pass_over, position, stored};
use super::record::{self, COLUMNS};
use super::{Filter, Keys, Position, ReadError, Reader};
use crate::event::{Event, EventId};

impl Reader {
    /// The event of this id. Blocking; looks through the files from about that time on.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn find(&self, id: EventId) -> Result<Option<(Position, Event)>, ReadError> {
        let filter = Filter { ids: vec![id], since: made_at(id), ..Filter::default() };
        let mut finder = self.finder(&filter);
        let files = self.files()?;
        let mut after = 0;
        for (index, file) in files.iter().enumerate() {
            let end = files.get(index + 1).map_or(u64::MAX, |next| next.first.saturating_sub(1));
            let mut part = finder.next(after);
            if part.after >= end || self.is_before(filter.since, files.get(index + 1))? {
                after = after.max(end.min(part.after));
                continue;
            }
            let last = self.with(&file.path, last).or_else(|error| pass_over(&file.path, error))?;
            let end = last.map_or(0, |last| position(last).0);
            while part.after < end {
                let find = |connection: &Connection| find(connection, id, part.after, part.last.min(end), self.keys());
                let found = self.with(&file.path, find);
                if let Some(found) = found.or_else(|error| pass_over(&file.path, error))? {
                    return Ok(Some(found));
                }
                part = finder.next(part.last.min(end));
            }
            after = after.max(end);
        }
        Ok(None)
    }
}

/// The event of this id after `after` and up to `last`, looked for in short read transactions.
fn find(
    connection: &Connection,
    id: EventId,
    mut after: u64,
    last: u64,
    keys: Option<&Keys>,
) -> rusqlite::Result<Option<(Position, Event)>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > ?1 AND position <= ?2 AND id = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    while after < last {
        let end = last.min(after.saturating_add(FIND_ROWS));
        let read = |row: &Row<'_>| Ok((position(row.get(0)?), record::read_event(row, keys)?));
        let found = statement.query_row(params![stored(after), stored(end), id.as_bytes()], read).optional()?;
        if found.is_some() {
            return Ok(found);
        }
        after = end;
    }
    Ok(None)
}

/// When an id was made, less what clocks may differ by.
fn made_at(id: EventId) -> Option<Timestamp> {
    id.made_at()?.checked_sub(Duration::from_secs(60)).ok()
}

/// Rows that are looked at for an id at once.
const FIND_ROWS: u64 = 32 * 1024;
