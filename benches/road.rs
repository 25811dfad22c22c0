//! The road without I/O, stage by stage, against the bare cost of the same bytes: md-5 + sha1 + `serde_json`.
//!
//! `cargo bench --bench road`. The targets are verify + decode ≤ 1.3 × bare, and decode ≤ 1.3 × serde: the ratios that are
//! printed at the end, of rounds that take turns, since a machine drifts by half between two of the stages. Figures in
//! benches/README.md. `generic` is decode where nobody documented the kind: the body is not parsed again.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BatchSize, Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use jiff::Timestamp;
use md5::{Digest, Md5};
use offhook::Event;
use offhook::decide::{Chain, Load, Policy, Step};
use offhook::event::EventId;
use offhook::metrics::Metrics;
use offhook::yunxin::{self, App, Apps};
use serde::Deserialize;
use sha1::Sha1;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a careful person would write with serde alone; every field owned and optional.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only parsed")]
struct Plain {
    event_type: Option<i64>,
    from_account: Option<String>,
    from_device_id: Option<String>,
    from_client_type: Option<String>,
    from_client_ip: Option<String>,
    from_client_port: Option<String>,
    call_type: Option<i64>,
    force_keep_calling: Option<bool>,
    notify_attach: Option<String>,
    to_account_list: Option<Vec<String>>,
    channel_name: Option<String>,
    room_config: Option<String>,
    self_config: Option<String>,
    timestamp: Option<String>,
}

const SECRET: &str = "made-up-secret";
const CUR_TIME: &str = "1767225600000";

fn road(criterion: &mut Criterion) {
    let apps: Apps = [App::new("made-up-key", SECRET)].into_iter().collect();
    let now = Timestamp::from_millisecond(1_767_225_600_500).expect("a time");
    let metrics = Metrics::new(Duration::from_millis(1500));
    let chain = Chain::new(Policy::default(), Vec::new(), Arc::clone(&metrics)).expect("a chain");
    let mut group = criterion.benchmark_group("road");
    for kind in ["call.start", "room.create"] {
        let body = Bytes::from_static(yunxin::sample(kind).expect("a sample").as_bytes());
        let headers = signed(&body);
        group.bench_function(BenchmarkId::new("bare", kind), |bencher| bencher.iter(|| bare(black_box(&body))));
        group.bench_function(BenchmarkId::new("serde", kind), |bencher| {
            bencher.iter_batched(|| body.clone(), plain, BatchSize::SmallInput);
        });
        group.bench_function(BenchmarkId::new("decode", kind), |bencher| decode(bencher, &apps, &body, now));
        let text = std::str::from_utf8(&body).expect("JSON");
        let number = text.split_once("\"eventType\":").and_then(|(_, rest)| rest.split([',', '}']).next());
        let told = |number: &str| format!("\"eventType\":{number}");
        let unknown: Bytes = text.replace(&told(number.expect("a number")), &told("71")).into();
        group.bench_function(BenchmarkId::new("generic", kind), |bencher| decode(bencher, &apps, &unknown, now));
        group.bench_function(BenchmarkId::new("verify", kind), |bencher| {
            bencher.iter(|| yunxin::verify(&apps, black_box(&headers), body.clone(), now));
        });
        group.bench_function(BenchmarkId::new("verify+decode", kind), |bencher| {
            bencher.iter(|| understood(&apps, black_box(&headers), &body, now));
        });
        let event = understood(&apps, &headers, &body, now);
        group.bench_function(BenchmarkId::new("decide", kind), |bencher| {
            bencher.iter(|| chain.decide_at_once(black_box(&event), Load::Normal));
        });
        group.bench_function(BenchmarkId::new("whole", kind), |bencher| {
            bencher.iter(|| {
                let event = understood(&apps, black_box(&headers), &body, now);
                match chain.decide_at_once(&event, Load::Normal) {
                    Step::Decided(decision) => Some(yunxin::encode(event.kind(), &decision.verdict)),
                    Step::Asks(_) => None,
                }
            });
        });
    }
    group.finish();
}

