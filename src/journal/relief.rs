//! Takes over from a writer that its disk holds up: what waits for it goes to the spill file, which may be on another disk.
//!
//! It touches no events file. Its thread is there only while it is needed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use super::lock;
use super::writer::Shared;

/// Has somebody take over what waits for `shared`'s writer, unless somebody does already.
pub(super) fn call(shared: &Arc<Shared>) {
    if shared.relieved.swap(true, Ordering::Relaxed) {
        return;
    }
    let theirs = Arc::clone(shared);
    let thread = thread::Builder::new().name("journal-relief".to_owned()).spawn(move || relieve(&theirs));
    if let Err(error) = thread {
        tracing::error!(%error, "no thread that would spill what waits for the journal's disk");
        shared.relieved.store(false, Ordering::Relaxed);
    }
}

fn relieve(shared: &Shared) {
    // The writer does not end before this does.
    let _under_way = lock(&shared.relief);
    let _relieved = Relieved(shared);
    let (mut batch, mut spilled) = (Vec::new(), 0);
    while shared.queue.take_over(&mut batch) {
        spilled += batch.len();
        shared.spill(&mut batch);
    }
    if spilled > 0 {
        tracing::error!(
            events = spilled,
            "the journal's disk does not answer; what waited for it went to the spill file"
        );
        shared.spilled_beside.store(true, Ordering::Relaxed);
        shared.queue.nudge();
    }
}

/// Dropped when nobody takes over any more, whatever happened.
struct Relieved<'s>(&'s Shared);

impl Drop for Relieved<'_> {
    fn drop(&mut self) {
        self.0.relieved.store(false, Ordering::Relaxed);
    }
}
