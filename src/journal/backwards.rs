//! Reading kept events from the newest to the oldest, as a person looks through them.
//!
//! In short read transactions, like reading forwards.

use rusqlite::Row;

use super::forwards::{CHUNK_ROWS, PAGE_ROWS, wanted};
use super::index::{Finder, Part};
use super::reader::{Page, Reader};
use super::record::COLUMNS;
use super::walk::{Rows, Way};
use super::{Filter, Position, ReadError};

impl Reader {
    /// Events before `before`, newest first, at most `limit` that match; the next page is the one before
    /// [`Page::scanned`]. Blocking; never looks at more than some ten thousand events.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub(super) fn page_before(&self, before: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
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
        let mut left = PAGE_ROWS;
        // Nothing wanted stands after `part.after` that was not looked at.
        let mut part = Part { after: before.before().get(), last: before.get() };
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
                if page.events.len() >= limit || left == 0 {
                    page.more = true;
                    return Ok(page);
                }
                let (first, last) = (file.first.max(part.after + 1), page.scanned.before().get());
                let rows = Rows { first, last, way: Way::Backwards, most: left.min(CHUNK_ROWS) };
                let mut take = |at, row: &Row<'_>| {
                    page.scanned = Position(at);
                    page.events.extend(wanted(at, row, filter, self.keys())?);
                    Ok(page.events.len() < limit)
                };
                let walked = self.walk(&file.path, COLUMNS, rows, &mut take)?;
                left -= walked.seen;
                if !walked.more {
                    page.scanned = Position(first);
                }
            }
        }
        Ok(page)
    }
}
