//! Follows the journal: what is kept from a position on, as it is kept.

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::journal::{Filter, Journal, Page, Position, ReadError, Reader};

/// Somebody who reads along.
#[derive(Debug)]
pub(super) struct Follow {
    reader: Reader,
    durable: watch::Receiver<Position>,
    filter: Filter,
    /// Everything up to here was looked at.
    pub(super) after: Position,
}

impl Follow {
    /// Reads on after `after`, or from the present end on; only what `filter` wants.
    pub(super) fn new(journal: &Journal, filter: Filter, after: Option<Position>) -> Self {
        let durable = journal.durable();
        let after = after.unwrap_or(*durable.borrow());
        Self { reader: journal.reader(), durable, filter, after }
    }

    /// The last durable position.
    pub(super) fn last(&self) -> Position {
        *self.durable.borrow()
    }

    /// What was kept since the last call, at most `limit` events.
    pub(super) async fn read(&mut self, limit: usize) -> Result<Page, ReadError> {
        let last = *self.durable.borrow_and_update();
        if last <= self.after {
            return Ok(Page { events: Vec::new(), scanned: self.after, more: false });
        }
        let (reader, filter, after) = (self.reader.clone(), self.filter.clone(), self.after);
        let read = spawn_blocking(move || reader.page(after, limit, &filter)).await;
        let Ok(page) = read else { return Ok(Page { events: Vec::new(), scanned: after, more: false }) };
        let page = page?;
        // Up to its end, everything was looked at: what is missing there cannot be read, and was said.
        self.after = if page.more { page.scanned } else { page.scanned.max(last) };
        Ok(page)
    }

    /// Waits until there is more; `false` where there never will be.
    pub(super) async fn grows(&mut self) -> bool {
        self.durable.changed().await.is_ok()
    }
}
