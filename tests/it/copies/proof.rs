//! Whose copies are believed: the callbacks' signature without a limit on its age, and the old meeting kit's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use offhook::clock::Clock;
use offhook::yunxin::App;

use crate::world::{APP_KEY, APP_SECRET, Plan, World};

const COPY: &str = r#"{"eventType":"7","msgId":"9007199254740993","from":"mei","to":"an"}"#;
const OTHER_APP: &str = "0d3f5a7791c84e2c9b6a58f1e2d4c607";

fn two_apps() -> Plan {
    let apps = vec![App::new(OTHER_APP, "another-secret"), App::new(APP_KEY, APP_SECRET)];
    Plan { apps, ..Plan::default() }
}

#[tokio::test]
async fn a_copy_is_kept_and_answered_as_a_copy() {
    let world = World::start().await;
    let question = world.yunxin().copies(COPY);
    question.sent().await.is_taken();
    let event = world.only_event().await;
    assert_eq!((event.kind().name(), event.family().name()), ("copy.recall_p2p", "yunxin.copy"));
    assert_eq!((event.subject(), event.body().as_ref()), (Some("mei"), COPY.as_bytes()));
    let labels = format!(r#"{{family="yunxin.copy",kind="copy.recall_p2p",app="{APP_KEY}",answer="allow"}}"#);
    assert_eq!(world.metric(&format!("offhook_requests_total{labels}")), 1.0);
}

#[tokio::test]
async fn a_copy_without_an_app_key_is_tried_against_every_secret() {
    let world = World::of(two_apps()).await;
    let yunxin = world.yunxin();
    yunxin.signing(APP_KEY, APP_SECRET).copies(COPY).without("AppKey").sent().await.is_taken();
    let event = world.only_event().await;
    assert_eq!(&**event.app_key(), APP_KEY);
    assert!(!event.headers().contains("AppKey"), "{}", event.headers());
    let strange = yunxin.signing(APP_KEY, "nobody's").copies(COPY).without("AppKey");
    strange.sent().await.is_refused(401, "check_sum_mismatch");
    // With a key only that app's secrets count.
    yunxin.signing(APP_KEY, "another-secret").copies(COPY).sent().await.is_refused(401, "check_sum_mismatch");
    yunxin.signing("e7e7", APP_SECRET).copies(COPY).sent().await.is_refused(401, "app_unknown");
    // A callback needs its key all the same.
    yunxin.asks("call.start").without("AppKey").sent().await.is_refused(400, "header_missing");
}

#[tokio::test]
async fn forged_and_changed_copies_are_refused() {
    let world = World::start().await;
    let copy = || world.yunxin().copies(COPY);
    copy().over(COPY.replace("mei", "eve")).sent().await.is_refused(401, "body_changed");
    copy().with("CheckSum", "0".repeat(40)).sent().await.is_refused(401, "check_sum_mismatch");
    for header in ["CurTime", "MD5", "CheckSum"] {
        let message = copy().without(header).sent().await.is_refused(400, "header_missing");
        assert!(message.contains(header), "{message}");
        let again = copy().header(header).to_owned();
        copy().and(header, again).sent().await.is_refused(400, "header_repeated");
    }
    copy().and("AppKey", APP_KEY).sent().await.is_refused(400, "header_repeated");
    copy().over("nonsense").sent().await.is_refused(401, "body_changed");
    world.yunxin().copies("[]").sent().await.is_refused(400, "body_not_an_object");
    world.yunxin().copies(r#"{"a":1}"#).sent().await.is_refused(400, "event_type_malformed");
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn an_old_copy_is_taken_and_its_repeat_is_known_across_a_restart() {
    let mut world = World::start().await;
    let years_ago = world.yunxin().asks_at("1440570500855", COPY).on_path("/yunxin/copy");
    for _ in 0..3 {
        years_ago.sent().await.is_taken();
    }
    let fresh = world.yunxin().copies(COPY);
    fresh.sent().await.is_taken();
    world.restarts().await;
    let again = world.yunxin().asks_at("1440570500855", COPY).on_path("/yunxin/copy");
    again.sent().await.is_taken();
    // The same bytes with another CurTime may be another event: whoever drops the queue twice says the same twice.
    assert_eq!(world.keeps(2).await.len(), 2);
    let labels = format!(r#"{{family="yunxin.copy",kind="copy.recall_p2p",app="{APP_KEY}",answer="repeat"}}"#);
    assert_eq!(world.metric(&format!("offhook_requests_total{labels}")), 1.0);
}

#[tokio::test]
async fn a_repeat_is_known_for_more_than_an_hour() {
    let minutes = Arc::new(AtomicI64::new(0));
    let hands = Arc::clone(&minutes);
    let start = jiff::Timestamp::from_second(1_800_000_000).expect("a time");
    let clock = Clock::custom(move || start + jiff::SignedDuration::from_mins(hands.load(Ordering::Relaxed)));
    let world = World::of(Plan { clock, ..Plan::default() }).await;
    let copy = world.yunxin().copies(COPY);
    copy.sent().await.is_taken();
    for _ in 0..2 {
        minutes.fetch_add(35, Ordering::Relaxed);
        copy.sent().await.is_taken();
        world.yunxin().copies(r#"{"eventType":"8"}"#).sent().await.is_taken();
    }
    let kinds: Vec<_> = world.keeps(3).await.iter().map(|event| event.kind().name().to_owned()).collect();
    assert_eq!(kinds, ["copy.recall_p2p", "copy.recall_team", "copy.recall_team"]);
}

#[tokio::test]
async fn equal_copies_at_the_same_time_are_kept_once() {
    let world = World::start().await;
    let copy = world.yunxin().copies(COPY);
    let answers = futures_util::future::join_all((0..50).map(|_| copy.sent())).await;
    for answer in answers {
        answer.is_taken();
    }
    assert_eq!(world.only_event().await.kind().name(), "copy.recall_p2p");
}

#[tokio::test]
async fn the_old_meeting_kit_is_proven_together_with_its_body() {
    const BODY: &str = r#"{"msgType":"MEETING_RECORD","msgBody":{"meetingId":184409700039655569}}"#;
    let world = World::of(two_apps()).await;
    let yunxin = world.yunxin().signing(APP_KEY, APP_SECRET);
    yunxin.copies_meeting(BODY).sent().await.is_taken();
    yunxin.copies_meeting(BODY).without("AppKey").sent().await.is_taken();
    let events = world.keeps(2).await;
    for event in &events {
        assert_eq!((event.kind().name(), &**event.app_key()), ("neroom.meeting_record", APP_KEY));
    }
    assert!(events[0].headers().contains("Nonce: a1b2c3\n"), "{}", events[0].headers());
    yunxin.copies_meeting(BODY).over(BODY.replace("69", "70")).sent().await.is_refused(401, "check_sum_mismatch");
    yunxin.copies_meeting(BODY).with("Nonce", "another").sent().await.is_refused(401, "check_sum_mismatch");
    yunxin.copies_meeting(BODY).without("Nonce").sent().await.is_refused(400, "header_missing");
    yunxin.signing("e7e7", APP_SECRET).copies_meeting(BODY).sent().await.is_refused(401, "app_unknown");
    // A callback path does not know this signature.
    let elsewhere = yunxin.copies_meeting(BODY).on_path("/yunxin/callback");
    elsewhere.sent().await.is_refused(400, "header_missing");
}

#[tokio::test]
async fn of_a_body_that_its_head_does_not_prove_little_is_read() {
    let world = World::start().await;
    let long = format!(r#"{{"msgType":"A","msgBody":"{}"}}"#, "a".repeat(70_000));
    world.yunxin().copies_meeting(&long).sent().await.is_refused(413, "body_too_large");
    world.yunxin().copies(&long).sent().await.is_taken();
}
