//! What a handler did outside that must not be done twice, wherever that is written down.

use std::path::Path;
use std::sync::Arc;

use super::super::outbox::{self, Entry};
use super::super::{NatsError, Options, nats};
use crate::event::EventId;

/// The outbox of one journal. Cheap to clone.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::{Entry, Options, Outbox, OutboxError, Stage};
///
/// /// Does something at most once, whatever happens meanwhile.
/// fn once(options: &Options, id: EventId, act: impl FnOnce()) -> Result<(), OutboxError> {
///     let outbox = Outbox::of(options);
///     let entry = |stage| Entry { stage, note: String::new(), at: jiff::Timestamp::now() };
///     if outbox.entry("example", id)?.is_some() {
///         return Ok(()); // perhaps done
///     }
///     outbox.write("example", id, &entry(Stage::Sent))?;
///     act();
///     outbox.write("example", id, &entry(Stage::Confirmed))
/// }
///
/// let directory = tempfile::tempdir()?;
/// let (options, id) = (Options::at(directory.path()), EventId::at(jiff::Timestamp::now()));
/// let mut times = 0;
/// for _ in 0..2 {
///     once(&options, id, || times += 1)?;
/// }
/// assert_eq!(times, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outbox(Place);

#[derive(Debug, Clone)]
enum Place {
    Disk(outbox::Outbox),
    Nats(Arc<nats::Outbox>),
}

/// Why the outbox could not be read or written.
///
/// Example: [`Outbox`].
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

    /// Says of what is written about `handler` and this event that it is unknown how that went; its note stays as it is. For
    /// what is unfinished and cannot be read. Durable when this returns. Blocking.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn write_off(&self, handler: &str, id: EventId) -> Result<(), OutboxError> {
        match &self.0 {
            Place::Disk(outbox) => Ok(outbox.write_off(handler, id)?),
            Place::Nats(outbox) => Ok(outbox.write_off(handler, id)?),
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
