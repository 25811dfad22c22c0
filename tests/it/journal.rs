//! The journal keeps what it says it keeps: across restarts, repeats, full disks and damaged files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stopped")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offhook::clock::Clock;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{
    Claim, Filter, Journal, OpenError, Options, Parked, Position, ReadError, Reader, RepeatKey, Ticket, Tuning, Unkept,
};
use offhook::kind::{Family, Kind, KindPattern};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};
use rusqlite::Connection;
use tempfile::TempDir;

/// A directory, a clock that is set by hand, and the journal's settings.
struct Ground {
    directory: TempDir,
    now: Arc<AtomicI64>,
    options: Options,
    tuning: Tuning,
    metrics: Arc<Metrics>,
}

impl Ground {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let options =
            Options { path: directory.path().join("data"), min_free: 0, spill: directory.path().join("spill.jsonl") };
        let tuning = Tuning { retry_every: Duration::from_millis(10), ..Tuning::default() };
        let metrics = Metrics::new(Duration::from_millis(1500));
        Self { directory, now: Arc::new(AtomicI64::new(1_800_000_000_000_000)), options, tuning, metrics }
    }

    fn open(&self) -> Journal {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Journal, OpenError> {
        let now = Arc::clone(&self.now);
        let clock = Clock::custom(move || Timestamp::from_microsecond(now.load(Ordering::Relaxed)).unwrap());
        Journal::open_tuned(self.options.clone(), self.tuning.clone(), clock, Arc::clone(&self.metrics))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now.load(Ordering::Relaxed)).unwrap()
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    fn event(&self, number: u64) -> Event {
        self.event_with(number, Decision::by_default(Verdict::allow()))
    }

    fn event_with(&self, number: u64, decision: Decision) -> Event {
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
            body: format!("{{\"eventType\": 20,\n\"n\":{number},\"id\":12345678901234567890123}}").into(),
            decision: Some(decision),
        })
    }

    fn key(&self, number: u64) -> RepeatKey {
        RepeatKey::new("app", &number.to_le_bytes(), self.now() + Duration::from_secs(600))
    }

    fn ticket(&self, journal: &Journal, number: u64) -> Ticket {
        match journal.claim(self.key(number)) {
            Claim::First(ticket) => ticket,
            Claim::Repeat(_) => panic!("request {number} is a repeat"),
        }
    }

    fn events_files(&self) -> Vec<PathBuf> {
        let is_events = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("events-") && name.ends_with(".db")
        };
        let mut files: Vec<_> =
            fs::read_dir(&self.options.path).unwrap().map(|entry| entry.unwrap().path()).filter(is_events).collect();
        files.sort();
        files
    }

    fn spill_is_empty(&self) -> bool {
        let importing = self.directory.path().join("spill.jsonl.importing");
        !importing.exists() && fs::read(&self.options.spill).map_or(true, |text| text.is_empty())
    }
}

/// The `n` of everything kept, in order.
fn kept_numbers(reader: &Reader) -> Vec<u64> {
    read_all(reader, &Filter::default()).iter().map(|(_, event)| event.sent_at().unwrap().parse().unwrap()).collect()
}

