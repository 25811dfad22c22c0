//! What a handler did outside that must not be done twice, wherever that is written down.

use std::path::Path;
use std::sync::Arc;

use super::super::outbox::{self, Entry};
use super::super::{NatsError, Options, nats};
use crate::event::EventId;

/// The outbox of one journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(Place);

#[derive(Debug, Clone)]
enum Place {
    Disk(outbox::Outbox),
    Nats(Arc<nats::Outbox>),
}

/// Why the outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// Its file could not be used.
    #[error(transparent)]
    Disk(#[from] outbox::OutboxError),
    /// NATS could not be used, or another instance is at the same event.
    #[error(transparent)]
    Nats(#[from] NatsError),
}

impl Outbox {
    /// The outbox in the journal's directory `directory`, of which nothing is encrypted. Only the process that owns the
    /// journal may write to it.
    pub fn at(directory: &Path) -> Self {
        Self(Place::Disk(outbox::Outbox::at(directory, None)))
    }

    /// The outbox of the journal that `options` mean; opened when it is first used.
    pub fn of(options: &Options) -> Self {
        let keys = options.keys.clone();
        Self(match &options.nats {
            None => Place::Disk(outbox::Outbox::at(&options.path, keys)),
            Some(settings) => Place::Nats(Arc::new(nats::Outbox::new(settings.clone(), keys))),
        })
    }

    /// What is written about `handler` and neither done nor given up. Blocking. Nothing where instances share the outbox:
    /// another one may still be at it.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn unfinished(&self, handler: &str) -> Result<Vec<(EventId, Entry)>, OutboxError> {
        match &self.0 {
            Place::Disk(outbox) => Ok(outbox.unfinished(handler)?),
            Place::Nats(_) => Ok(Vec::new()),
        }
    }

    /// What is written about `handler` and this event. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn entry(&self, handler: &str, id: EventId) -> Result<Option<Entry>, OutboxError> {
        match &self.0 {
            Place::Disk(outbox) => Ok(outbox.entry(handler, id)?),
            Place::Nats(outbox) => Ok(outbox.entry(handler, id)?),
        }
    }

    /// Writes it down; durable when this returns. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`]; then nothing may leave.
    pub fn write(&self, handler: &str, id: EventId, entry: &Entry) -> Result<(), OutboxError> {
        match &self.0 {
            Place::Disk(outbox) => Ok(outbox.write(handler, id, entry)?),
            Place::Nats(outbox) => Ok(outbox.write(handler, id, entry)?),
        }
    }
}