/// Each of the two targets as the median of many short rounds, in which both sides take turns.
fn ratios(_: &mut Criterion) {
    let apps: Apps = [App::new("made-up-key", SECRET)].into_iter().collect();
    let now = Timestamp::from_millisecond(1_767_225_600_500).expect("a time");
    for kind in ["call.start", "room.create"] {
        let body = Bytes::from_static(yunxin::sample(kind).expect("a sample").as_bytes());
        let (headers, id) = (signed(&body), EventId::at(now));
        let verified = || yunxin::verify(&apps, &headers, body.clone(), now).expect("verified");
        let decoded = |verified| yunxin::decode(verified, id, now).expect("decoded").event;
        let decode = ratio(|| timed(verified, decoded), || timed(|| body.clone(), plain));
        println!("decode over serde, {kind}: {decode}");
        let whole = |body: Bytes| understood(&apps, black_box(&headers), &body, now);
        let whole = ratio(|| timed(|| body.clone(), whole), || timed(|| body.clone(), |body| bare(&body)));
        println!("verify + decode over bare, {kind}: {whole}");
    }
}

/// How much longer `ours` takes than `theirs`: the median, and the quarters below and above.
fn ratio(ours: impl Fn() -> Duration, theirs: impl Fn() -> Duration) -> String {
    const ROUNDS: usize = 2000;
    let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| ours().as_secs_f64() / theirs().as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let [lower, median, upper] = [ROUNDS / 4, ROUNDS / 2, ROUNDS * 3 / 4].map(|rank| ratios[rank]);
    format!("{median:.2} ({lower:.2} to {upper:.2} in half of {ROUNDS} rounds)")
}

/// The time of `work` on inputs that were made before; what comes of them is dropped afterwards.
fn timed<I, O>(input: impl Fn() -> I, work: impl Fn(I) -> O) -> Duration {
    let inputs: [I; 64] = std::array::from_fn(|_| input());
    let began = Instant::now();
    let outputs = black_box(inputs).map(work);
    let took = began.elapsed();
    drop(black_box(outputs));
    took
}

fn plain(body: Bytes) -> Plain {
    serde_json::from_slice(black_box(&body)).expect("JSON")
}

fn bare(body: &Bytes) -> ([u8; 20], Plain) {
    let md5 = hex::encode(Md5::digest(body));
    let check_sum = Sha1::new().chain_update(SECRET).chain_update(md5).chain_update(CUR_TIME).finalize().into();
    (check_sum, serde_json::from_slice(body).expect("JSON"))
}

/// Decoding alone: what was verified before is not in the time.
fn decode(bencher: &mut Bencher<'_>, apps: &Apps, body: &Bytes, now: Timestamp) {
    let (headers, id) = (signed(body), EventId::at(now));
    let verified = || yunxin::verify(apps, &headers, body.clone(), now).expect("verified");
    bencher.iter_batched(
        verified,
        |verified| yunxin::decode(verified, id, now).expect("decoded").event,
        BatchSize::SmallInput,
    );
}

fn understood(apps: &Apps, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Event {
    let verified = yunxin::verify(apps, headers, body.clone(), now).expect("verified");
    yunxin::decode(verified, EventId::at(now), now).expect("decoded").event
}

fn signed(body: &[u8]) -> HeaderMap {
    let signature = yunxin::sign(SECRET, body, CUR_TIME);
    let mut headers = HeaderMap::new();
    let fields =
        [("appkey", "made-up-key"), ("curtime", CUR_TIME), ("md5", &signature.md5), ("checksum", &signature.check_sum)];
    for (name, value) in fields {
        headers.insert(name, value.parse().expect("a header value"));
    }
    headers
}

criterion_group!(benches, road, ratios);
criterion_main!(benches);
