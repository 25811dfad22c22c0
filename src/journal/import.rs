//! Events that are read back in from an export: each is kept once, marked as such, and owed to no handler.

use std::collections::HashSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::reader::Reader;
use super::record::Record;
use super::{Filter, Journal, Place, Position, ReadError};
use crate::event::{Event, EventId};

/// Events on their way into another journal. `Debug` shows none of them.
///
/// ```
/// use offhook::Event;
/// use offhook::journal::{Copies, ImportError, Journal};
///
/// /// Keeps events of another journal, each once.
/// async fn import(journal: &Journal, events: &[Event]) -> Result<u64, ImportError> {
///     let copies: Copies = events.iter().collect();
///     journal.import(copies, jiff::Timestamp::now()).await
/// }
/// # let _ = import;
/// ```
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Copies(Vec<Record<'static>>);

/// Why events could not be read in.
///
/// Example: [`Copies`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The journal cannot keep just now.
    #[error(
        "the journal cannot keep events just now: see its log, and import again when it can; nothing is kept twice"
    )]
    Degraded,
    /// What is there already could not be told.
    #[error(
        "a journal in NATS takes no exports in: import into one on a disk (`journal.path` without `journal.url`), or bring back what `nats stream backup` saved with `nats stream restore`"
    )]
    InNats,
    /// It could not be told which of them are there already.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Some of them are not durable in the journal.
    #[error("{0} events could not be kept: see the log, and import again; nothing is kept twice")]
    Unkept(usize),
    /// The process is ending.
    #[error("cut short: the process is ending")]
    CutShort,
}

impl Copies {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'e> FromIterator<&'e Event> for Copies {
    fn from_iter<I: IntoIterator<Item = &'e Event>>(events: I) -> Self {
        Self(events.into_iter().map(|event| Record::of(event, None).owned()).collect())
    }
}

impl PartialEq for Copies {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|record| record.id).eq(other.0.iter().map(|record| record.id))
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events", self.0.len())
    }
}

impl Journal {
    /// Keeps those of `copies` that are not in this journal, marked as read in at `now`; how many that were. They are
    /// durable when this returns.
    ///
    /// # Errors
    /// [`ImportError`]; some of them may be kept then.
    pub async fn import(&self, copies: Copies, now: Timestamp) -> Result<u64, ImportError> {
        // Two imports of the same events at once would each find them missing.
        let Place::Disk(inner) = &self.0 else { return Err(ImportError::InNats) };
        let _alone = inner.desk.importing.lock().await;
        if self.is_degraded() {
            return Err(ImportError::Degraded);
        }
        let ids: HashSet<EventId> = copies.0.iter().map(|record| record.id).collect();
        let reader = Reader::at(&inner.directory).with_keys(inner.keys.clone());
        let known = tokio::task::spawn_blocking(move || known(&reader, &ids));
        let mut known = known.await.map_err(|_| ImportError::CutShort)??;
        let mut keeping = Vec::new();
        for record in copies.0 {
            if !known.insert(record.id) {
                continue;
            }
            let Some(event) = record.into_event() else { continue };
            let mut marks = event.marks().cloned().unwrap_or_default();
            marks.imported = Some(now);
            keeping.push(self.append(event.with_marks(marks), None));
        }
        let (count, mut unkept) = (keeping.len(), 0);
        for keeping in keeping {
            unkept += usize::from(keeping.await.is_err());
        }
        if unkept > 0 { Err(ImportError::Unkept(unkept)) } else { Ok(count as u64) }
    }
}

/// Which of `ids` are in the journal. An id tells when its event was received, so only that time is looked through.
fn known(reader: &Reader, ids: &HashSet<EventId>) -> Result<HashSet<EventId>, ReadError> {
    let times = || ids.iter().filter_map(|id| id.made_at());
    let around = SignedDuration::from_secs(60);
    let since = times().min().and_then(|time| time.checked_sub(around).ok());
    let until = times().max().and_then(|time| time.checked_add(around).ok());
    let filter = Filter { since, until, ..Filter::default() };
    let mut known = HashSet::new();
    reader.ids(Position::default(), &filter, &mut |_, id| {
        if ids.contains(&id) {
            known.insert(id);
        }
        known.len() < ids.len()
    })?;
    Ok(known)
}