fn read_all(reader: &Reader, filter: &Filter) -> Vec<(Position, Event)> {
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
async fn until(is_so: impl Fn() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
}

#[tokio::test]
async fn what_is_kept_is_read_back_byte_for_byte_after_reopening() {
    let ground = Ground::new();
    let journal = ground.open();
    let changed = Verdict::allow().with_ext("for \"you\"\u{0}").with_change("body", "new");
    let allowed = ground.event_with(1, Decision::by_decider(changed, "rule:x"));
    let rejected = ground.event_with(2, Decision::by_default(Verdict::reject(20010)));
    assert_eq!(journal.append(allowed.clone(), None).await.unwrap().position(), Position(1));
    assert_eq!(journal.append(rejected.clone(), None).await.unwrap().position(), Position(2));
    drop(journal);

    let journal = ground.open();
    let events = read_all(&journal.reader(), &Filter::default());
    assert_eq!(events.len(), 2);
    for ((position, read), (number, kept)) in events.iter().zip([(1, &allowed), (2, &rejected)]) {
        assert_eq!(position.get(), number);
        assert_eq!(read.id(), kept.id());
        assert_eq!(read.body(), kept.body());
        assert_eq!(read.headers(), kept.headers());
        assert_eq!(read.kind(), kept.kind());
        assert_eq!(read.received(), kept.received());
        assert_eq!((read.sent_at(), read.subject()), (kept.sent_at(), kept.subject()));
        assert_eq!(read.decision(), kept.decision());
    }
    assert_eq!(journal.append(ground.event(3), None).await.unwrap().position(), Position(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_of_a_group_is_told_its_own_position() {
    let ground = Ground::new();
    let journal = ground.open();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let journal = journal.clone();
        let events: Vec<_> = (0..20).map(|number| ground.event(caller * 20 + number)).collect();
        callers.spawn(async move {
            let mut positions = Vec::new();
            for event in events {
                let id = event.id();
                positions.push((journal.append(event, None).await.unwrap().position(), id));
            }
            positions
        });
    }
    let mut told: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    told.sort();
    let read: Vec<_> =
        read_all(&journal.reader(), &Filter::default()).into_iter().map(|(at, event)| (at, event.id())).collect();
    assert_eq!(told, read);
    assert_eq!(read.last().unwrap().0, Position(1000));
    assert_eq!(*journal.durable().borrow(), Position(1000));
}

#[tokio::test]
async fn an_event_is_kept_though_its_caller_goes_away() {
    let ground = Ground::new();
    let journal = ground.open();
    drop(journal.append(ground.event(1), None));
    assert_eq!(journal.close(Duration::from_secs(10)).await.unkept, 0);
    assert_eq!(kept_numbers(&journal.reader()), [1]);
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Logged);
}

#[tokio::test]
async fn a_repeat_gets_the_first_decision_also_after_reopening_until_it_would_be_stale() {
    let ground = Ground::new();
    let journal = ground.open();
    let reject = Decision::by_decider(Verdict::reject(20010).with_ext("why"), "rule:x");
    let key = ground.key(1);
    let ticket = ground.ticket(&journal, 1);
    journal.append(ground.event_with(1, reject.clone()), Some(ticket)).await.unwrap();
    let ticket = ground.ticket(&journal, 2);
    journal.append(ground.event(2), Some(ticket)).await.unwrap();
    let Claim::Repeat(repeat) = journal.claim(key) else { panic!("not seen as a repeat") };
    assert_eq!(repeat.await, Some(reject.clone()));
    drop(journal);

    let journal = ground.open();
    let Claim::Repeat(repeat) = journal.claim(key) else { panic!("forgotten by reopening") };
    assert_eq!(repeat.await, Some(reject));
    drop(journal);

    ground.pass(601);
    assert!(matches!(ground.open().claim(key), Claim::First(_)), "remembered for longer than it can come");
}

#[tokio::test]
async fn a_repeat_of_what_is_being_decided_waits_and_claims_again_when_that_gives_up() {
    let ground = Ground::new();
    let journal = ground.open();
    let ticket = ground.ticket(&journal, 1);
    let Claim::Repeat(first_waiter) = journal.claim(ground.key(1)) else { panic!("claimed twice") };
    drop(ticket);
    assert_eq!(first_waiter.await, None);

    let ticket = ground.ticket(&journal, 1);
    let Claim::Repeat(second_waiter) = journal.claim(ground.key(1)) else { panic!("claimed twice") };
    let decision = Decision::by_default(Verdict::reject(20011));
    let keeping = journal.append(ground.event_with(1, decision.clone()), Some(ticket));
    assert_eq!(second_waiter.await, Some(decision));
    keeping.await.unwrap();
}

#[tokio::test]
async fn repeats_are_found_over_all_files_that_may_hold_one() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 1;
    let journal = ground.open();
    for number in 0..5 {
        let ticket = ground.ticket(&journal, number);
        journal.append(ground.event(number), Some(ticket)).await.unwrap();
    }
    drop(journal);
    assert!(ground.events_files().len() >= 5);
    let journal = ground.open();
    for number in 0..5 {
        assert!(matches!(journal.claim(ground.key(number)), Claim::Repeat(_)), "request {number} was forgotten");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_spilled_and_comes_back_exactly_once() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    assert!(journal.is_degraded());
    let ticket = ground.ticket(&journal, 1);
    let reject = Decision::by_default(Verdict::reject(20012));
    let first = ground.event_with(1, reject.clone());
    assert_eq!(journal.append(first.clone(), Some(ticket)).await.unwrap_err(), Unkept::Spilled);
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Spilled);
    assert_eq!(ground.metrics.spilled.get(), 2);
    let Claim::Repeat(repeat) = journal.claim(ground.key(1)) else { panic!("a spilled event's claim was not settled") };
    assert_eq!(repeat.await, Some(reject.clone()));
    drop(journal);

    // Still degraded: known as a repeat all the same.
    let journal = ground.open();
    assert!(matches!(journal.claim(ground.key(1)), Claim::Repeat(_)));
    drop(journal);

    let spilled = fs::read(&ground.options.spill).unwrap();
    ground.options.min_free = 0;
    for _ in 0..2 {
        let journal = ground.open();
        let events = read_all(&journal.reader(), &Filter::default());
        assert_eq!(kept_numbers(&journal.reader()), [1, 2]);
        assert_eq!((events[0].1.id(), events[0].1.body()), (first.id(), first.body()));
        assert_eq!(events[0].1.decision(), Some(&reject));
        assert!(ground.spill_is_empty());
        drop(journal);
        // As a crash between the import and the end of the spill file leaves it.
        fs::write(&ground.options.spill, &spilled).unwrap();
    }
}

#[tokio::test]
async fn an_import_cut_short_anywhere_is_finished_without_keeping_anything_twice() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    let spilling: Vec<_> = (0..700).map(|number| journal.append(ground.event(number), None)).collect();
    for one in spilling {
        assert_eq!(one.await.unwrap_err(), Unkept::Spilled);
    }
    drop(journal);
    let spilled = fs::read(&ground.options.spill).unwrap();
    let lines: Vec<_> = spilled.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 700);
    ground.options.min_free = 0;
    ground.tuning.rotate_bytes = 50_000;
    for whole in [300, 600, 700] {
        // So far the import came; then it begins anew with the whole file.
        fs::write(&ground.options.spill, lines[..whole].concat()).unwrap();
        drop(ground.open());
        fs::write(&ground.options.spill, &spilled).unwrap();
        fs::rename(&ground.options.spill, ground.directory.path().join("spill.jsonl.importing")).unwrap();
        let journal = ground.open();
        assert_eq!(kept_numbers(&journal.reader()), (0..700).collect::<Vec<_>>());
        assert!(ground.spill_is_empty());
    }
}

