//! Reading kept events from the newest to the oldest, as a person looks through them.
//!
//! In short read transactions, like reading forwards.

use rusqlite::Connection;

use super::reader::{self, CHUNK_ROWS, PAGE_ROWS, pass_over};
use super::record::{self, COLUMNS};
use super::{Filter, Page, Position, ReadError, Reader};

impl Reader {
    /// Events before `before`, newest first, at most `limit` that match; the next page is the one before
    /// [`Page::scanned`]. Blocking; never looks at more than some ten thousand events.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn page_before(&self, before: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let mut page = Page { events: Vec::new(), scanned: before, more: false };
        let files = self.files()?;
        let mut budget = PAGE_ROWS;
        for (index, file) in files.iter().enumerate().rev().filter(|(_, file)| file.first < before.get()) {
            if let (Some(since), Some(next)) = (filter.since, files.get(index + 1))
                && self.begun(&next.path)?.is_some_and(|begun| begun < since)
            {
                break; // everything from here on is older
            }
            loop {
                if page.events.len() >= limit || budget == 0 {
                    page.more = true;
                    return Ok(page);
                }
                let rows = budget.min(CHUNK_ROWS);
                let scan = |connection: &Connection| scan(connection, &mut page, rows, limit, filter);
                let seen = self.with(&file.path, scan).or_else(|error| pass_over(&file.path, error))?;
                budget -= seen.min(budget);
                if seen < rows {
                    break;
                }
            }
        }
        Ok(page)
    }
}

/// Looks at up to `rows` rows before `page.scanned`, in one read transaction; tells how many were there.
fn scan(
    connection: &Connection,
    page: &mut Page,
    rows: usize,
    limit: usize,
    filter: &Filter,
) -> rusqlite::Result<usize> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position < ?1 ORDER BY position DESC LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let before = reader::stored(page.scanned.get());
    let mut found = statement.query([before, i64::try_from(rows).unwrap_or(i64::MAX)])?;
    let mut seen = 0;
    while let Some(row) = found.next()? {
        let at = reader::position(row.get(0)?);
        if filter.wants(row)? {
            page.events.push((at, record::read_event(row)?));
        }
        page.scanned = at;
        seen += 1;
        if page.events.len() >= limit {
            return Ok(rows);
        }
    }
    Ok(seen)
}
