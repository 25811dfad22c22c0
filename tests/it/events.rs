//! What becomes of a believed request: its kind, its record, and what a repeat of it gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use offhook::{Event, Verdict};
use serde_json::Value;

use crate::world::{APP_KEY, Inbox, Plan, World, exported, offhook};

#[tokio::test]
async fn the_documented_check_of_the_url_is_allowed_and_not_kept() {
    let inbox = Inbox::named("inbox");
    let handler = inbox.clone();
    let world = World::of(Plan::adding(move |builder| builder.handler(handler.clone()))).await;
    // The time in the documented command is of 2020, and the command may be given again and again.
    for _ in 0..2 {
        world.yunxin().asks_at("1608110108512", "{}").sent().await.is_allowed();
    }
    world.yunxin().asks("probe").sent().await.is_allowed();
    world.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(world.only_event().await.kind().name(), "call.start");
    assert_eq!(inbox.gets(1).await[0].kind().name(), "call.start");
    let labels = format!(r#"{{family="yunxin.callback",kind="probe",app="{APP_KEY}",answer="probe"}}"#);
    assert_eq!(world.metric(&format!("offhook_requests_total{labels}")), 3.0);
}

#[tokio::test]
async fn only_a_true_check_of_the_url_may_carry_an_old_time() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    yunxin
        .signing(APP_KEY, "another")
        .asks_at("1608110108512", "{}")
        .sent()
        .await
        .is_refused(401, "check_sum_mismatch");
    yunxin.asks_at("1608110108512", "{ }").sent().await.is_refused(401, "stale");
    // Its headers alone are no pass for another body.
    let borrowed = yunxin.asks_at("1608110108512", "{}").over(r#"{"eventType":20}"#);
    borrowed.sent().await.is_refused(401, "body_changed");
}

#[tokio::test]
async fn a_record_holds_the_exact_bytes_and_headers_and_verifies_again() {
    let world = World::start().await;
    let body = "{ \"eventType\" : 20,\n \"fromAccount\":\"m\\u00e9i\", \"n\": 1.50 }";
    let question = world.yunxin().asks_with(body);
    question.sent().await.is_allowed();
    let event = world.only_event().await;
    assert_eq!(event.body(), body);
    assert_eq!(event.subject(), Some("méi"));
    assert_eq!(event.sent_at(), Some(question.header("CurTime")));
    for header in ["AppKey", "CurTime", "MD5", "CheckSum"] {
        let line = format!("{header}: {}", question.header(header));
        assert!(event.headers().lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test]
async fn a_repeat_gets_the_same_verdict_and_is_kept_and_delivered_once() {
    let (inbox, asked) = (Inbox::named("inbox"), Arc::new(AtomicU32::new(0)));
    let (handler, asking) = (inbox.clone(), Arc::clone(&asked));
    let plan = Plan::adding(move |builder| {
        let asking = Arc::clone(&asking);
        // Each time it is asked it says something else.
        let builder = builder.decide(move |_: Event| {
            let nth = asking.fetch_add(1, Ordering::Relaxed);
            async move { Verdict::reject(20010 + u16::try_from(nth).unwrap()).with_ext(format!("the {nth}th")) }
        });
        builder.handler(handler.clone())
    });
    let mut world = World::of(plan).await;
    let question = world.yunxin().asks("call.start");
    let first = question.sent().await;
    assert!(first.text().contains("20010") && first.text().contains("the 0th"), "{}", first.text());
    for _ in 0..3 {
        assert_eq!(question.sent().await.text(), first.text());
    }
    world.restarts().await;
    let moved = world.yunxin().asks_at(question.header("CurTime"), question.body());
    assert_eq!(moved.sent().await.text(), first.text());

    let another = world.yunxin().sends("room.create").await;
    assert!(another.text().contains("20011"), "{}", another.text());
    let delivered = inbox.gets(2).await;
    let kinds: Vec<_> = delivered.iter().map(|event| event.kind().name().to_owned()).collect();
    assert_eq!(kinds, ["call.start", "room.create"]);
    assert_eq!(world.keeps(2).await.len(), 2);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_equal_requests_at_once_one_is_decided_and_all_get_its_verdict() {
    let asked = Arc::new(AtomicU32::new(0));
    let asking = Arc::clone(&asked);
    let plan = Plan::adding(move |builder| {
        let asking = Arc::clone(&asking);
        builder.decide(move |_: Event| {
            let nth = asking.fetch_add(1, Ordering::Relaxed);
            async move { Verdict::reject(20010 + u16::try_from(nth).unwrap()) }
        })
    });
    let world = World::of(plan).await;
    let question = world.yunxin().asks("call.start");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let question = question.clone();
        clients.spawn(async move { question.sent().await });
    }
    for answer in clients.join_all().await {
        answer.is_rejected_with(20010);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(world.keeps(1).await.len(), 1);
    assert_eq!(world.metric("offhook_requests_total{family=\"yunxin.callback\",kind=\"call.start\",app=\"c2a1f0d94b7e4c5f8e21a6b3d9075e44\",answer=\"repeat\"}"), 49.0);
}

#[tokio::test]
async fn the_same_body_at_another_time_is_another_request() {
    let world = World::start().await;
    world.yunxin().sends("call.start").await.is_allowed();
    world.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(world.keeps(2).await.len(), 2);
}

#[tokio::test]
async fn event_types_become_kinds_and_unknown_ones_are_kept_too() {
    let world = World::start().await;
    let kinds = [
        (r#"{"eventType":20}"#, "call.start"),
        (r#"{"eventType":36,"authType":0}"#, "login.im"),
        (r#"{"eventType":4711}"#, "unknown.4711"),
        (r#"{"eventType":38}"#, "unknown.38"),
        (r#"{"eventType":0}"#, "unknown.0"),
        (r#"{"eventType":-3}"#, "unknown.-3"),
        (r#"{"eventType":99999999999999999999}"#, "unknown.99999999999999999999"),
        (r#"{"eventType":"1"}"#, "copy.message"),
        (r#"{"eventType":"20"}"#, "copy.content_safety"),
        (r#"{"eventType":"4711"}"#, "copy.unknown.4711"),
        (r#"{"eventType":"ROOM_START"}"#, "neroom.room_start"),
        (r#"{"eventType":"36","md5":"x"}"#, "copy.upload_task"),
        (r#"{"eventType":"36","authType":0}"#, "login.im"),
        (r#"{"eventType":"37","loginAuthType":"1"}"#, "login.chatroom"),
        (r#"{"eventType":"40","token":"t","authType":1}"#, "login.qchat"),
        (r#"{"eventType":21,"eventType":20}"#, "call.start"),
        (r#" {"eventType":20} "#, "call.start"),
    ];
    for (body, _) in kinds {
        world.yunxin().sends_body(body).await.is_allowed();
    }
    let kept: BTreeMap<_, _> = world
        .keeps(kinds.len() as u64)
        .await
        .iter()
        .map(|event| (event.text().to_owned(), event.kind().name().to_owned()))
        .collect();
    for (body, kind) in kinds {
        // The token of a login never reaches the disk.
        let body = body.replace("\"token\":\"t\",", "");
        assert_eq!(kept[&body], kind, "{body}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_its_reason() {
    let deep = |levels: usize| format!("{{\"eventType\":20,\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let bodies: [(Vec<u8>, &str); 21] = [
        (b"".to_vec(), "body_not_json"),
        (b"{\"eventType\":20".to_vec(), "body_not_json"),
        (b"{\"eventType\":20}{}".to_vec(), "body_not_json"),
        (b"eventType=20".to_vec(), "body_not_json"),
        (b"{'eventType':20}".to_vec(), "body_not_json"),
        (b"{\"eventType\":020}".to_vec(), "body_not_json"),
        (b"\xef\xbb\xbf{\"eventType\":20}".to_vec(), "body_not_json"),
        (b"{\"eventType\":20,\"x\":\"\xff\"}".to_vec(), "body_not_json"),
        (b"{\"eventType\":20,\"x\":\"\xb2\xe2\xca\xd4\"}".to_vec(), "body_not_json"),
        (deep(128).into_bytes(), "body_not_json"),
        ("[".repeat(100_000).into_bytes(), "body_not_json"),
        (b"[{\"eventType\":20}]".to_vec(), "body_not_an_object"),
        (b"\"{}\"".to_vec(), "body_not_an_object"),
        (b"null".to_vec(), "body_not_an_object"),
        (b"{\"eventtype\":20}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":null}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":20.0}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":2e1}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":true}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":\"  \"}".to_vec(), "event_type_malformed"),
        (b"{\"eventType\":\"CREATE ROOM\"}".to_vec(), "event_type_malformed"),
    ];
    let world = World::start().await;
    for (body, code) in bodies {
        world.yunxin().sends_body(&body).await.is_refused(400, code);
    }
    for event_type in
        [format!("{{\"eventType\":{}}}", "9".repeat(65)), format!("{{\"eventType\":\"{}\"}}", "a".repeat(65))]
    {
        world.yunxin().sends_body(event_type).await.is_refused(400, "event_type_malformed");
    }
    assert!(world.kept().is_empty());
    world.yunxin().sends_body(deep(127)).await.is_allowed();
    assert_eq!(world.only_event().await.kind().name(), "call.start");
}

#[tokio::test]
async fn half_a_surrogate_pair_is_kept_as_it_came() {
    let world = World::start().await;
    let body = r#"{"eventType":20,"fromAccount":"m\ud83d","x":"\udc00"}"#;
    world.yunxin().sends_body(body).await.is_allowed();
    let event = world.only_event().await;
    assert_eq!((event.text(), event.subject()), (body, Some("m\u{fffd}")));
}

#[tokio::test]
async fn numbers_keep_all_their_digits_into_the_export() {
    let world = World::start().await;
    let numbers =
        r#""msgId":184409700039655569,"big":123456789012345678901234567890,"exact":0.10000000000000000001,"e":1E400"#;
    world.yunxin().sends_body(format!(r#"{{"eventType":35,{numbers}}}"#)).await.is_allowed();
    let journal = world.journal();
    let out = offhook(&["events", "export", "--json", "--journal", journal.to_str().unwrap()]).ends_with(0);
    assert!(out.contains(numbers), "{out}");
}

#[tokio::test]
async fn an_exported_event_has_the_shape_of_the_contract() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start");
    question.sent().await.is_allowed();
    let exported = exported(&world.journal());
    let [event] = &exported[..] else { panic!("{exported:?}") };
    let text = |key: &str| event[key].as_str().unwrap_or_else(|| panic!("{key} in {event}")).to_owned();
    assert_eq!(text("specversion"), "1.0");
    assert_eq!(text("source"), format!("/yunxin/callback/{APP_KEY}"));
    assert_eq!(text("type"), "offhook.call.start");
    assert_eq!(text("subject"), "lin.yue");
    assert_eq!(text("datacontenttype"), "application/json");
    assert_eq!(text("appkey"), APP_KEY);
    assert_eq!(text("sentat"), question.header("CurTime"));
    assert_eq!((text("verdict"), text("verdictby")), ("allow".to_owned(), "default".to_owned()));
    assert_eq!(event["verdictcode"], 20000);
    assert_eq!(event["position"], 1);
    assert_eq!(text("id"), world.only_event().await.id().to_string());
    assert_eq!(text("id").as_bytes()[14], b'7', "a UUIDv7");
    let time: jiff::Timestamp = text("time").parse().unwrap();
    assert_eq!(time.as_microsecond(), world.only_event().await.received().as_microsecond());
    assert_eq!(event["data"], serde_json::from_slice::<Value>(&question.body()).unwrap());
}
