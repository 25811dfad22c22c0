//! Tencent's callbacks down the whole road: over HTTP, into the journal, to the handlers.

use offhook::clock::Clock;
use offhook::cloud_event::CloudEvent;
use offhook::secret::Secret;
use offhook::tencent::callback::{
    CALL_REPLY, CALL_V1_REPLY, CallbackSecrets, SAMPLES, TRTC_REPLY, sample, sign_call, sign_trtc,
};
use offhook::{Receiver, Verdict};
use serde_json::Value;

use crate::world::{Answer, Inbox, Plan, Question, World};

const APP: u32 = 1_400_004_711;
const TOKEN: &str = "path-token-made-up-1";
const KEY: &str = "madeUpTrtcKey1";

fn secrets() -> CallbackSecrets {
    CallbackSecrets::new(APP, [Secret::from("older-token"), TOKEN.into()], [Secret::from("olderKey"), KEY.into()])
}

fn plan() -> Plan {
    Plan::adding(|builder| builder.tencent(secrets()))
}

/// A callback of the call engine, as Tencent sends it.
fn call(world: &World, token: &str, query: &str, body: &str) -> Question {
    let path = format!("/tencent/call/{token}?{query}");
    world.yunxin().asks_with("{}").bare().over(body).on_path(&path)
}

fn query() -> String {
    format!(
        "SdkAppid={APP}&CallbackCommand=Call.CallbackAfterStartCall&contenttype=json&ClientIP=203.0.113.9&OptPlatform=RESTAPI"
    )
}

/// An event of TRTC, as Tencent sends it.
fn trtc(world: &World, key: &str, body: &str) -> Question {
    let question = world.yunxin().asks_with("{}").bare().over(body).on_path("/tencent/trtc");
    question.and("SdkAppId", APP.to_string()).and("Sign", sign_trtc(key, body.as_bytes()))
}

fn posts(world: &World, kind: &str, body: &str) -> Question {
    if kind.starts_with("trtc") { trtc(world, KEY, body) } else { call(world, TOKEN, &query(), body) }
}

fn is_taken(answer: &Answer, kind: &str) {
    answer.is_verdict(if kind.starts_with("trtc") { TRTC_REPLY } else { CALL_REPLY });
}

#[tokio::test]
async fn every_sample_is_answered_as_documented_kept_and_delivered() {
    let inbox = Inbox::named("inbox");
    let hears = inbox.clone();
    let mut plan = plan();
    plan.adds = Box::new(move |builder| builder.tencent(secrets()).handler(hears.clone()));
    let world = World::of(plan).await;
    for (kind, body) in SAMPLES {
        is_taken(&posts(&world, kind, body).sent().await, kind);
    }
    let kept = world.keeps(SAMPLES.len() as u64).await;
    let delivered = inbox.gets(SAMPLES.len()).await;
    for (((kind, body), kept), delivered) in SAMPLES.iter().zip(&kept).zip(&delivered) {
        assert_eq!((kept.kind().name(), kept.text()), (*kind, *body));
        assert_eq!(kept.id(), delivered.id());
        let event: Value = serde_json::from_str(&CloudEvent::of(kept).to_json()).expect("JSON");
        let family = if kind.starts_with("trtc") { "trtc" } else { "call" };
        assert_eq!(event["source"], format!("/tencent/{family}/{APP}"));
        assert_eq!((&event["type"], &event["verdict"]), (&format!("offhook.{kind}").into(), &"allow".into()));
        assert_eq!(event["data"], serde_json::from_str::<Value>(body).expect("JSON"));
    }
    let labels = format!("family=\"tencent.call\",kind=\"call_engine.end\",app=\"{APP}\",answer=\"allow\"");
    assert_eq!(world.metric(&format!("offhook_requests_total{{{labels}}}")), 1.0);
}

#[tokio::test]
async fn of_a_body_whose_signature_is_all_that_proves_it_no_more_is_read_than_a_stranger_may_send() {
    let world = World::of(plan()).await;
    let long = |kind| sample(kind).expect("one").replacen('{', &format!("{{\"pad\":\"{}\",", "a".repeat(70_000)), 1);
    let answer = trtc(&world, KEY, &long("trtc.1.103")).sent().await;
    answer.is_refused(413, "body_too_large");
    assert!(answer.text().contains("larger than 65536 bytes"), "{}", answer.text());
    // Here the path proves the sender.
    is_taken(&call(&world, TOKEN, &query(), &long("call_engine.start")).sent().await, "call");
}

