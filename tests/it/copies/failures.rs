//! What the platform says of our answers: its copy 83 finds the callback it is about.

use std::sync::Arc;
use std::time::Duration;

use offhook::Event;
use offhook::clock::Clock;
use offhook::feedback::Feedback;
use offhook::journal::{Journal, Options};
use offhook::metrics::Metrics;
use offhook::verdict::{Decision, Verdict};
use offhook::yunxin::sample;
use serde_json::{Value, json};

use crate::world::{APP_KEY, World, offhook, within_reason};

fn told(reason: u8, body: &str) -> String {
    let now = offhook::clock::Clock::system().now().as_millisecond().to_string();
    json!({"eventType": "83", "reason": reason.to_string(), "callbackBody": body, "timestamp": now}).to_string()
}

fn count(world: &World, reason: &str) -> f64 {
    world.metric(&format!(r#"offhook_platform_failures_total{{app="{APP_KEY}",reason="{reason}"}}"#))
}

async fn counted(world: &World, reason: &str, wanted: f64) {
    within_reason(async {
        while count(world, reason) < wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn shown(world: &World, id: &str) -> String {
    let journal = world.journal();
    offhook(&["events", "show", id, "--journal", journal.to_str().expect("a path")]).ends_with(0)
}

fn exported(world: &World) -> Vec<Value> {
    let journal = world.journal();
    let said = offhook(&["events", "export", "--json", "--journal", journal.to_str().expect("a path")]).ends_with(0);
    said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_equal_callbacks_each_failure_gets_its_own() {
    let mut world = World::start().await;
    let body = sample("call.start").expect("a sample");
    for _ in 0..3 {
        world.yunxin().sends_body(body).await.is_allowed();
    }
    // One told by itself, and after a restart two together.
    world.yunxin().copies(told(1, body)).sent().await.is_taken();
    counted(&world, "late", 1.0).await;
    let marked = |world: &World| exported(world).iter().filter(|line| line["nottaken"] == "late").count();
    assert_eq!(marked(&world), 1);
    world.restarts().await;
    for _ in 0..2 {
        world.yunxin().copies(told(1, body)).sent().await.is_taken();
    }
    counted(&world, "late", 2.0).await;
    assert_eq!(marked(&world), 3);
    // A fourth has no callback left.
    world.yunxin().copies(told(2, body)).sent().await.is_taken();
    counted(&world, "malformed", 1.0).await;
    let lines = exported(&world);
    assert_eq!(
        lines.last().map(|line| (line["type"].clone(), line["tellsof"].clone())),
        Some(("offhook.copy.callback_failed".into(), Value::Null))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_callback_is_found_by_its_body_and_both_sides_are_told() {
    let mut world = World::start().await;
    let body = sample("call.start").expect("a sample");
    world.yunxin().sends("room.create").await.is_allowed();
    world.yunxin().sends("call.start").await.is_allowed();
    world.yunxin().copies(told(1, body)).sent().await.is_taken();
    counted(&world, "late", 1.0).await;
    let kept = world.keeps(3).await;
    let (callback, copy) = (kept[1].id().to_string(), kept[2].id().to_string());
    let of_callback = shown(&world, &callback);
    assert!(of_callback.contains("not taken") && of_callback.contains(&copy), "{of_callback}");
    let of_copy = shown(&world, &copy);
    assert!(of_copy.contains(&format!("late: our answer to event {callback}")), "{of_copy}");
    assert!(!shown(&world, &kept[0].id().to_string()).contains("not taken"));
    let lines = exported(&world);
    assert_eq!(
        (&lines[0]["nottaken"], &lines[0]["toldby"], &lines[0]["tellsof"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&lines[1]["nottaken"], &lines[1]["toldby"]), (&"late".into(), &copy.clone().into()));
    assert_eq!((&lines[2]["nottaken"], &lines[2]["tellsof"]), (&Value::Null, &callback.clone().into()));
    let journal = world.journal();
    let one =
        offhook(&["events", "show", &callback, "--json", "--journal", journal.to_str().expect("a path")]).ends_with(0);
    assert_eq!(serde_json::from_str::<Value>(&one).expect("JSON"), lines[1]);

    // Written again by the platform: other order, other escapes, the same value. It is another call's.
    let another = r#"{"eventType":20,"fromAccount":"m\u00e9i","toAccountList":["an"],"timestamp":"1767225720001"}"#;
    let rewritten: Value = serde_json::from_str(another).expect("JSON");
    world.yunxin().sends_body(another).await.is_allowed();
    world.yunxin().copies(told(2, &rewritten.to_string())).sent().await.is_taken();
    world.yunxin().copies(told(3, r#"{"eventType":20,"fromAccount":"nobody"}"#)).sent().await.is_taken();
    counted(&world, "malformed", 1.0).await;
    counted(&world, "breaker_open", 1.0).await;
    let kept = world.keeps(6).await;
    assert!(shown(&world, &kept[3].id().to_string()).contains("not taken"));
    assert!(shown(&world, &kept[5].id().to_string()).contains("not in this journal"));

    // Each is counted once, across restarts too.
    world.restarts().await;
    world.yunxin().copies(told(9, "no JSON")).sent().await.is_taken();
    counted(&world, "other", 1.0).await;
    assert_eq!(count(&world, "late"), 0.0, "the first one was noted before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_of_the_platform_that_cannot_be_right_hides_no_callback() {
    let world = World::start().await;
    let body = sample("call.start").expect("a sample");
    world.yunxin().sends("call.start").await.is_allowed();
    let copy = json!({"eventType": "83", "reason": "1", "callbackBody": body, "timestamp": "1767225600"}).to_string();
    world.yunxin().copies(copy).sent().await.is_taken();
    counted(&world, "late", 1.0).await;
    assert_eq!(exported(&world)[0]["nottaken"], "late");
}

#[tokio::test]
async fn a_copy_that_is_told_again_takes_no_callback_from_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let metrics = Metrics::new(Duration::from_secs(2));
    let options = Options { min_free: 0, ..Options::at(dir.path().join("data")) };
    let journal = Journal::open(options, Clock::system(), Arc::clone(&metrics)).expect("a journal");
    let body = sample("call.start").expect("a sample");
    let copies = [told(1, body), told(1, body)].map(|body| Event::from_json(body).expect("a copy"));
    let ids = copies.each_ref().map(Event::id);
    let callbacks = [body, body].map(|body| Event::from_json(body).expect("a callback"));
    let allowed = || Decision::by_default(Verdict::allow());
    let keep =
        async |event: Event| journal.append(event.with_decision(allowed()), None).await.expect("kept").position();
    for callback in callbacks {
        keep(callback).await;
    }
    let [first, second] = copies;
    let first = keep(first).await;

    // The first is found at the journal's end, and told with the second as it is where it came during the start.
    let (tell, kept) = tokio::sync::mpsc::channel(8);
    let feedback = Feedback::listen(journal.clone(), metrics, kept, &tokio::runtime::Handle::current());
    let told_by = |id| journal.reader().failure_told_by(id).expect("a journal");
    within_reason(async {
        while told_by(ids[0]).is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let second = keep(second).await;
    for position in [first, second] {
        tell.try_send(position).expect("room");
    }
    within_reason(async {
        while told_by(ids[1]).is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    feedback.ends().await;
    let events = ids.map(|id| told_by(id).expect("noted").event);
    assert!(events[0].is_some() && events[1].is_some() && events[0] != events[1], "{events:?}");
}
