//! The spill file while NATS is not there.
//!
//! A thread of its own: writing a file waits for its disk, and for nothing else. What NATS takes so long for when it is
//! there and in trouble, only `reading_back.rs` waits for.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use super::publisher::Publisher;
use crate::journal::lock;
use crate::journal::queue::Entry;
use crate::journal::record::Record;
use crate::journal::spill::Spill;

/// Writes the spill file.
#[derive(Debug)]
pub(super) struct Spilling {
    pub(super) publisher: Arc<Publisher>,
    pub(super) spill: Arc<Mutex<Spill>>,
    pub(super) entries: Receiver<Entry>,
}

impl Spilling {
    /// Until nobody can spill any more.
    pub(super) fn run(self) {
        while let Ok(entry) = self.entries.recv() {
            self.write(entry);
        }
    }

    /// Everything that waits goes to the file, with one sync.
    fn write(&self, first: Entry) {
        let mut entries = vec![first];
        entries.extend(self.entries.try_iter().take(MOST_AT_ONCE));
        self.publisher.takes_over(&entries);
        // Where a disk's journal writes its last position, this one writes the time.
        let (now, keys) = (self.publisher.second(), self.publisher.keys.clone());
        let records = entries.iter().map(|entry| Record::of(&entry.event, entry.repeat).sealed_with(keys.as_ref()));
        let mut spill = lock(&self.spill);
        let written = spill.append(now, records);
        let path = spill.path().to_owned();
        drop(spill);
        match written {
            Ok(()) => entries.into_iter().for_each(|entry| self.publisher.spilled(entry)),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, events = entries.len(), "cannot write the spill file; the events follow");
                entries.into_iter().for_each(|entry| self.publisher.lose(entry));
            }
        }
    }
}

const MOST_AT_ONCE: usize = 4096;
