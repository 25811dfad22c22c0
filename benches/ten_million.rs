//! How long a large journal takes to open, and how long people wait who look for something in it.
//!
//! `cargo bench --bench ten_million -- [events]`; `JOURNAL_BENCH_DIR` names a directory on the disk to measure, where ten
//! million events take about eight gigabytes. It makes the journal, measures, and takes it away again.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use offhook::clock::Clock;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Filter, Journal, Options, Position, Reader};
use offhook::kind::{Family, Kind};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};

/// All of it was received within this long before now: some 120 events a second, for ten million.
const SPAN: i64 = 86_400;
/// Handed over at once.
const BATCH: u64 = 5000;
const ACCOUNTS: u64 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000_000);
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration")]
    let parent = std::env::var("JOURNAL_BENCH_DIR").map_or_else(|_| PathBuf::from("target"), PathBuf::from);
    let directory = tempfile::TempDir::new_in(parent)?;
    let path = directory.path().join("data");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(fill(&path, count))?;
    let size: u64 = std::fs::read_dir(&path)?.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    let index = std::fs::metadata(path.join("index.db"))?.len();
    println!("{count} events, {} MB, of which the index {} MB", size >> 20, index >> 20);

    for _ in 0..3 {
        let begun = Instant::now();
        let journal = open(&path, Clock::system())?;
        println!("{:<52}{:>9.1} ms", "open", milliseconds(begun));
        drop(journal);
    }
    ask(&path, count)?;
    command(&path)
}

/// What people look for, in the process; then the same by the command.
fn ask(path: &Path, count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let reader = Reader::open(path)?;
    let now = Clock::system().now();
    let hour = Some(now.checked_sub(SignedDuration::from_hours(1))?);
    let account = |number: u64| Some(format!("user{number}"));
    let all = Filter::default;
    let before = reader.page_before(Position(count / 2), 1, &all())?.events;
    let id = before.first().map(|(_, event)| event.id());
    let rows = [
        ("the last 50", all(), 50),
        ("an account, the last hour", Filter { account: account(7), since: hour, ..all() }, 50),
        (
            "an account that is not there, the last hour",
            Filter { account: account(ACCOUNTS), since: hour, ..all() },
            50,
        ),
        ("an account, of all time", Filter { account: account(7), ..all() }, usize::MAX),
        ("an account that is not there, of all time", Filter { account: account(ACCOUNTS), ..all() }, 50),
        ("an id", Filter { ids: id.into_iter().collect(), ..all() }, 1),
    ];
    for (what, filter, limit) in rows {
        for round in ["first", "again"] {
            let begun = Instant::now();
            let found = newest(&reader, &filter, limit)?;
            println!("{what:<44}{round:<8}{:>9.1} ms {found:>7} found", milliseconds(begun));
        }
    }
    Ok(())
}

fn newest(reader: &Reader, filter: &Filter, limit: usize) -> Result<usize, Box<dyn std::error::Error>> {
    let (mut before, mut found) = (Position(u64::MAX), 0);
    loop {
        let page = reader.page_before(before, limit - found, filter)?;
        found += page.events.len();
        if !page.more || found >= limit {
            return Ok(found);
        }
        before = page.scanned;
    }
}

fn command(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for _ in 0..3 {
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_offhook"));
        command.args(["events", "list", "--account", "user7", "--since", "1h", "--journal"]).arg(path);
        let said = command.output()?;
        let lines = said.stdout.iter().filter(|byte| **byte == b'\n').count();
        println!("{:<52}{:>9.1} ms {lines:>7} found", "events list --account x --since 1h", milliseconds(begun));
    }
    Ok(())
}

fn open(path: &Path, clock: Clock) -> Result<Journal, Box<dyn std::error::Error>> {
    let options = Options { min_free: 0, ..Options::at(path) };
    Ok(Journal::open(options, clock, Metrics::new(Duration::from_millis(1500)))?)
}

/// Keeps the events as if they had come in one after the other, and waits until the index is whole.
async fn fill(path: &Path, count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (begun, end) = (Instant::now(), Clock::system().now());
    let start = end.as_microsecond() - SPAN * 1_000_000;
    let at = |number: u64| {
        start + i64::try_from(u128::from(number) * SPAN as u128 * 1_000_000 / u128::from(count)).unwrap_or(0)
    };
    let time = Arc::new(AtomicI64::new(start));
    let told = Arc::clone(&time);
    let clock = Clock::custom(move || moment(told.load(Ordering::Relaxed)));
    let journal = open(path, clock)?;
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        time.store(at(first), Ordering::Relaxed);
        let last = (first + BATCH).min(count);
        let keeping: Vec<_> =
            (first..last).map(|number| journal.append(event(number, moment(at(number))), None)).collect();
        for keeping in keeping {
            keeping.await?;
        }
    }
    println!("kept in {} s", begun.elapsed().as_secs());
    let nobody = Filter { account: Some("nobody".to_owned()), ..Filter::default() };
    let reader = journal.reader();
    // Covered is what is passed over without being read; a page of what is not is full of rows that were.
    while reader.page(Position(count - count / 20), 1, &nobody)?.more {
        std::thread::park_timeout(Duration::from_millis(500));
    }
    println!("and looked up after {} s", begun.elapsed().as_secs());
    journal.close(Duration::from_secs(60)).await;
    Ok(())
}

fn event(number: u64, received: Timestamp) -> Event {
    // Numbers that follow each other are far from each other here, and each comes as often as the others.
    let of = |salt: u64| number.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let (from, to) = (of(0) % ACCOUNTS, of(1) % ACCOUNTS);
    Event::new(EventParts {
        id: EventId::at(received),
        kind: Kind::named(Family::YunxinCallback, "call.start"),
        app_key: Arc::from("c2a1f0d94b7e4c5f8e21a6b3d9075e44"),
        received,
        sent_at: Some(received.as_millisecond().to_string()),
        subject: Some(format!("user{from}")),
        headers: Arc::from(format!(
            "AppKey: c2a1f0d94b7e4c5f8e21a6b3d9075e44\nCurTime: {}\nMD5: {:032x}\nCheckSum: {:040x}\n",
            received.as_millisecond(),
            of(2),
            of(3)
        )),
        body: format!(
            r#"{{"eventType":20,"fromAccount":"user{from}","fromClientType":"AOS","fromClientIp":"203.0.113.{}","fromClientPort":"{}","fromDeviceId":"{:032x}","callId":"{:016x}","toAccountList":["user{to}"],"mediaType":"video","timestamp":{}}}"#,
            of(4) % 256,
            of(5) % 60_000,
            of(from),
            of(6),
            received.as_millisecond(),
        )
        .into(),
        decision: Some(Decision::by_default(Verdict::allow())),
    })
}

fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or_default()
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
