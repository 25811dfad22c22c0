//! What a lane tells about itself: its metrics, and a log line when something changes.
//!
//! Never the event's body. A failure is told when it starts and when it ends, not each time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::clock::Clock;
use crate::event::Event;
use crate::journal::Parked;
use crate::metrics::{DeliveryLabels, HandlerLabel, Metrics};

/// The longest reason that is kept, in characters.
const LONGEST_WHY: usize = 200;

/// One lane's metrics, and what its log has said.
pub(super) struct Report {
    handler: Arc<str>,
    done: Counter,
    retry: Counter,
    parked: Counter,
    lag: Gauge<f64, AtomicU64>,
    /// Failed attempts since the last success; told at the first one.
    failures: u64,
    /// Whether our own journal keeps the lane from going on.
    stuck: bool,
}

impl Report {
    pub(super) fn new(handler: &Arc<str>, metrics: &Metrics) -> Self {
        let counter = |outcome| {
            let labels = DeliveryLabels { handler: Arc::clone(handler), outcome };
            metrics.deliveries.get_or_create_owned(&labels)
        };
        Self {
            done: counter("done"),
            retry: counter("retry"),
            parked: counter("parked"),
            lag: metrics.delivery_lag.get_or_create_owned(&HandlerLabel { handler: Arc::clone(handler) }),
            handler: Arc::clone(handler),
            failures: 0,
            stuck: false,
        }
    }

    /// `count` events arrived, `last` being the last of them.
    pub(super) fn delivered(&mut self, count: usize, last: &Event, clock: &Clock) {
        self.done.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        self.lag.set(age(last, clock));
        if self.failures > 0 {
            tracing::info!(handler.name = %self.handler, failures = self.failures, "delivering again");
            self.failures = 0;
        }
    }

    /// `event` did not arrive; the next attempt is `wait` from now.
    pub(super) fn failed(&mut self, event: &Event, why: &str, wait: Duration, clock: &Clock) {
        self.retry.inc();
        self.lag.set(age(event, clock));
        if self.failures == 0 {
            tracing::warn!(
                handler.name = %self.handler,
                event.id = %event.id(),
                event.kind = %event.kind(),
                why,
                next_try_ms = wait.as_millis(),
                "a delivery failed and is tried again; nothing more is said until this handler works or gives up"
            );
        }
        self.failures += 1;
    }

    /// An event gave up and is written down as such.
    pub(super) fn parked(&mut self, parked: &Parked) {
        self.parked.inc();
        tracing::error!(
            handler.name = %self.handler,
            event.id = %parked.id,
            event.kind = parked.kind,
            journal.position = parked.position.get(),
            attempts = parked.attempts,
            why = parked.why,
            "a delivery gave up and is parked: see `offhook parked list`"
        );
    }

    /// Our own journal failed.
    pub(super) fn stuck(&mut self, what: &'static str, error: &str) {
        if !self.stuck {
            tracing::error!(handler.name = %self.handler, error, "{what}; the lane waits and loses nothing");
        }
        self.stuck = true;
    }

    /// Our own journal works. Whether it did not before.
    pub(super) fn unstuck(&mut self) -> bool {
        if self.stuck {
            tracing::info!(handler.name = %self.handler, "the journal works again; the lane goes on");
        }
        std::mem::take(&mut self.stuck)
    }
}

/// An attempt of `handler` has been under way for a long time.
pub(super) fn slow(handler: &str, event: Option<&Event>) {
    let event = event.map(|event| tracing::field::display(event.id()));
    tracing::warn!(
        handler.name = handler,
        event.id = event,
        "a delivery is taking more than a minute; this handler gets nothing else before it ends"
    );
}

/// `why` as one short line: no target decides how long our logs are, or what their lines look like.
pub(super) fn brief(why: &str) -> String {
    why.chars().take(LONGEST_WHY).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// How long ago `event` was received, in seconds.
fn age(event: &Event, clock: &Clock) -> f64 {
    clock.now().duration_since(event.received()).as_secs_f64().max(0.0)
}
