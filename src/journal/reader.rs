//! Reading kept events in short pages, also while another process serves.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Parked, Position, ReadError};
use crate::event::{Event, EventId};
use crate::kind::KindPattern;

/// Reads a journal's directory; writes nothing to it.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
}

/// Which events are wanted; the default wants all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these kinds; empty: every kind.
    pub kinds: Vec<KindPattern>,
    /// Only this app's.
    pub app: Option<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
}

/// Some events in a row.
#[derive(Debug)]
pub struct Page {
    /// Those that match, oldest first.
    pub events: Vec<(Position, Event)>,
    /// Everything up to here was looked at; the next page is the one after it.
    pub scanned: Position,
    /// Whether there was more to look at.
    pub more: bool,
}

impl Reader {
    /// The journal in the directory `path`.
    ///
    /// # Errors
    /// [`ReadError::NotAJournal`] where no events file is in it.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { path: path.to_owned() })
    }

    /// Events after `after`, oldest first, at most `limit` that match. Blocking, in short read transactions.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let _ = (after, limit, filter);
        unimplemented!()
    }

    /// The event of this id. Blocking; looks through the files of about that time.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn find(&self, id: EventId) -> Result<Option<(Position, Event)>, ReadError> {
        let _ = id;
        unimplemented!()
    }

    /// The last event's position; 0 when there is none.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn last(&self) -> Result<Position, ReadError> {
        unimplemented!()
    }

    /// Deliveries that gave up, oldest first; only `handler`'s where one is named.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn parked(&self, handler: Option<&str>) -> Result<Vec<Parked>, ReadError> {
        let _ = (handler, &self.path);
        unimplemented!()
    }
}
