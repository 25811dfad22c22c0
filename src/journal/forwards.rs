//! Reading kept events from the oldest to the newest, in short read transactions.

use rusqlite::Row;

use super::index::{Finder, Part};
use super::reader::{Page, Reader};
use super::record::{self, COLUMNS};
use super::walk::{Each, Rows, Way};
use super::{Filter, Keys, Position, ReadError};
use crate::event::Event;

/// How far was looked; the rest is as of a [`Page`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    pub scanned: Position,
    pub more: bool,
}

impl Reader {
    /// Events after `after`, oldest first, at most `limit` that match. Blocking, in short read transactions, and
    /// never more than some ten thousand events at once. What is damaged is said and passed over.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub(super) fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let mut finder = self.finder(filter);
        let page = self.page_of(after, limit, filter, &mut finder);
        self.keep_finder(filter, finder);
        page
    }

    fn page_of(&self, after: Position, limit: usize, filter: &Filter, finder: &mut Finder) -> Result<Page, ReadError> {
        let mut events = Vec::new();
        let mut take = |at, row: &Row<'_>| {
            events.extend(wanted(at, row, filter, self.keys())?);
            Ok(events.len() < limit)
        };
        let most = if limit == 0 { 0 } else { PAGE_ROWS };
        let Looked { scanned, more } = self.look(after, most, filter, finder, COLUMNS, &mut take)?;
        Ok(Page { events, scanned, more })
    }

    /// Tells `each` of the rows after `after` among which may be what `filter` wants, in short read transactions: at
    /// most so many, with these columns, the first of which is `position`.
    pub(super) fn look(
        &self,
        after: Position,
        most: usize,
        filter: &Filter,
        finder: &mut Finder,
        columns: &str,
        each: Each<'_>,
    ) -> Result<Looked, ReadError> {
        let files = self.files()?;
        let (mut scanned, mut left) = (after.0, most);
        let start = files.partition_point(|file| file.first <= scanned.saturating_add(1)).saturating_sub(1);
        let mut part = Part { after: scanned, last: scanned };
        for (index, file) in files.iter().enumerate().skip(start) {
            let next = files.get(index + 1);
            let end = next.map_or(u64::MAX, |next| next.first.saturating_sub(1));
            let mut is_new = true;
            loop {
                if scanned >= part.last {
                    part = finder.next(scanned);
                    scanned = scanned.max(part.after);
                }
                if scanned >= end {
                    break;
                }
                if std::mem::take(&mut is_new) && self.is_before(filter.since, next)? {
                    scanned = end;
                    break;
                }
                if left == 0 {
                    return Ok(Looked { scanned: Position(scanned), more: true });
                }
                let (first, last) = (file.first.max(scanned + 1), part.last.min(end));
                let rows = Rows { first, last, way: Way::Forwards, most: left.min(CHUNK_ROWS) };
                let mut enough = false;
                let walked = self.walk(&file.path, columns, rows, &mut |at, row| {
                    scanned = at;
                    each(at, row).inspect(|go_on| enough = !go_on)
                })?;
                left = if enough { 0 } else { left - walked.seen };
                if !walked.more {
                    if last == u64::MAX {
                        break;
                    }
                    // Nothing will ever stand on what is left of it.
                    scanned = last;
                }
            }
        }
        Ok(Looked { scanned: Position(scanned), more: false })
    }
}

/// The event in a row of [`COLUMNS`], where `filter` wants it.
pub(super) fn wanted(
    at: u64,
    row: &Row<'_>,
    filter: &Filter,
    keys: Option<&Keys>,
) -> rusqlite::Result<Option<(Position, Event)>> {
    if !filter.wants(row)? {
        return Ok(None);
    }
    let event = record::read_event(row, keys)?;
    Ok(filter.wants_opened(row, &event)?.then_some((Position(at), event)))
}

/// Rows that one read transaction looks at, and one page at most.
pub(super) const CHUNK_ROWS: usize = 1024;
pub(super) const PAGE_ROWS: usize = 16 * CHUNK_ROWS;
