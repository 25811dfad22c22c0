//! How the page keeps pace with a stream of events: a measurement, asked for by `scripts/browser pace`. Nothing is asserted
//! about time.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cast::{Browser, Looks};
use super::world;
use crate::world::{Wire, World};

/// Events in each second, and how long.
const RATE: u32 = 1000;
const SECONDS: u32 = 15;
const CONNECTIONS: u32 = 16;

/// Notes the time between frames, tasks that hold the page up, and how long a click waits until the next frame shows it.
const WATCH: &str = "window.pace = { frames: [], tasks: [], clicks: [] }; \
    let last = performance.now(); \
    const frame = (now) => { window.pace.frames.push(now - last); last = now; requestAnimationFrame(frame); }; \
    requestAnimationFrame((now) => { last = now; requestAnimationFrame(frame); }); \
    new PerformanceObserver((list) => { for (const task of list.getEntries()) window.pace.tasks.push(task.duration); }) \
      .observe({ entryTypes: ['longtask'] }); \
    window.clicking = setInterval(() => { \
      const asked = performance.now(); \
      setTimeout(() => { \
        const row = document.querySelectorAll('.row')[3]; \
        row?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true })); \
        requestAnimationFrame(() => window.pace.clicks.push(performance.now() - asked)); \
      }, 0); \
    }, 250);";

/// Sends calls at [`RATE`], whatever became of the earlier ones on the other connections.
async fn streams(world: &World) {
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let yunxin = world.yunxin();
        clients.spawn(async move {
            let mut wire: Wire = yunxin.connects().await;
            let mut ticks = tokio::time::interval(Duration::from_secs(1) * CONNECTIONS / RATE);
            for _ in 0..RATE * SECONDS / CONNECTIONS {
                ticks.tick().await;
                let mark = crate::world::random(0..usize::MAX);
                let body = format!(r#"{{"eventType":20,"fromAccount":"caller-{}","mark":{mark}}}"#, mark % 100);
                wire.writes(yunxin.asks_with(body).bytes()).await;
                wire.answer().await.is_allowed();
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.expect("an answer");
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let mut numbers: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (last as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: `scripts/browser pace` asks for it"]
async fn is_measured() {
    let world = world().await;
    let Some(browser) = Browser::opens(&world, Looks::default()).await else { return };
    browser.sees("document.querySelector('.state.live')").await;
    browser.runs(WATCH).await;
    let began = Instant::now();
    streams(&world).await;
    let sent = (RATE * SECONDS / CONNECTIONS) * CONNECTIONS;
    let took = began.elapsed();
    let kept = world.keeps(u64::from(sent)).await.len();
    let told = Instant::now();
    // Who cannot follow is told what was left out, and begins anew at the end.
    let whole = format!("document.querySelector('.row')?.getAttribute('aria-setsize') >= {kept}");
    browser.sees(&format!("{whole} || document.querySelector('.notice').textContent")).await;
    let shown = told.elapsed();
    let notice = browser.runs("return document.querySelector('.notice').textContent").await;
    let pace = browser.runs("clearInterval(window.clicking); return window.pace").await;
    let [frames, tasks, clicks] = ["frames", "tasks", "clicks"].map(|name| numbers(&pace[name]));
    let mut out = std::io::stderr();
    let mut say = |line: String| writeln!(out, "{line}").expect("somebody who reads");
    say(format!("{sent} events in {:.1} s, {:.0} a second", took.as_secs_f64(), f64::from(sent) / took.as_secs_f64()));
    say(format!("the list was complete {:.1} s after the last answer; the page said {notice}", shown.as_secs_f64()));
    for (what, sorted) in [("between two frames", &frames), ("a click until its frame", &clicks)] {
        let [half, most, nearly, all] = [0.5, 0.95, 0.99, 1.0].map(|share| at(sorted, share));
        say(format!(
            "{what}: p50 {half:.1} ms, p95 {most:.1} ms, p99 {nearly:.1} ms, longest {all:.1} ms, of {}",
            sorted.len()
        ));
    }
    say(format!("tasks of more than 50 ms: {}, the longest {:.0} ms", tasks.len(), at(&tasks, 1.0)));
    browser.closes().await;
}
