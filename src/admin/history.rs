//! The numbers of the last half hour, a few bytes every five seconds, so that the page's charts do not begin empty.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::Shown;
use super::numbers::{self, Sample};

/// How often it is looked, and how many looks are kept.
const EVERY: Duration = Duration::from_secs(5);
const LOOKS: usize = 360;

#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Look>>);

/// What the numbers were at one moment; all but `in_flight` only grow.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Look {
    /// Unix time in milliseconds.
    at: i64,
    allow: f64,
    reject: f64,
    /// Probes and repeats.
    other: f64,
    refused: f64,
    fallback: f64,
    in_flight: f64,
    /// Answers so far that took no longer than each of [`bounds`].
    buckets: Vec<f64>,
}

impl History {
    /// Looks now and then, for ever.
    pub(super) async fn keeps(&self, shown: &Shown) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let look = Look::at(shown);
            let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if looks.len() == LOOKS {
                looks.pop_front();
            }
            looks.push_back(look);
        }
    }

    /// All looks, oldest first.
    pub(super) fn looks(&self) -> Vec<Look> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Look {
    /// The numbers now.
    pub(super) fn at(shown: &Shown) -> Self {
        let text = shown.metrics.render();
        let mut look = Self { at: shown.clock.now().as_millisecond(), ..Self::default() };
        for sample in numbers::samples(&text) {
            look.add(&sample);
        }
        look
    }

    fn add(&mut self, sample: &Sample<'_>) {
        match sample.name {
            "offhook_requests_total" => match sample.label("answer") {
                Some("allow") => self.allow += sample.value,
                Some("reject") => self.reject += sample.value,
                _ => self.other += sample.value,
            },
            "offhook_refusals_total" => self.refused += sample.value,
            "offhook_fallbacks_total" => self.fallback += sample.value,
            "offhook_in_flight" => self.in_flight = sample.value,
            "offhook_reply_seconds_bucket" => self.buckets.push(sample.value),
            _ => {}
        }
    }
}

/// The upper bounds of [`Look::buckets`], in seconds; the last one has none.
pub(super) fn bounds(text: &str) -> Vec<Option<f64>> {
    let buckets = numbers::samples(text).filter(|sample| sample.name == "offhook_reply_seconds_bucket");
    buckets.map(|sample| sample.label("le").and_then(|le| le.parse().ok()).filter(|le: &f64| le.is_finite())).collect()
}