#[tokio::test]
async fn a_wrong_token_and_a_wrong_signature_are_refused_and_nothing_is_kept() {
    let world = World::of(plan()).await;
    let (started, entered) = (sample("call_engine.start").expect("one"), sample("trtc.1.103").expect("one"));
    for token in ["wrong", "path-token-made-up-2", "path-token-made-up-1x", "%70ath-token-made-up-1"] {
        let message = call(&world, token, &query(), started).sent().await.is_refused(401, "token_mismatch");
        assert!(!message.contains(token), "{message}");
    }
    for query in ["", "SdkAppid=1400004712&CallbackCommand=Call.CallbackAfterStartCall"] {
        call(&world, TOKEN, query, started).sent().await.is_refused(401, "app_unknown");
    }
    let now = Clock::system().now().as_second();
    let signed =
        |token: &str, time: i64| format!("{}&RequestTime={time}&Sign={}", query(), sign_call(token, &time.to_string()));
    call(&world, TOKEN, &signed("another", now), started).sent().await.is_refused(401, "sign_mismatch");
    call(&world, TOKEN, &signed(TOKEN, 1_669_872_112), started).sent().await.is_refused(401, "stale");

    trtc(&world, "another", entered).sent().await.is_refused(401, "sign_mismatch");
    trtc(&world, KEY, entered).over(entered.replace("mei", "bo")).sent().await.is_refused(401, "sign_mismatch");
    trtc(&world, KEY, entered).without("Sign").sent().await.is_refused(401, "sign_mismatch");
    trtc(&world, KEY, entered).with("Sign", "no base64!").sent().await.is_refused(401, "sign_mismatch");
    trtc(&world, KEY, entered).and("Sign", "x").sent().await.is_refused(400, "header_repeated");
    trtc(&world, KEY, entered).with("SdkAppId", "1").sent().await.is_refused(401, "app_unknown");

    is_taken(&call(&world, "older-token", &signed(TOKEN, now), started).sent().await, "call");
    is_taken(&trtc(&world, "olderKey", entered).sent().await, "trtc");
    assert_eq!(world.keeps(2).await.len(), 2);
    for path in ["/tencent/call", "/tencent/call/", "/tencent/call/path-token-made-up-1/more", "/tencent/trtc/"] {
        let answer = call(&world, TOKEN, &query(), started).on_path(path).sent().await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_odd_are_refused_or_kept_but_never_a_surprise() {
    let world = World::of(plan()).await;
    for (body, code) in [
        ("", "body_not_json"),
        ("null", "body_not_an_object"),
        ("[]", "body_not_an_object"),
        ("{\"a\":", "body_not_json"),
        ("{\"CallbackCommand\":\"two words\"}", "event_type_malformed"),
    ] {
        call(&world, TOKEN, &query(), body).sent().await.is_refused(400, code);
    }
    for (body, code) in [
        ("{}", "event_type_malformed"),
        ("{\"EventGroupId\":1,\"EventType\":1.5}", "event_type_malformed"),
        ("{\"EventGroupId\":[1],\"EventType\":103}", "event_type_malformed"),
        ("{", "body_not_json"),
    ] {
        trtc(&world, KEY, body).sent().await.is_refused(400, code);
    }
    let deep = format!("{{\"CallbackCommand\":\"Call.Deep\",\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    call(&world, TOKEN, &query(), &deep).sent().await.is_refused(400, "body_not_json");
    let odd = r#"{"CallbackCommand":"Call.CallbackAfterEndCall","CallRecord":"none","UserList":{},"EventTime":null}"#;
    is_taken(&call(&world, TOKEN, &query(), odd).sent().await, "call");
    is_taken(&trtc(&world, KEY, r#"{"EventGroupId":"4","EventType":401,"Payload":{}}"#).sent().await, "trtc");
    is_taken(
        &call(&world, TOKEN, &query(), r#"{"CallbackCommand":"Call.CallbackAfterApplause"}"#).sent().await,
        "call",
    );
    let kinds: Vec<String> = world.keeps(3).await.iter().map(|event| event.kind().to_string()).collect();
    assert_eq!(kinds, ["call_engine.end", "trtc.4.401", "call_engine.unknown.call.callbackafterapplause"]);
    let labels = format!("family=\"tencent.trtc\",kind=\"unknown\",app=\"{APP}\",answer=\"allow\"");
    assert_eq!(world.metric(&format!("offhook_requests_total{{{labels}}}")), 1.0);
}

#[tokio::test]
async fn a_repeat_is_answered_alike_and_kept_once_after_a_restart_too() {
    let mut world = World::of(plan()).await;
    for kind in ["call_engine.end", "trtc.7.701"] {
        let body = sample(kind).expect("a sample");
        for _ in 0..3 {
            is_taken(&posts(&world, kind, body).sent().await, kind);
        }
        let other_client = query().replace("203.0.113.9", "203.0.113.10");
        if kind == "call_engine.end" {
            is_taken(&call(&world, TOKEN, &other_client, body).sent().await, kind);
        }
    }
    world.restarts().await;
    for kind in ["call_engine.end", "trtc.7.701"] {
        is_taken(&posts(&world, kind, sample(kind).expect("a sample")).sent().await, kind);
    }
    assert_eq!(world.keeps(2).await.len(), 2);
}

#[tokio::test]
async fn the_deprecated_generation_gets_its_own_reply_and_is_kept_as_nobodys_kind() {
    let world = World::of(plan()).await;
    let body = r#"{"UserId":"mei","RoomId":"clinic-7","CallId":"c-1","Role":"caller","Event":"start_call","EventTime":1704695566}"#;
    let v1 =
        |command: &str| format!("sdkappid={APP}&command={command}&contenttype=json&clientip=127.0.0.1&optplatform=iOS");
    for command in ["caller_start_call", "normal_end", "call_end"] {
        let body = body.replace("1704695566", &format!("17046955{}", command.len()));
        call(&world, TOKEN, &v1(command), &body).sent().await.is_verdict(CALL_V1_REPLY);
    }
    // Not one of that generation's words.
    call(&world, TOKEN, &v1("C2C.CallbackAfterSendMsg"), body).sent().await.is_verdict(CALL_REPLY);
    let kinds: Vec<String> = world.keeps(4).await.iter().map(|event| event.kind().to_string()).collect();
    let expected = ["caller_start_call", "normal_end", "call_end", "c2c.callbackaftersendmsg"];
    assert_eq!(kinds, expected.map(|command| format!("call_engine.unknown.{command}")));
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_only_told() {
    let decides = |builder: offhook::receiver::Builder| {
        builder.tencent(secrets()).decide(|_: offhook::Event| async { Verdict::reject(20010) })
    };
    let world = World::of(Plan::adding(decides)).await;
    is_taken(&posts(&world, "trtc.1.103", sample("trtc.1.103").expect("one")).sent().await, "trtc");
    assert_eq!(world.only_event().await.decision().map(|decision| decision.verdict.allows()), Some(true));
}

#[tokio::test]
async fn what_is_kept_can_be_proven_again_and_holds_no_token() {
    use offhook::tencent::callback::{CallProof, TrtcProof};

    let world = World::of(plan()).await;
    for kind in ["call_engine.start", "trtc.1.103"] {
        is_taken(&posts(&world, kind, sample(kind).expect("a sample")).sent().await, kind);
    }
    let kept = world.keeps(2).await;
    assert!(!kept.iter().any(|event| event.headers().contains(TOKEN)), "{:?}", kept[0].headers());
    assert_eq!(CallProof::recall(&secrets(), kept[0].headers(), kept[0].received()).map(|_| ()), Ok(()));
    let others = CallbackSecrets::new(APP, ["another".into()], ["another".into()]);
    let refused = CallProof::recall(&others, kept[0].headers(), kept[0].received()).map(|_| ());
    assert_eq!(refused.unwrap_err().code(), "token_mismatch");
    let verify =
        |secrets| TrtcProof::recall(&secrets, kept[1].headers()).and_then(|proof| proof.verify(kept[1].body().clone()));
    assert!(verify(secrets()).is_ok());
    assert_eq!(verify(others).unwrap_err().code(), "sign_mismatch");
}

#[tokio::test]
async fn without_secrets_of_tencents_nothing_of_tencents_is_believed() {
    let world = World::start().await;
    call(&world, TOKEN, &query(), "{}").sent().await.is_refused(401, "token_mismatch");
    assert_eq!(trtc(&world, KEY, "{}").sent().await.status, 401);
}

#[tokio::test]
async fn a_receiver_needs_no_app_of_yunxins() {
    let directory = tempfile::tempdir().expect("a directory");
    let built = |secrets| Receiver::builder().tencent(secrets).journal(directory.path().join("journal")).build();
    assert!(built(CallbackSecrets::new(APP, [], [])).await.is_err(), "nothing could ever be believed");
    let receiver = built(secrets()).await.expect("a receiver");
    receiver.stop(std::time::Duration::from_secs(10)).await;
}
