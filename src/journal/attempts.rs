//! What became of each handler's last attempts to deliver, as the lanes tell it: for whoever looks at one event.
//!
//! In memory and bounded; nothing of it outlives the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::lock;
use crate::event::EventId;

/// Attempts of one handler that are remembered, the newest.
const REMEMBERED: usize = 2048;

/// One attempt to deliver an event.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::Journal;
///
/// /// How the last attempts to deliver an event went.
/// fn attempts(journal: &Journal, id: EventId) -> Vec<String> {
///     let attempts = journal.lanes().attempts_at(id).into_iter();
///     attempts.map(|(handler, attempt)| format!("{handler}: {} after {:?}", attempt.ended.word(), attempt.took)).collect()
/// }
/// # let _ = attempts;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The event.
    pub id: EventId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took; with others in one go, all of them together.
    pub took: Duration,
    /// What it came to.
    pub ended: AttemptEnd,
    /// What the target said, or why it failed, in words for a person; where there is something to say.
    pub answer: Option<Arc<str>>,
    /// Whether a person asked for it: a replay, or another try of a parked delivery.
    pub asked: bool,
}

/// What an attempt came to.
///
/// Example: [`Attempt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It arrived.
    Done,
    /// It did not, and it may be the event's fault.
    Retry,
    /// It did not, and it is the target's trouble.
    Pause,
    /// It never will.
    GaveUp,
}

/// By handler, oldest first.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<String, VecDeque<Attempt>>>);

impl Attempts {
    /// `handler` was handed these events.
    pub(super) fn attempted(&self, handler: &str, attempts: impl IntoIterator<Item = Attempt>) {
        let mut all = lock(&self.0);
        let recent = match all.get_mut(handler) {
            Some(recent) => recent,
            None => all.entry(handler.to_owned()).or_default(),
        };
        for mut attempt in attempts {
            // Mostly a target says one thing: then it is kept once.
            if let Some(last) = recent.back().filter(|last| last.answer == attempt.answer) {
                attempt.answer.clone_from(&last.answer);
            }
            if recent.len() == REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(attempt);
        }
    }

    /// The attempts to deliver `id` that are remembered, each with its handler, oldest first for each.
    pub(super) fn attempts_at(&self, id: EventId) -> Vec<(String, Attempt)> {
        let all = lock(&self.0);
        let of = |(handler, recent): (&String, &VecDeque<Attempt>)| {
            let found = recent.iter().filter(|attempt| attempt.id == id);
            found.map(|attempt| (handler.clone(), attempt.clone())).collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    }
}

impl AttemptEnd {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::GaveUp => "gave_up",
        }
    }
}
