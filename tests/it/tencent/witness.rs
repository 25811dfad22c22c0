//! What the journal tells of a call: the callbacks of this one, in order, and nothing of others.

use offhook::handlers::JournalWitness;
use offhook::journal::Reader;
use offhook::tencent::callback::{CallbackSecrets, sign_trtc};
use offhook::tencent::play::{Sign, Witness};
use serde_json::{Value, json};

use crate::world::{Plan, World, within_reason};

const APP: u32 = 1_400_004_711;
const TOKEN: &str = "path-token-made-up-1";
const KEY: &str = "madeUpTrtcKey1";

async fn world() -> World {
    World::of(Plan::adding(|builder| builder.tencent(CallbackSecrets::new(APP, [TOKEN.into()], [KEY.into()])))).await
}

async fn tells(world: &World, body: Value) {
    let (body, question) = (body.to_string(), world.yunxin().asks_with("{}").bare());
    let question = if body.contains("EventGroupId") {
        let sign = sign_trtc(KEY, body.as_bytes());
        question.over(&body).on_path("/tencent/trtc").and("SdkAppId", APP.to_string()).and("Sign", sign)
    } else {
        question.over(&body).on_path(&format!("/tencent/call/{TOKEN}?SdkAppid={APP}"))
    };
    assert_eq!(question.sent().await.status, 200);
}

fn changed(call: &str, user: Value, action: &str) -> Value {
    json!({"CallbackCommand": "Call.CallbackAfterMemberChanged", "CallId": call,
        "ChangedUserList": [{"User_Account": user, "ActionType": action}], "EventTime": 1})
}

fn ended(call: &str) -> Value {
    json!({"CallbackCommand": "Call.CallbackAfterEndCall", "CallRecord": {"CallId": call, "CallResult": "NormalEnd"}})
}

#[tokio::test]
async fn it_tells_what_callbacks_say_of_its_call_from_the_moment_it_looks() {
    let world = world().await;
    tells(&world, changed("c-1", json!("too_early"), "Accept")).await;
    world.keeps(1).await;
    let mut witness = JournalWitness::from_now_on(Reader::open(&world.journal()).unwrap()).unwrap();
    // Whoever stops listening for a while misses nothing.
    for _ in 0..50 {
        tokio::select! {
            biased;
            sign = witness.next("c-1") => panic!("nothing happened yet, but it tells {sign:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    let group = json!({"CallbackCommand": "Call.CallbackAfterMemberChanged", "CallId": "c-1", "ChangedUserList": [
        {"User_Account": 9_007_199_254_740_993_u64, "ActionType": "Hang Up"}, {"User_Account": "chen_bo", "ActionType": "Answer"},
        {"ActionType": "Accept"}, "no object"]});
    for body in [
        changed("c-2", json!("wang_min"), "Accept"),
        changed("c-1", json!("lin_yue"), "Reject"),
        group,
        json!({"CallbackCommand": "Call.CallbackAfterMemberChanged", "ChangedUserList": [{"User_Account": "x", "ActionType": "Accept"}]}),
        json!({"CallbackCommand": "Call.CallbackAfterStartCall", "CallInfo": {"CallId": "c-1"}}),
        json!({"EventGroupId": 7, "EventType": 702, "EventInfo": {"TaskId": "t+1.", "Status": 0}}),
        json!({"EventGroupId": 7, "EventType": 702, "EventInfo": {}}),
        ended("c-2"),
        ended("c-1"),
    ] {
        tells(&world, body).await;
    }
    let declined = |user: &str, what: &str| Sign::Declined(user.to_owned(), what.to_owned());
    let expected = [
        declined("lin_yue", "Reject"),
        declined("9007199254740993", "Hang Up"),
        Sign::Accepted("chen_bo".to_owned()),
        Sign::MediaEnded("t+1.".to_owned()),
        Sign::Ended(Some("NormalEnd".to_owned())),
    ];
    for expected in expected {
        let mut told = None;
        while told.is_none() {
            tokio::select! {
                biased;
                sign = witness.next("c-1") => told = Some(sign),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(told, Some(expected));
    }
    tells(&world, changed("c-1", json!("zhao_lei"), "Join")).await;
    assert_eq!(within_reason(witness.next("c-1")).await, declined("zhao_lei", "Join"));
}
