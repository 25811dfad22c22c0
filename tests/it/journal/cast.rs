//! A directory, a clock that is set by hand, made-up events, and a reader of everything.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offhook::clock::Clock;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Claim, Filter, Journal, OpenError, Options, Position, Reader, RepeatKey, Ticket, Tuning};
use offhook::kind::{Family, Kind};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};
use tempfile::TempDir;

/// A directory, a clock that is set by hand, and the journal's settings.
pub(super) struct Ground {
    pub(super) directory: TempDir,
    pub(super) now: Arc<AtomicI64>,
    pub(super) options: Options,
    pub(super) tuning: Tuning,
    pub(super) metrics: Arc<Metrics>,
}

impl Ground {
    pub(super) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let options = Options {
            min_free: 0,
            spill: directory.path().join("spill.jsonl"),
            ..Options::at(directory.path().join("data"))
        };
        let tuning = Tuning { retry_every: Duration::from_millis(10), ..Tuning::default() };
        let metrics = Metrics::new(Duration::from_millis(1500));
        Self { directory, now: Arc::new(AtomicI64::new(1_800_000_000_000_000)), options, tuning, metrics }
    }

    pub(super) fn open(&self) -> Journal {
        self.try_open().unwrap()
    }

    pub(super) fn try_open(&self) -> Result<Journal, OpenError> {
        let now = Arc::clone(&self.now);
        let clock = Clock::custom(move || Timestamp::from_microsecond(now.load(Ordering::Relaxed)).unwrap());
        Journal::open_tuned(self.options.clone(), self.tuning.clone(), clock, Arc::clone(&self.metrics))
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::Relaxed)).unwrap()
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    pub(super) fn event(&self, number: u64) -> Event {
        self.event_with(number, Decision::by_default(Verdict::allow()))
    }

    pub(super) fn event_with(&self, number: u64, decision: Decision) -> Event {
        self.event_of(
            format!("{{\"eventType\": 20,\n\"n\":{number},\"id\":12345678901234567890123}}"),
            number,
            decision,
        )
    }

    /// One whose body takes `bytes` and a few.
    pub(super) fn large_event(&self, number: u64, bytes: usize) -> Event {
        let body = format!("{{\"eventType\":20,\"fill\":\"{}\"}}", "x".repeat(bytes));
        self.event_of(body, number, Decision::by_default(Verdict::allow()))
    }

    fn event_of(&self, body: String, number: u64, decision: Decision) -> Event {
        Event::new(EventParts {
            id: EventId::at(self.now()),
            kind: Kind::named(
                Family::YunxinCallback,
                if number.is_multiple_of(2) { "call.start" } else { "room.create" },
            ),
            app_key: Arc::from("app"),
            received: self.now(),
            sent_at: Some(number.to_string()),
            subject: Some("somebody".to_owned()),
            headers: Arc::from("AppKey: app\nCurTime: 1\n"),
            body: body.into(),
            decision: Some(decision),
        })
    }

    pub(super) fn key(&self, number: u64) -> RepeatKey {
        RepeatKey::new("app", &number.to_le_bytes(), self.now() + Duration::from_secs(600))
    }

    pub(super) fn ticket(&self, journal: &Journal, number: u64) -> Ticket {
        match journal.claim(self.key(number)) {
            Claim::First(ticket) => ticket,
            Claim::Repeat(_) => panic!("request {number} is a repeat"),
        }
    }

    pub(super) fn events_files(&self) -> Vec<PathBuf> {
        let is_events = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("events-") && name.ends_with(".db")
        };
        let mut files: Vec<_> =
            fs::read_dir(&self.options.path).unwrap().map(|entry| entry.unwrap().path()).filter(is_events).collect();
        files.sort();
        files
    }

    pub(super) fn spill_is_empty(&self) -> bool {
        // In this order: the one is renamed to the other, and between the two looks neither must be missed.
        let importing = self.directory.path().join("spill.jsonl.importing");
        fs::read(&self.options.spill).map_or(true, |text| text.is_empty()) && !importing.exists()
    }
}

/// The `n` of everything kept, in order.
pub(super) fn kept_numbers(reader: &Reader) -> Vec<u64> {
    read_all(reader, &Filter::default()).iter().map(|(_, event)| event.sent_at().unwrap().parse().unwrap()).collect()
}

pub(super) fn read_all(reader: &Reader, filter: &Filter) -> Vec<(Position, Event)> {
    let (mut after, mut events) = (Position::default(), Vec::new());
    loop {
        let page = reader.page(after, 7, filter).unwrap();
        events.extend(page.events);
        after = page.scanned;
        if !page.more {
            return events;
        }
    }
}

/// Waits until `is_so`, asking again whenever other tasks had their turn.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
}
