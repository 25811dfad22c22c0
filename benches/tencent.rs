//! What requests to Tencent cost on our side: a UserSig, a round trip beside a bare one, and whether the limiter holds.
//!
//! `cargo bench --bench tencent`. The targets: a UserSig at hand ≤ 1 µs, a new one ≤ 60 µs; the client adds ≤ 200 µs to
//! a bare HTTP round trip; and 198 starts a second go on without Tencent's limit of 200 ever being exceeded.

#![expect(clippy::print_stdout, reason = "it tells what it saw")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::Criterion;
use offhook::clock::Clock;
use offhook::tencent::call_engine::{CallEngine, Media, Settings, StartCall};
use offhook::tencent::{Chance, Host, Patience, RoomId, UserId, UserSigKey, UserSigs};
use tokio::net::TcpListener;
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ANSWER: &str = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","RequestId":"Id-1","Response":{"CallId":"35fd577d-1d10-4201-a40d-6d7316560986","CallResult":[{"Callee_Account":"jack","ResultCode":0}]}}"#;
/// Longer than the limiter's spacing, so that nobody waits for a turn.
const APART: Duration = Duration::from_millis(7);
const PAIRS: usize = 400;
const SUSTAINED: Duration = Duration::from_secs(10);
/// Tencent's own limit.
const LIMIT: usize = 200;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    user_sigs(&mut criterion);
    criterion.final_summary();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        round_trips().await;
        sustained().await;
    });
}

fn key() -> UserSigKey {
    UserSigKey::new(1_400_704_311, "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e")
}

fn user_sigs(criterion: &mut Criterion) {
    let (clock, user) = (Clock::system(), UserId::administrator());
    let day = Duration::from_secs(86_400);
    let mut group = criterion.benchmark_group("usersig");
    group.bench_function("made", |bencher| bencher.iter(|| key().make(black_box(&user), day, clock.now())));
    let room = RoomId::text("club-7").expect("a room");
    let all = offhook::tencent::Privileges::ALL;
    group.bench_function("private-map-key", |bencher| {
        bencher.iter(|| key().make_private_map_key(black_box(&user), &room, all, day, clock.now()));
    });
    let user_sigs = UserSigs::new(key(), day, clock.clone());
    group.bench_function("at-hand", |bencher| bencher.iter(|| user_sigs.get(black_box(&user))));
    group.finish();
}

/// Answers every request at once, and counts them as they come.
async fn tencent(seen: Arc<std::sync::Mutex<Vec<Instant>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(move |_: axum::body::Bytes| {
        seen.lock().expect("times").push(Instant::now());
        async { ANSWER }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn client(url: &str) -> CallEngine {
    let host = Host::parse(url).expect("a host");
    let settings = Settings { key: key(), admin: UserId::administrator(), host, patience: Patience::default() };
    CallEngine::new(settings, Clock::system(), Chance::random()).expect("a client")
}

fn call() -> StartCall {
    let room = RoomId::text("club-7").expect("a room");
    StartCall { room: Some(room), ..StartCall::new("robot", vec!["jack".to_owned()], Media::Video) }
}

/// A bare request of the same client library with the same bytes and ours, in turns, with the same rest in between.
async fn round_trips() {
    let url = tencent(Arc::default()).await;
    let (engine, call) = (client(&url), call());
    let bare = reqwest::Client::builder().no_proxy().tls_certs_only([]).tcp_nodelay(true).build().expect("a client");
    let (target, body) =
        (format!("{url}/v4/call_engine_http_srv/start_call_by_robot?usersig={}", "x".repeat(300)), call.to_json());
    let (mut bares, mut ours) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS + 20 {
        for bare_now in [pair % 2 == 0, pair % 2 != 0] {
            sleep(APART).await;
            let began = Instant::now();
            if bare_now {
                let request = bare.post(&target).header("content-type", "application/json").body(body.clone());
                let answer = request.send().await.expect("an answer").bytes().await.expect("a body");
                black_box(serde_json::from_slice::<serde_json::Value>(&answer).expect("JSON"));
            } else {
                black_box(engine.start(&call).await.expect("a call"));
            }
            // The first ones make connections.
            if pair >= 20 {
                if bare_now { &mut bares } else { &mut ours }.push(began.elapsed());
            }
        }
    }
    let mut adds: Vec<i128> =
        ours.iter().zip(&bares).map(|(ours, bare)| ours.as_nanos() as i128 - bare.as_nanos() as i128).collect();
    adds.sort_unstable();
    let [bare, with_us] = [&mut bares, &mut ours].map(|times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let added = adds[adds.len() / 2] / 1000;
    println!(
        "round trip: bare {bare:?}, start_call_by_robot {with_us:?}; it adds {added} µs (median of {PAIRS} pairs)  target: ≤ 200 µs"
    );
}

/// As many callers as like to, for ten seconds: how many starts came through, and the most in any second.
async fn sustained() {
    let seen: Arc<std::sync::Mutex<Vec<Instant>>> = Arc::default();
    let url = tencent(Arc::clone(&seen)).await;
    let (engine, done, until) = (Arc::new(client(&url)), Arc::new(AtomicUsize::new(0)), Instant::now() + SUSTAINED);
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let (engine, done) = (Arc::clone(&engine), Arc::clone(&done));
            tokio::spawn(async move {
                while Instant::now() < until {
                    engine.start(&call()).await.expect("a call");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
    let seen = seen.lock().expect("times");
    let most = (0..seen.len())
        .map(|first| {
            seen[first..].iter().take_while(|at| at.duration_since(seen[first]) < Duration::from_secs(1)).count()
        })
        .max()
        .unwrap_or(0);
    let rate = done.load(Ordering::Relaxed) as f64 / SUSTAINED.as_secs_f64();
    println!(
        "sustained: {rate:.0} starts a second for {SUSTAINED:?}; the most that came within any second: {most}  target: ≤ {LIMIT}"
    );
}
