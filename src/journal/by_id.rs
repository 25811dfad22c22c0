//! Finding events by their id, which tells when one was made, and so about where it stands.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::forwards::PAGE_ROWS;
use super::reader::Reader;
use super::{Filter, Position, ReadError};
use crate::event::{Event, EventId};

impl Reader {
    /// The event of this id. Blocking; looks through the files from about that time on.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub(super) fn find(&self, id: EventId) -> Result<Option<(Position, Event)>, ReadError> {
        let filter = Filter { ids: vec![id], since: made_at(id), ..Filter::default() };
        let mut found = None;
        self.ids(Position::default(), &filter, &mut |at, this| {
            found = (this == id).then_some(at);
            found.is_none()
        })?;
        let Some(at) = found else { return Ok(None) };
        let page = self.page(at.before(), 1, &Filter::default())?;
        Ok(page.events.into_iter().find(|(position, _)| *position == at))
    }

    /// Tells `each` where events stand after `after` that `filter` may want, and their ids, as long as it wants more. The
    /// times and words of the filter only save looking.
    pub(super) fn ids(
        &self,
        mut after: Position,
        filter: &Filter,
        each: &mut dyn FnMut(Position, EventId) -> bool,
    ) -> Result<(), ReadError> {
        let mut finder = self.finder(filter);
        let mut goes_on = true;
        while goes_on {
            let looked = self.look(after, PAGE_ROWS, filter, &mut finder, "position, id", &mut |at, row| {
                goes_on = each(Position(at), EventId::from_bytes(row.get(1)?));
                Ok(goes_on)
            })?;
            goes_on &= looked.more;
            after = looked.scanned;
        }
        Ok(())
    }
}

/// The ids of all events after `after`, up to `until`.
pub(super) fn ids_between(directory: &Path, after: u64, until: u64) -> Result<HashSet<EventId>, ReadError> {
    let mut ids = HashSet::new();
    Reader::at(directory).ids(Position(after), &Filter::default(), &mut |at, id| {
        let is_meant = at.get() <= until;
        if is_meant {
            ids.insert(id);
        }
        is_meant
    })?;
    Ok(ids)
}

/// When an id was made, less what clocks may differ by.
fn made_at(id: EventId) -> Option<Timestamp> {
    id.made_at()?.checked_sub(Duration::from_secs(60)).ok()
}
