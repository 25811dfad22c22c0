//! The live stream: it tells what comes, goes on where it broke off, and has only so many seats.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ::offhook::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use super::{Asker, plan, problem, world};
use crate::world::{Plan, Wire, World};

/// A live stream that was opened.
async fn follows(asker: &Asker, query: &str) -> Wire {
    let mut wire = Wire::connect(asker.address).await;
    wire.writes(format!("{}\r\n", asker.head("GET", &format!("/api/events/live{query}")))).await;
    let head = wire.until("event: hello").await;
    assert!(head.contains("200 OK") && head.contains("content-type: text/event-stream"), "{head}");
    wire
}

/// The last id that a stream told, where it can go on.
fn last_id(told: &str) -> &str {
    told.rsplit("\nid: ").next().and_then(|rest| rest.lines().next()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_kept_is_told_and_so_is_its_road() {
    let world = world().await;
    let asker = Asker::of(&world);
    let mut live = follows(&asker, "").await;
    world.yunxin().sends("call.start").await.is_allowed();
    let told = live.until("event: roads").await;
    assert!(told.contains("event: events") && told.contains(r#""kind":"call.start""#), "{told}");
    let event = world.only_event().await;
    let detail = asker.gets(&format!("/api/events/{}", event.id())).await;
    let steps: Vec<_> =
        ["read", "understood", "decided", "answered"].map(|step| detail["road"][step].as_u64()).to_vec();
    assert!(steps.is_sorted() && steps[0].is_some(), "{}", detail["road"]);
    assert_eq!((&detail["road"]["kept"], &detail["peer"]), (&Value::Bool(true), &Value::from("127.0.0.1")));
}

#[tokio::test]
async fn it_goes_on_where_it_broke_off_and_tells_nothing_twice() {
    let mut world = world().await;
    let asker = Asker::of(&world);
    let mut live = follows(&asker, "?after=0").await;
    world.yunxin().sends("call.start").await.is_allowed();
    let told = live.until("call.start").await;
    let id = last_id(&told).to_owned();
    drop(live);
    world.yunxin().sends("room.create").await.is_allowed();
    world.restarts().await;
    let asker = Asker::of(&world);
    let mut live = follows(&asker.with(&format!("Last-Event-ID: {id}")), "?after=0").await;
    let told = live.until("room.create").await;
    assert!(!told.contains("call.start"), "{told}");
}

#[tokio::test]
async fn it_is_filtered_and_still_knows_how_far_it_is() {
    let world = world().await;
    let mut live = follows(&Asker::of(&world), "?kind=room.*").await;
    for kind in ["call.start", "call.start", "room.create"] {
        world.yunxin().sends(kind).await.is_allowed();
    }
    let told = live.until("room.create").await;
    assert!(!told.contains("call.start"), "{told}");
    assert_eq!(last_id(&told), "3");
}

#[tokio::test]
async fn a_stream_is_never_gathered_to_be_made_small() {
    let world = world().await;
    let asker = Asker::of(&world).with("Accept-Encoding: gzip, br");
    for (path, begins) in [("/api/stream", "{\"hello\":"), ("/api/events/live", "event: hello")] {
        let mut wire = Wire::connect(asker.address).await;
        wire.writes(format!("{}\r\n", asker.head("GET", path))).await;
        let told = wire.until(begins).await;
        assert!(!told.contains("content-encoding"), "{told}");
        world.yunxin().sends("call.start").await.is_allowed();
        wire.until("call.start").await;
    }
}

#[tokio::test]
async fn there_are_only_so_many_seats() {
    let world = World::of(plan(false, None, |builder| builder)).await;
    let asker = Asker::of(&world);
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(follows(&asker, "").await);
    }
    let (status, code, _) = problem(&asker.asks("/api/events/live").await);
    assert_eq!((status, &*code), (503, "busy"));
    drop(open);
    let again = async { while asker.asks("/api/session").await.status != 200 || problem_again(&asker).await {} };
    crate::world::within_reason(again).await;
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_what_is_gone() {
    let passed = Arc::new(AtomicI64::new(0));
    let since = Arc::clone(&passed);
    let clock = Clock::custom(move || {
        let system = Clock::system().now();
        system.checked_add(SignedDuration::from_secs(since.load(Ordering::Relaxed))).unwrap_or(system)
    });
    let world = World::of(Plan { clock, ..plan(false, None, |builder| builder) }).await;
    for account in ["an", "bo", "chen"] {
        world.yunxin().sends_body(format!(r#"{{"eventType":20,"fromAccount":"{account}"}}"#)).await.is_allowed();
    }
    let files = || {
        let names = std::fs::read_dir(world.journal()).expect("a directory").flatten().map(|file| file.path());
        let first = |path: std::path::PathBuf| {
            let position = path.file_stem()?.to_str()?.strip_prefix("events-")?.parse::<u64>().ok()?;
            path.extension().is_some_and(|end| end == "db").then_some((position, path))
        };
        let mut files: Vec<_> = names.filter_map(first).collect();
        files.sort();
        files
    };
    // The journal begins a file each hour.
    passed.store(3601, Ordering::Relaxed);
    crate::world::within_reason(async {
        while files().len() < 2 {
            world.yunxin().sends("call.start").await.is_allowed();
        }
    })
    .await;
    world.yunxin().sends("room.create").await.is_allowed();
    let begun = world.kept().iter().position(|event| event.kind().name() == "room.create").expect("kept") + 1;
    std::fs::remove_file(&files()[0].1).expect("a file");
    let first = files()[0].0;
    let asker = Asker::of(&world);
    for (query, gone) in [
        ("?after=1".to_owned(), Some(2)),
        ("?after=1&kind=room.*".to_owned(), Some(2)),
        (format!("?after={}", first - 1), None),
        ("?since=1d".to_owned(), None),
    ] {
        let mut wire = Wire::connect(asker.address).await;
        wire.writes(format!("{}\r\n", asker.head("GET", &format!("/api/stream{query}")))).await;
        let told = wire.until(&format!(r#""position":{begun},"#)).await;
        let expected = gone.map(|from| format!(r#"{{"beat":{{"after":1,"gone":[[{from},{}]]}}}}"#, first - 1));
        assert_eq!(told.contains("gone"), expected.is_some(), "{query}: {told}");
        assert!(expected.is_none_or(|expected| told.contains(&expected)), "{query}: {told}");
    }
}

/// Whether there is no seat yet.
async fn problem_again(asker: &Asker) -> bool {
    let mut wire = Wire::connect(asker.address).await;
    wire.writes(format!("{}\r\n", asker.head("GET", "/api/events/live"))).await;
    wire.until("\r\n\r\n").await.contains("503")
}
