//! Several events in one request: a handler that keeps up with a receiver under full load, in the journal's order.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::Http;
use crate::cloud_event::CloudEvent;
use crate::deliver::{Outcome, Pages};
use crate::event::Event;

const CLOUD_EVENTS: &str = "application/cloudevents-batch+json; charset=utf-8";
/// More of the senders' bytes than this are not put into one request, unless one event has more by itself.
const MOST_BYTES: usize = 1 << 20;

/// Posts events together. Where a request fails for what may be one event's fault, its events are posted one by one.
pub(super) struct Batches {
    pub(super) http: Http,
    /// So many at once.
    pub(super) most: usize,
    /// So many are to be posted by themselves before the next batch.
    alone: AtomicUsize,
}

impl Batches {
    pub(super) fn of(http: Http, most: usize) -> Self {
        Self { http, most, alone: AtomicUsize::new(0) }
    }

    async fn post(&self, events: &[Event]) -> (usize, Outcome) {
        let alone = self.alone.load(Ordering::Relaxed);
        let batch = if alone == 0 { &events[..self.fitting(events)] } else { &[] };
        if let [first, .., last] = batch {
            let json: Vec<String> = batch.iter().map(|event| CloudEvent::of(event).to_json()).collect();
            let sent = Bytes::from(format!("[{}]", json.join(",")));
            // The same events again have the same one, and others have another.
            let id = format!("{}..{}/{}", first.id(), last.id(), batch.len());
            match self.http.post(CLOUD_EVENTS, id, sent).await {
                Outcome::Done => return (batch.len(), Outcome::Done),
                Outcome::Pause { after, why } => return (0, Outcome::Pause { after, why }),
                Outcome::Retry { .. } | Outcome::GiveUp { .. } => self.alone.store(batch.len(), Ordering::Relaxed),
            }
        } else {
            self.alone.store(alone.saturating_sub(1), Ordering::Relaxed);
        }
        let Some(event) = events.first() else { return (0, Outcome::Done) };
        let outcome = self.http.post_one(event).await;
        (usize::from(outcome == Outcome::Done), outcome)
    }

    /// How many of `events` go into one request.
    fn fitting(&self, events: &[Event]) -> usize {
        let mut bytes = 0;
        let fits = |event: &&Event| {
            bytes += event.text().len();
            bytes <= MOST_BYTES
        };
        events.iter().take(self.most).take_while(fits).count()
    }
}

impl Pages for Batches {
    fn name(&self) -> &str {
        &self.http.name
    }

    fn deliver<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, (usize, Outcome)> {
        Box::pin(self.post(events))
    }
}