#[tokio::test]
async fn half_a_line_is_set_aside_and_does_not_break_what_is_around_it() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    assert!(journal.append(ground.event(1), None).await.is_err());
    drop(journal);
    let mut text = fs::read(&ground.options.spill).unwrap();
    let half = &text.clone()[..text.len() / 2];
    text.extend_from_slice(half);
    fs::write(&ground.options.spill, &text).unwrap();
    let journal = ground.open();
    assert!(journal.append(ground.event(2), None).await.is_err());
    drop(journal);

    ground.options.min_free = 0;
    let journal = ground.open();
    assert_eq!(kept_numbers(&journal.reader()), [1, 2]);
    assert!(ground.spill_is_empty());
    let bad = fs::read(ground.directory.path().join("spill.jsonl.bad")).unwrap();
    assert_eq!(bad.trim_ascii(), half);
}

#[tokio::test]
async fn what_cannot_even_be_spilled_is_said() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    ground.options.spill = PathBuf::from("/dev/full");
    let journal = ground.open();
    let ticket = ground.ticket(&journal, 1);
    assert_eq!(journal.append(ground.event(1), Some(ticket)).await.unwrap_err(), Unkept::Logged);
    assert!(matches!(journal.claim(ground.key(1)), Claim::Repeat(_)));
    assert_eq!(ground.metrics.spilled.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_in_trouble_recovers_by_itself() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.append(ground.event(1), None).await.unwrap();
    let blocker = Connection::open(&ground.events_files()[0]).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Spilled);
    assert!(journal.is_degraded());
    assert_eq!(journal.append(ground.event(3), None).await.unwrap_err(), Unkept::Spilled);
    blocker.execute_batch("ROLLBACK").unwrap();
    drop(blocker);
    until(|| !journal.is_degraded()).await;
    until(|| ground.spill_is_empty()).await;
    journal.append(ground.event(4), None).await.unwrap();
    assert_eq!(ground.events_files().len(), 2, "a file in which a commit failed was appended to");
    let mut numbers = kept_numbers(&journal.reader());
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
    drop(journal);
    assert_eq!(kept_numbers(&ground.open().reader()).len(), 4);
}

