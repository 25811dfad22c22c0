//! What came to which path: callbacks, IM copies, RTC 2.0 copies and words share one field and two kinds of path.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use offhook::decide::{Policy, Word};
use offhook::{Event, Verdict};

use crate::world::{Offhook, Plan, Ports, World, Yunxin};

const LOGIN: &str = r#"{"eventType":"36","fromAccount":"mei","authType":1,"token":"t"}"#;

#[tokio::test]
async fn a_body_is_the_same_kind_on_either_path_and_the_path_chooses_the_answer() {
    // The body, its kind, and whether somebody waits for a verdict even on the copies' path.
    let rows = [
        (r#"{"eventType":"1"}"#, "copy.message", false),
        (r#"{"eventType":"4711"}"#, "copy.unknown.4711", false),
        (r#"{"eventType":"CREATE_ROOM","body":{}}"#, "neroom.create_room", false),
        (r#"{"msgType":"MEETING_INFO_CHANGE","msgBody":{}}"#, "neroom.meeting_info_change", false),
        (r#"{"eventType":1,"data":{"channelId":9}}"#, "rtc.room_start", false),
        (r#"{"eventType":4711,"data":{}}"#, "rtc.unknown.4711", false),
        (r#"{"type":400,"data":{"status":101}}"#, "rtc.content_audit", false),
        (r#"{"eventType":20,"fromAccount":"mei"}"#, "call.start", true),
        (r#"{"eventType":4711}"#, "unknown.4711", true),
        (r#"{"eventType":1,"data":"no object"}"#, "message.p2p", true),
        (LOGIN, "login.im", true),
        (r#"{"eventType":"36","type":"1"}"#, "copy.upload_task", false),
    ];
    let world = World::start().await;
    for (count, (body, kind, asks)) in (1..).zip(rows) {
        let copy = world.yunxin().copies(body).sent().await;
        if asks {
            copy.is_allowed()
        } else {
            copy.is_taken()
        }
        world.yunxin().asks_with(body).sent().await.is_allowed();
        let kept = world.keeps(2 * count).await;
        let kinds: Vec<_> = kept.iter().rev().take(2).map(|event| event.kind().name()).collect();
        assert_eq!(kinds, [kind, kind], "{body}");
    }
}

#[tokio::test]
async fn the_header_of_rtc_decides_where_the_body_does_not() {
    let world = World::start().await;
    let rows = [
        (r#"{"eventType":2}"#, "rtc.room_end"),
        (r#"{"type":401}"#, "rtc.recording_audit"),
        (r#"{"eventType":"14","data":{}}"#, "rtc.audio_stop"),
        (r#"{"eventType":77}"#, "rtc.unknown.77"),
    ];
    for (count, (body, kind)) in (1..).zip(rows) {
        world.yunxin().copies(body).and("type", "G2").sent().await.is_taken();
        let kept = world.keeps(count).await;
        let event = kept.last().expect("an event");
        assert_eq!(event.kind().name(), kind, "{body}");
        assert!(event.headers().ends_with("type: G2\n"), "{}", event.headers());
    }
}

#[tokio::test]
async fn integers_that_only_copies_have_are_copies_on_the_copies_path() {
    let world = World::start().await;
    let body = r#"{"eventType":89,"msgId":9007199254740993,"modifyAccountId":"mei"}"#;
    world.yunxin().copies(body).sent().await.is_taken();
    world.yunxin().asks_with(body).sent().await.is_allowed();
    let kinds: Vec<_> = world.keeps(2).await.iter().map(|event| event.kind().name().to_owned()).collect();
    assert_eq!(kinds, ["copy.update_p2p", "unknown.89"]);
}

#[tokio::test]
async fn nobody_is_asked_about_a_copy_and_everybody_about_a_callback() {
    let asked = Arc::new(AtomicU32::new(0));
    let asking = Arc::clone(&asked);
    let plan = Plan::adding(move |builder| {
        let asking = Arc::clone(&asking);
        builder.decide(move |_: Event| {
            asking.fetch_add(1, Ordering::Relaxed);
            async { Verdict::reject(20033) }
        })
    });
    let world = World::of(plan).await;
    world.yunxin().copies(r#"{"eventType":"1"}"#).sent().await.is_taken();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert!(world.only_event().await.decision().is_some_and(|decision| decision.verdict.allows()));
    world.yunxin().copies(r#"{"eventType":20}"#).sent().await.is_rejected_with(20033);
    // A text on a callback path: whoever sent it may be waiting for a verdict.
    world.yunxin().asks_with(r#"{"eventType":"1"}"#).sent().await.is_rejected_with(20033);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_copy_is_taken_whatever_verdict_is_the_default() {
    let mut policy = Policy::default();
    policy.scope.all.default = Some(Word::Reject);
    let world = World::of(Plan { policy, ..Plan::default() }).await;
    world.yunxin().copies(r#"{"eventType":"1"}"#).sent().await.is_taken();
    world.yunxin().copies(r#"{"eventType":20}"#).sent().await.is_rejected_with(20099);
    world.yunxin().asks_with(r#"{"eventType":"1"}"#).sent().await.is_rejected_with(20099);
}

#[tokio::test]
async fn an_old_callback_is_stale_on_the_copies_path_too() {
    let world = World::start().await;
    let old = world.yunxin().asks_at("1541583920979", r#"{"eventType":20}"#).on_path("/yunxin/copy");
    old.sent().await.is_refused(401, "stale");
    let probe = world.yunxin().asks_at("1608110108512", "{}").on_path("/yunxin/copy");
    probe.sent().await.is_taken();
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn a_callback_counts_once_whichever_paths_it_is_sent_to() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start");
    question.sent().await.is_allowed();
    question.on_path("/yunxin/copy").sent().await.is_allowed();
    let copy = world.yunxin().copies(r#"{"eventType":"1"}"#);
    copy.sent().await.is_taken();
    copy.on_path("/yunxin/callback").sent().await.is_allowed();
    assert_eq!(world.keeps(2).await.len(), 2);
}

#[tokio::test]
async fn a_wrong_path_is_told_once_with_the_right_one() {
    let (ports, directory) = (Ports::reserve(), tempfile::tempdir().expect("a directory"));
    let endpoints = "[[endpoints]]\npath = \"/ask\"\nfamily = \"yunxin.callback\"\n\n\
                     [[endpoints]]\npath = \"/tell\"\nfamily = \"yunxin.copy\"\n";
    let file = directory.path().join("offhook.toml");
    std::fs::write(&file, ports.configuration(directory.path(), endpoints)).expect("a file");
    let offhook = Offhook::serves(&file, &ports, None);
    let yunxin = Yunxin::asking(ports.public());
    for _ in 0..3 {
        yunxin.asks_with(r#"{"eventType":"1"}"#).on_path("/ask").sent().await.is_allowed();
        yunxin.asks("call.start").on_path("/tell").sent().await.is_allowed();
    }
    assert_eq!(yunxin.asks("call.start").sent().await.status, 404);
    offhook.is_asked_to_stop();
    let (_, said) = offhook.ends();
    let told = |text: &str| said.lines().filter(|line| line.contains(text)).count();
    assert_eq!(told("copy.message is of the family yunxin.copy but came to a path of yunxin.callback"), 1, "{said}");
    assert_eq!(told("set /tell as the URL of yunxin.copy in the console"), 1, "{said}");
    assert_eq!(told("set /ask as the URL of yunxin.callback in the console"), 1, "{said}");
}
