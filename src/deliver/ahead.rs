//! The events in front of a lane: read from the journal a page at a time, and passed one after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::LaneSettings;
use crate::event::Event;
use crate::journal::{Filter, Hand, Journal, Page, Position, Reader};

/// How many events are read at once: enough that reading costs little, few enough to hold in memory when each is large.
const PAGE: usize = 64;

/// Reads the journal in pages, on threads that may wait for the disk.
pub(super) struct Pager {
    journal: Journal,
    filter: Arc<Filter>,
    /// What this instance is given, where several share the journal.
    hand: Option<Hand>,
    /// Comes back from the thread that reads; absent only if that panicked.
    reader: Option<Reader>,
}

impl Pager {
    /// What the lane of these settings wants.
    fn new(journal: &Journal, settings: &LaneSettings) -> Self {
        let filter = Arc::new(Filter { kinds: settings.kinds.clone(), ..Filter::default() });
        let hand = journal.lanes().hand(&settings.name, settings.concurrency);
        Self { journal: journal.clone(), filter, hand, reader: None }
    }

    /// These are done or parked. Only a hand is told of each; a position is written down elsewhere.
    pub(super) fn done(&self, positions: &[Position]) {
        if let Some(hand) = &self.hand {
            hand.done(positions);
        }
    }

    /// What comes after `after`, at most `limit` events.
    pub(super) async fn page(&mut self, after: Position, limit: usize) -> Result<Page, String> {
        if let Some(hand) = &self.hand {
            return hand.page(after, limit, &self.filter).map_err(|error| error.to_string());
        }
        let reader = self.reader.take().unwrap_or_else(|| self.journal.reader());
        let filter = Arc::clone(&self.filter);
        let read = spawn_blocking(move || {
            let page = reader.page(after, limit, &filter);
            (reader, page)
        });
        let (reader, page) = read.await.map_err(|error| error.to_string())?;
        self.reader = Some(reader);
        let mut page = page.map_err(|error| error.to_string())?;
        // What was read in from elsewhere, or was erased, is nobody's to be given.
        page.events.retain(|(_, event)| event.is_owed());
        Ok(page)
    }
}

/// Events that were read and are not done yet.
pub(super) struct Ahead {
    pager: Pager,
    positions: Vec<Position>,
    events: Vec<Event>,
    /// The first one that is not done.
    next: usize,
    /// Where the lane stands when all of them are done.
    scanned: Position,
}

impl Ahead {
    /// Nothing yet for the lane of these settings.
    pub(super) fn new(journal: &Journal, settings: &LaneSettings) -> Self {
        Self {
            pager: Pager::new(journal, settings),
            positions: Vec::new(),
            events: Vec::new(),
            next: 0,
            scanned: Position::default(),
        }
    }

    /// What reads for it.
    pub(super) fn pager(&mut self) -> &mut Pager {
        &mut self.pager
    }

    /// Changes when there may be more to read.
    pub(super) fn news(&self) -> watch::Receiver<Position> {
        self.pager.hand.as_ref().map_or_else(|| self.pager.journal.durable(), Hand::news)
    }

    /// Gives what is ahead to whichever instance is first after `wait`; false where there is only this one.
    pub(super) fn put_back(&mut self, wait: Duration) -> bool {
        let Some(hand) = &self.pager.hand else { return false };
        hand.put_back(wait);
        (self.next, self.positions, self.events) = (0, Vec::new(), Vec::new());
        true
    }

    /// The events that are not done, oldest first.
    pub(super) fn events(&self) -> &[Event] {
        self.events.get(self.next..).unwrap_or_default()
    }

    /// The event at hand, and where it stands.
    pub(super) fn first(&self) -> Option<(Position, &Event)> {
        Some((*self.positions.get(self.next)?, self.events.get(self.next)?))
    }

    /// Reads what comes after `after`. Whether there is more behind that.
    pub(super) async fn read(&mut self, after: Position) -> Result<bool, String> {
        let page = self.pager.page(after, PAGE).await?;
        (self.positions, self.events) = page.events.into_iter().unzip();
        (self.next, self.scanned) = (0, page.scanned);
        Ok(page.more)
    }

    /// `count` of the events are done or parked. The position this brings the lane to.
    pub(super) fn pass(&mut self, count: usize) -> Position {
        let passed = self.positions.get(self.next..).unwrap_or_default();
        self.pager.done(passed.get(..count).unwrap_or(passed));
        self.next += count;
        if self.next >= self.events.len() {
            return self.scanned;
        }
        self.next.checked_sub(1).and_then(|last| self.positions.get(last)).copied().unwrap_or_default()
    }
}