/// Runs the test after this one in a process whose files cannot grow over a megabyte: commits fail half way, again
/// and again, as they do on a disk that fills up.
#[test]
fn commits_that_fail_half_way_lose_nothing_and_double_nothing() {
    let program = std::env::current_exe().unwrap();
    let name = "journal::child_whose_files_cannot_grow";
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact --include-ignored \"$1\"";
    let child = std::process::Command::new("sh").args(["-c", script]).arg(program).arg(name).output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
}

#[ignore = "run by the test before it, in a process of its own"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_whose_files_cannot_grow() {
    let ground = Ground::new();
    let journal = ground.open();
    let mut spilled = 0;
    for group in 0..80 {
        let group: Vec<_> = (0..50).map(|number| journal.append(ground.event(group * 50 + number), None)).collect();
        for keeping in group {
            match keeping.await {
                Ok(_) => {}
                Err(Unkept::Spilled) => spilled += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(spilled > 0, "no commit failed");
    until(|| !journal.is_degraded() && ground.spill_is_empty()).await;
    let files = ground.events_files().len();
    assert!(files > 1, "a file in which a commit failed was appended to");
    drop(journal);
    let mut numbers = kept_numbers(&ground.open().reader());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..4000).collect::<Vec<_>>());
}

#[test]
fn one_directory_belongs_to_one_process() {
    let ground = Ground::new();
    let journal = ground.open();
    let Err(OpenError::InUse { path, pid }) = ground.try_open() else { panic!("opened twice") };
    assert_eq!((path, pid), (ground.options.path.clone(), Some(std::process::id())));
    drop(journal);
    ground.open();
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::new();
    let journal = ground.open();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&ground.options.path), 0);
    for entry in fs::read_dir(&ground.options.path).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0, "{}", path.display());
    }
    drop(journal);
}

