//! Reading kept events from the newest to the oldest, as a person looks through them.
//!
//! In short read transactions, like reading forwards.

use rusqlite::Connection;

use super::index::{Finder, Part};
use super::reader::{self, CHUNK_ROWS, PAGE_ROWS, pass_over};
use super::record::{self, COLUMNS};
use super::{Filter, Keys, Page, Position, ReadError, Reader};

impl Reader {
    /// Events before `before`, newest first, at most `limit` that match; the next page is the one before
    /// [`Page::scanned`]. Blocking; never looks at more than some ten thousand events.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn page_before(&self, before: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let mut finder = self.finder(filter);
        let page = self.page_of_before(before, limit, filter, &mut finder);
        self.keep_finder(filter, finder);
        page
    }

    fn page_of_before(
        &self,
        before: Position,
        limit: usize,
        filter: &Filter,
        finder: &mut Finder,
    ) -> Result<Page, ReadError> {
        let mut page = Page { events: Vec::new(), scanned: before, more: false };
        let files = self.files()?;
        let mut budget = PAGE_ROWS;
        // Nothing wanted stands after `part.after` that was not looked at.
        let mut part = Part { after: before.get().saturating_sub(1), last: before.get() };
        for (index, file) in files.iter().enumerate().rev().filter(|(_, file)| file.first < before.get()) {
            let mut is_new = true;
            loop {
                if page.scanned.get() <= part.after + 1 {
                    part = finder.previous(page.scanned.get());
                    page.scanned = page.scanned.min(Position(part.last + 1));
                }
                if page.scanned.get() <= file.first {
                    break;
                }
                if std::mem::take(&mut is_new) && self.is_before(filter.since, files.get(index + 1))? {
                    return Ok(page); // everything from here on is older
                }
                if page.events.len() >= limit || budget == 0 {
                    page.more = true;
                    return Ok(page);
                }
                let rows = budget.min(CHUNK_ROWS);
                let scan =
                    |connection: &Connection| scan(connection, &mut page, part.after, rows, limit, filter, self.keys());
                let seen = self.with(&file.path, scan).or_else(|error| pass_over(&file.path, error))?;
                budget -= seen.min(budget);
                if seen < rows {
                    if part.after < file.first {
                        break;
                    }
                    page.scanned = Position(part.after + 1);
                }
            }
        }
        Ok(page)
    }
}

/// Looks at up to `rows` rows before `page.scanned` and after `after`, in one read transaction; tells how many were
/// there.
fn scan(
    connection: &Connection,
    page: &mut Page,
    after: u64,
    rows: usize,
    limit: usize,
    filter: &Filter,
    keys: Option<&Keys>,
) -> rusqlite::Result<usize> {
    let sql =
        format!("SELECT {COLUMNS} FROM events WHERE position < ?1 AND position > ?2 ORDER BY position DESC LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let (before, most) = (reader::stored(page.scanned.get()), i64::try_from(rows).unwrap_or(i64::MAX));
    let mut found = statement.query([before, reader::stored(after), most])?;
    let mut seen = 0;
    while let Some(row) = found.next()? {
        let at = reader::position(row.get(0)?);
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
