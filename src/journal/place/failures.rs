//! What the platform said of our answers, wherever that is noted.

use std::collections::HashMap;

use super::super::{Failure, ReadError, failures};
use crate::event::EventId;

/// What the platform said of our answers; for those who ask about many events.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::{Failures, Journal, ReadError};
///
/// /// Of these events those whose answers the platform did not take.
/// fn failed(journal: &Journal, ids: &[EventId]) -> Result<usize, ReadError> {
///     let failures: Failures = journal.reader().failures()?;
///     ids.iter().try_fold(0, |count, id| Ok(count + usize::from(failures.of(*id)?.is_some())))
/// }
/// # let _ = failed;
/// ```
#[derive(Debug)]
pub struct Failures(Place);

#[derive(Debug)]
enum Place {
    Disk(failures::Failures),
    /// All there were when it was asked for: by the copy that told, and by the event.
    Nats(HashMap<EventId, Failure>, HashMap<EventId, EventId>),
}

impl Failures {
    pub(super) fn on_disk(failures: failures::Failures) -> Self {
        Self(Place::Disk(failures))
    }

    pub(super) fn in_nats(failures: Vec<Failure>) -> Self {
        let by_event = failures.iter().filter_map(|failure| Some((failure.event?, failure.copy))).collect();
        Self(Place::Nats(failures.into_iter().map(|failure| (failure.copy, failure)).collect(), by_event))
    }

    /// What the copy of this id told, where it was worked on.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn told_by(&self, copy: EventId) -> Result<Option<Failure>, ReadError> {
        match &self.0 {
            Place::Disk(failures) => failures.told_by(copy),
            Place::Nats(by_copy, _) => Ok(by_copy.get(&copy).cloned()),
        }
    }

    /// Why the platform could not use our answer to the event of this id, where it told so.
    ///
    /// # Errors
    /// [`ReadError`] names the file.
    pub fn of(&self, event: EventId) -> Result<Option<Failure>, ReadError> {
        match &self.0 {
            Place::Disk(failures) => failures.of(event),
            Place::Nats(by_copy, by_event) => Ok(by_event.get(&event).and_then(|copy| by_copy.get(copy)).cloned()),
        }
    }
}
