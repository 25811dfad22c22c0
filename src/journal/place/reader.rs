//! Reading kept events, wherever they are.

use std::path::Path;

use super::super::{
    Erasure, Failure, Filter, Hole, Keys, Options, Page, Parked, Position, ReadError, Replay, ShadowReader,
};
use super::super::{nats, reader};
use super::Failures;
use crate::event::{Event, EventId};

/// Reads a journal; writes nothing to it. Works while a server, or several, write it.
///
/// ```
/// use offhook::journal::{Options, ReadError, Reader};
///
/// // Of a journal on a disk; another process may write to it meanwhile.
/// let error = Reader::of(&Options::at("there is none")).map(|_| ()).unwrap_err();
/// assert!(matches!(error, ReadError::NotAJournal { .. }));
/// ```
#[derive(Debug, Clone)]
pub struct Reader(Place);

#[derive(Debug, Clone)]
enum Place {
    Disk(Box<reader::Reader>),
    Nats(nats::Reader),
}

impl Reader {
    /// The journal in the directory `path`.
    ///
    /// # Errors
    /// [`ReadError::NotAJournal`] where none of its files is there.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        reader::Reader::open(path).map(Self::on_disk)
    }

    /// The journal that `options` mean. Blocking.
    ///
    /// # Errors
    /// [`ReadError`] where there is none, or NATS cannot be reached.
    pub fn of(options: &Options) -> Result<Self, ReadError> {
        let reader = match &options.nats {
            None => Self::open(&options.path)?,
            Some(settings) => Self::in_nats(nats::Reader::open(settings, &options.path)?),
        };
        Ok(reader.with_keys(options.keys.clone()))
    }

    /// The same, reading what is encrypted with `keys`.
    #[must_use]
    pub fn with_keys(self, keys: Option<Keys>) -> Self {
        match self.0 {
            Place::Disk(reader) => Self::on_disk(reader.with_keys(keys)),
            Place::Nats(reader) => Self::in_nats(reader.with_keys(keys)),
        }
    }

    pub(in crate::journal) fn on_disk(reader: reader::Reader) -> Self {
        Self(Place::Disk(Box::new(reader)))
    }

    pub(in crate::journal) fn in_nats(reader: nats::Reader) -> Self {
        Self(Place::Nats(reader))
    }

    /// The position from which on events are kept; older ones went by retention. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn first(&self) -> Result<Position, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.first(),
            Place::Nats(reader) => Ok(reader.first()?),
        }
    }

    /// Events after `after`, oldest first, at most `limit` that match. Blocking, and never more than some ten thousand
    /// events at once.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.page(after, limit, filter),
            Place::Nats(reader) => reader.page(after, limit, filter),
        }
    }

    /// Events before `before`, newest first, at most `limit` that match; the next page is the one before
    /// [`Page::scanned`]. Blocking, and never more than some ten thousand events at once.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn page_before(&self, before: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.page_before(before, limit, filter),
            Place::Nats(reader) => reader.page_before(before, limit, filter),
        }
    }

    /// The holes after `after`, up to `until`, oldest first: what retention has deleted, and positions at which nothing
    /// ever was. In NATS only what went at the stream's beginning. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn holes(&self, after: Position, until: Position) -> Result<Vec<Hole>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.holes(after, until),
            Place::Nats(reader) => {
                let (first, last) = (Position(after.get() + 1), reader.first()?.before().min(until));
                Ok(if first <= last { vec![Hole { first, last }] } else { Vec::new() })
            }
        }
    }

    /// The event of this id. Blocking; looks through what was kept from about that time on.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn find(&self, id: EventId) -> Result<Option<(Position, Event)>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.find(id),
            Place::Nats(reader) => reader.find(id),
        }
    }

    /// What shadows of this machine would have answered. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn shadows(&self) -> Result<ShadowReader, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.shadows(),
            Place::Nats(reader) => ShadowReader::open(reader.directory()),
        }
    }

    /// The last event's position; 0 when there is none. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn last(&self) -> Result<Position, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.last(),
            Place::Nats(reader) => Ok(reader.last()?),
        }
    }

    /// Deliveries that gave up, oldest first; only `handler`'s where one is named. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn parked(&self, handler: Option<&str>) -> Result<Vec<Parked>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.parked(handler),
            Place::Nats(reader) => Ok(nats::parked(reader, handler)?),
        }
    }

    /// How the replay `id` stands; `None` where there is none. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn replay(&self, id: i64) -> Result<Option<Replay>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.replay(id),
            Place::Nats(reader) => Ok(nats::replay(reader, id)?),
        }
    }

    /// How the erasure `id` stands; `None` where there is none. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn erasure(&self, id: i64) -> Result<Option<Erasure>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.erasure(id),
            Place::Nats(reader) => Ok(nats::erasure(reader, id)?),
        }
    }

    /// What the platform said of our answers. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn failures(&self) -> Result<Failures, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.failures().map(Failures::on_disk),
            Place::Nats(reader) => Ok(Failures::in_nats(nats::failures(reader)?)),
        }
    }

    /// What the copy of this id told, where it was worked on. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn failure_told_by(&self, copy: EventId) -> Result<Option<Failure>, ReadError> {
        match &self.0 {
            Place::Disk(reader) => reader.failures()?.told_by(copy),
            Place::Nats(reader) => Ok(nats::failure(reader, copy)?),
        }
    }

    /// Why the platform could not use our answer to the event of this id, where it told so. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn failure_of(&self, event: EventId) -> Result<Option<Failure>, ReadError> {
        self.failures()?.of(event)
    }
}
