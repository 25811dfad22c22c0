//! How many events a second the journal keeps, each caller waiting for its own before it brings the next.
//!
//! `cargo bench --bench journal -- [seconds] [callers…]`; `JOURNAL_BENCH_DIR` names a directory on the disk to measure
//! (a tmpfs tells nothing). With `JOURNAL_BENCH_NATS` the journal is in NATS at that URL, on `JOURNAL_BENCH_REPLICAS`
//! servers; `scripts/nats figures` does that for each setting.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use offhook::clock::Clock;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Claim, Journal, NatsSettings, Options, RepeatKey};
use offhook::kind::{Family, Kind};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let seconds = arguments.first().copied().unwrap_or(3);
    let callers = if arguments.len() > 1 { &arguments[1..] } else { &[1, 8, 64][..] };
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration")]
    let parent = std::env::var("JOURNAL_BENCH_DIR").map_or_else(|_| PathBuf::from("target"), PathBuf::from);
    println!(
        "{:>8} {:>10} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "callers", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "batch"
    );
    for &callers in callers {
        measure(&parent, callers, Duration::from_secs(seconds))?;
    }
    Ok(())
}

fn measure(parent: &std::path::Path, callers: u64, length: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::TempDir::new_in(parent)?;
    let options = Options {
        min_free: 0,
        spill: directory.path().join("spill.jsonl"),
        nats: in_nats(callers)?,
        ..Options::at(directory.path().join("data"))
    };
    let metrics = Metrics::new(Duration::from_millis(1500));
    let journal = Journal::open(options, Clock::system(), metrics)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let number = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut times = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (journal, number) = (journal.clone(), Arc::clone(&number));
            tasks.spawn(async move {
                let mut times = Vec::new();
                while started.elapsed() < length {
                    let one = Instant::now();
                    keep_one(&journal, number.fetch_add(1, Ordering::Relaxed)).await;
                    times.push(one.elapsed());
                }
                times
            });
        }
        tasks.join_all().await.concat()
    });
    let elapsed = started.elapsed();
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    // In NATS each event is a message of its own.
    let batches = Some(journal.batches()).filter(|batches| *batches > 0);
    let batch = batches.map_or("-".to_owned(), |batches| format!("{:.1}", times.len() as f64 / batches as f64));
    println!(
        "{callers:>8} {:>10.0} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {batch:>8}",
        times.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
    Ok(())
}

/// A stream of its own for each measurement, where NATS is to be measured.
#[expect(clippy::disallowed_methods, reason = "a benchmark has no configuration")]
fn in_nats(callers: u64) -> Result<Option<NatsSettings>, Box<dyn std::error::Error>> {
    let Ok(url) = std::env::var("JOURNAL_BENCH_NATS") else { return Ok(None) };
    let replicas = std::env::var("JOURNAL_BENCH_REPLICAS").map_or(Ok(1), |replicas| replicas.parse())?;
    Ok(Some(NatsSettings { replicas, stream: format!("bench-{callers}"), ..NatsSettings::at(&url)? }))
}

/// What the road does with one request after it was decided.
async fn keep_one(journal: &Journal, number: u64) {
    let now = Clock::system().now();
    let key = RepeatKey::new("c2a1f0d94b7e4c5f8e21a6b3d9075e44", &number.to_le_bytes(), now + Duration::from_secs(600));
    let Claim::First(ticket) = journal.claim(key) else { return };
    let event = Event::new(EventParts {
        id: EventId::at(now),
        kind: Kind::named(Family::YunxinCallback, "call.start"),
        app_key: Arc::from("c2a1f0d94b7e4c5f8e21a6b3d9075e44"),
        received: now,
        sent_at: Some("1700000000000".to_owned()),
        subject: Some("fromaccount".to_owned()),
        headers: Arc::from(HEADERS),
        body: bytes::Bytes::from_static(BODY.as_bytes()),
        decision: Some(Decision::by_default(Verdict::allow())),
    });
    if let Err(unkept) = journal.append(event, Some(ticket)).await {
        println!("{unkept}");
    }
}

const HEADERS: &str = "AppKey: c2a1f0d94b7e4c5f8e21a6b3d9075e44\nCurTime: 1700000000000\n\
    MD5: e89c284a5ad9a76b3176e23108920f81\nCheckSum: 0123456789abcdef0123456789abcdef01234567\n";

const BODY: &str = r#"{"eventType":20,"callId":1234567890123456,"channelId":9876543210,"channelName":"room-0123456789","fromAccount":"fromaccount","toAccountList":["toaccount-1","toaccount-2"],"callType":2,"createTime":1700000000000,"fromClientType":"WEB","fromClientIp":"203.0.113.7","fromClientPort":"40123","pushTitle":"call","pushContent":"calls you"}"#;