#[test]
fn a_file_of_a_newer_version_is_refused_naming_both() {
    let ground = Ground::new();
    drop(ground.open());
    let path = ground.events_files().remove(0);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = ground.try_open().unwrap_err();
    assert!(matches!(&error, OpenError::Newer { path: told, found: 99, known: 1 } if *told == path), "{error}");
    assert!(error.to_string().contains("99") && error.to_string().contains("up to 1"), "{error}");
    let error = Reader::open(&ground.options.path).unwrap().last().unwrap_err();
    assert!(matches!(error, ReadError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn files_follow_each_other_by_size_and_by_age() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 100_000;
    let journal = ground.open();
    for number in 0..500 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    let files = ground.events_files().len();
    assert!(files > 1, "no new file was begun");
    ground.pass(3601);
    journal.append(ground.event(500), None).await.unwrap();
    assert!(ground.events_files().len() > files, "no new file was begun after an hour");
    assert_eq!(kept_numbers(&journal.reader()), (0..=500).collect::<Vec<_>>());
    let last = journal.reader().last().unwrap();
    assert_eq!(last, Position(501));
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.append(ground.event(501), None).await.unwrap().position(), Position(502));
}

#[tokio::test]
async fn a_reader_filters_finds_and_goes_on_after_what_it_saw() {
    let mut ground = Ground::new();
    ground.tuning.rotate_after = Duration::from_secs(60);
    let journal = ground.open();
    let mut ids = Vec::new();
    let begin = ground.now();
    for number in 0..100 {
        let event = ground.event(number);
        ids.push(event.id());
        journal.append(event, None).await.unwrap();
        ground.pass(10);
    }
    let reader = Reader::open(&ground.options.path).unwrap();
    let numbers = |filter: Filter| -> Vec<u64> {
        read_all(&reader, &filter).iter().map(|(_, event)| event.sent_at().unwrap().parse().unwrap()).collect()
    };
    let kinds = vec![KindPattern::parse("call.*").unwrap()];
    assert_eq!(numbers(Filter { kinds, ..Filter::default() }), (0..100).step_by(2).collect::<Vec<_>>());
    let since = Some(begin + Duration::from_secs(500));
    let until = Some(begin + Duration::from_secs(700));
    assert_eq!(numbers(Filter { since, until, ..Filter::default() }), (50..70).collect::<Vec<_>>());
    let nobody = Filter { app: Some("other".to_owned()), ..Filter::default() };
    let page = reader.page(Position(5), 10, &nobody).unwrap();
    assert_eq!((page.events.len(), page.scanned, page.more), (0, Position(100), false));
    let (position, event) = reader.find(ids[77]).unwrap().unwrap();
    assert_eq!((position, event.id()), (Position(78), ids[77]));
    assert!(reader.find(EventId::at(ground.now())).unwrap().is_none());
}

#[tokio::test]
async fn a_reader_reads_what_a_killed_server_left() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..10 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    // The files as they are now, without any of the orderly end: what `kill -9` leaves.
    let left = ground.directory.path().join("left");
    fs::create_dir(&left).unwrap();
    for entry in fs::read_dir(&ground.options.path).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with("-shm") {
            fs::copy(&path, left.join(path.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(kept_numbers(&Reader::open(&left).unwrap()), (0..10).collect::<Vec<_>>());
    let options = Options { path: left, ..ground.options.clone() };
    let journal = Journal::open(options, Clock::system(), Arc::clone(&ground.metrics)).unwrap();
    assert_eq!(journal.append(ground.event(10), None).await.unwrap().position(), Position(11));
    assert_eq!(kept_numbers(&journal.reader()), (0..=10).collect::<Vec<_>>());
}

#[test]
fn what_is_no_journal_is_told() {
    let ground = Ground::new();
    for path in [ground.directory.path().to_owned(), ground.directory.path().join("nothing")] {
        let error = Reader::open(&path).unwrap_err();
        assert!(matches!(&error, ReadError::NotAJournal { path: told } if *told == path), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_left_alone_and_serving_goes_on_in_a_new_one() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.append(ground.event(1), None).await.unwrap();
    drop(journal);
    let damaged = ground.events_files().remove(0);
    let bytes = vec![0x5a; 20_000];
    fs::write(&damaged, &bytes).unwrap();

    let journal = ground.open();
    let position = journal.append(ground.event(2), None).await.unwrap().position();
    assert!(position > Position(1));
    assert_eq!(kept_numbers(&journal.reader()), [2]);
    assert_eq!(fs::read(&damaged).unwrap(), bytes);
    assert_eq!(ground.events_files().len(), 2);
}

#[tokio::test]
async fn a_lane_starts_at_the_end_and_goes_on_where_it_was() {
    let ground = Ground::new();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("early").unwrap(), Position(0));
    for number in 0..3 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    assert_eq!(journal.lanes().register("late").unwrap(), Position(3));
    journal.lanes().advance("early", Position(2));
    journal.lanes().advance("early", Position(1));
    assert_eq!(journal.close(Duration::from_secs(10)).await.unkept, 0);
    drop(journal);

    let journal = ground.open();
    assert_eq!(journal.lanes().register("early").unwrap(), Position(2));
    assert_eq!(journal.lanes().register("late").unwrap(), Position(3));
}

#[tokio::test]
async fn lanes_that_were_lost_begin_again_rather_than_miss_something() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().register("log").unwrap();
    journal.append(ground.event(1), None).await.unwrap();
    journal.lanes().advance("log", Position(1));
    drop(journal);
    let lanes = ground.options.path.join("lanes.db");
    fs::remove_file(&lanes).unwrap();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("log").unwrap(), Position(0));
    assert_eq!(journal.lanes().register("other").unwrap(), Position(0));
    journal.close(Duration::from_secs(10)).await;
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.lanes().register("new").unwrap(), Position(1));
    drop(journal);

    fs::write(&lanes, vec![1; 10_000]).unwrap();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("new").unwrap(), Position(0));
    assert_eq!(fs::read(ground.options.path.join("lanes.db.damaged-1")).unwrap(), vec![1; 10_000]);
}

#[test]
fn parked_deliveries_are_there_after_reopening() {
    let ground = Ground::new();
    let journal = ground.open();
    let parked = |handler: &str, position| Parked {
        handler: handler.to_owned(),
        position: Position(position),
        id: EventId::at(ground.now()),
        kind: "call.start".to_owned(),
        app_key: "app".to_owned(),
        why: "status 400".to_owned(),
        attempts: 3,
        parked_at: ground.now(),
    };
    let (first, second) = (parked("billing", 1), parked("log", 2));
    for one in [&first, &first, &second] {
        journal.lanes().park(one.clone()).unwrap();
    }
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.lanes().parked_count("billing"), 1);
    assert_eq!(journal.lanes().parked_count("nobody"), 0);
    assert_eq!(journal.reader().parked(None).unwrap(), [first.clone(), second]);
    assert_eq!(journal.reader().parked(Some("billing")).unwrap(), [first]);
    assert!(ground.metrics.render().contains(r#"offhook_parked{handler="billing"} 1"#));
}
