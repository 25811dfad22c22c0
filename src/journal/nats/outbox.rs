//! What a handler did outside that must not be done twice, for all instances: each step is written over the one that was
//! read, so of two instances at the same event one goes on, and the other one is told so before anything leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::link::{Link, Unreached};
use super::state::{State, json, word};
use super::{NatsError, NatsSettings};
use crate::event::EventId;
use crate::journal::outbox::{Entry, Stage};
use crate::journal::{Keys, lock, sealing};

/// The outbox in NATS. Connects when it is first used.
#[derive(Debug)]
pub(in crate::journal) struct Outbox {
    settings: NatsSettings,
    /// Notes are encrypted with these.
    keys: Option<Keys>,
    link: Mutex<Option<Arc<Link>>>,
    /// The revision of each row that is being worked on.
    revisions: Mutex<HashMap<String, u64>>,
}

/// A row, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    stage: String,
    note: String,
    /// Microseconds since 1970.
    at: i64,
}

impl Outbox {
    pub(in crate::journal) fn new(settings: NatsSettings, keys: Option<Keys>) -> Self {
        Self { settings, keys, link: Mutex::default(), revisions: Mutex::default() }
    }

    pub(in crate::journal) fn entry(&self, handler: &str, id: EventId) -> Result<Option<Entry>, NatsError> {
        let key = key(handler, id);
        let found = self.state()?.get::<Stored>(key.clone())?;
        let mut revisions = lock(&self.revisions);
        let Some(found) = found else {
            revisions.insert(key, 0);
            return Ok(None);
        };
        // A word that is none is from a newer version: certainly not a reason to do it again.
        let stage = Stage::named(&found.value.stage).unwrap_or(Stage::Unknown);
        if stage.is_over() {
            revisions.remove(&key);
        } else {
            revisions.insert(key, found.revision);
        }
        let at = Timestamp::from_microsecond(found.value.at).unwrap_or_default();
        let note = sealing::opened_note(self.keys.as_ref(), id, found.value.note);
        Ok(Some(Entry { stage, note, at }))
    }

    pub(in crate::journal) fn write(&self, handler: &str, id: EventId, entry: &Entry) -> Result<(), NatsError> {
        let (key, state) = (key(handler, id), self.state()?);
        let over = lock(&self.revisions).get(&key).copied().unwrap_or(0);
        let (stage, note) = (entry.stage.name().to_owned(), sealing::sealed_note(self.keys.as_ref(), id, &entry.note));
        let stored = Stored { stage, note, at: entry.at.as_microsecond() };
        let written = state.swap(key.clone(), &stored, over);
        let mut revisions = lock(&self.revisions);
        match written {
            Ok(Some(revision)) if !entry.stage.is_over() => _ = revisions.insert(key, revision),
            Ok(Some(_)) => _ = revisions.remove(&key),
            Ok(None) => {
                revisions.remove(&key);
                return Err(state.link().failed("write the outbox", "another instance is at the same event"));
            }
            // It may have been written: only what is there can tell.
            Err(error) => {
                revisions.remove(&key);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(in crate::journal) fn write_off(&self, handler: &str, id: EventId) -> Result<(), NatsError> {
        let (key, state) = (key(handler, id), self.state()?);
        let Some(found) = state.get::<Stored>(key.clone())? else { return Ok(()) };
        let stored = Stored { stage: Stage::Unknown.name().to_owned(), ..found.value };
        match state.swap(key, &stored, found.revision)? {
            Some(_) => Ok(()),
            None => Err(state.link().failed("write the outbox", "another instance is at the same event")),
        }
    }

    fn state(&self) -> Result<State, NatsError> {
        let mut link = lock(&self.link);
        let connected = match &*link {
            Some(link) => Arc::clone(link),
            None => Arc::clone(link.insert(Link::open(&self.settings, Unreached::Fails)?)),
        };
        Ok(State::over(&connected, None))
    }
}

/// What was learnt outside about the event goes; that something was done stays, so that it is not done twice.
pub(super) async fn forget(state: &State, id: EventId) -> Result<(), NatsError> {
    for (key, stored) in state.entries::<Stored>(&format!("outbox.*.{id}")).await? {
        state.write(&key, json(&Stored { note: String::new(), ..stored })).await?;
    }
    Ok(())
}

fn key(handler: &str, id: EventId) -> String {
    format!("outbox.{}.{id}", word(handler))
}
