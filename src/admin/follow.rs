//! Follows the journal: what is kept from a position on, as it is kept.

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::journal::{Filter, Hole, Journal, Page, Position, ReadError, Reader};

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
        let Ok(read) = read else { return Ok(Page { events: Vec::new(), scanned: after, more: false }) };
        let mut page = read?;
        if !page.more {
            // Up to its end everything was looked at: what is missing there is gone, or cannot be read, and was said.
            page.scanned = page.scanned.max(last);
        }
        self.after = page.scanned;
        Ok(page)
    }

    /// The same, and what retention took away in between. Asks the disk for that only where positions were passed over.
    pub(super) async fn read_with_holes(&mut self, limit: usize) -> Result<(Page, Vec<Hole>), ReadError> {
        let before = self.after;
        let page = self.read(limit).await?;
        let passed = page.scanned.get().saturating_sub(before.get());
        if passed == page.events.len() as u64 {
            return Ok((page, Vec::new()));
        }
        let (reader, until) = (self.reader.clone(), page.scanned);
        let holes = spawn_blocking(move || reader.holes(before, until)).await.unwrap_or_else(|_| Ok(Vec::new()))?;
        Ok((page, holes))
    }

    /// Waits until there is more; `false` where there never will be.
    pub(super) async fn grows(&mut self) -> bool {
        self.durable.changed().await.is_ok()
    }
}
