//! Calls from the first ring to the record, with their callbacks in order.

use std::time::Duration;

use offhook::event::EventId;
use offhook::kind::Kind;
use offhook::tencent::callback::{CallProof, CallbackSecrets, TrtcProof, decode_call, decode_trtc};
use offhook::tencent::simulator::{Phone, Trouble};
use offhook::tencent::{DEV_CALLBACK_TOKEN, DEV_TRTC_KEY};
use serde_json::{Value, json};

use super::client::{Asker, Letter, Letterbox};
use crate::world::within_reason;

const START: &str = "v4/call_engine_http_srv/start_call_by_robot";
const END: &str = "v4/call_engine_http_srv/end_call";
const INFO: &str = "v4/call_engine_http_srv/get_call_info";
const RECORD: &str = "v4/call_record_http_srv/get_record_by_callid";
const RECORDS: &str = "v4/call_record_http_srv/get_record_by_filter";

async fn starts(tencent: &Asker, callees: &[&str]) -> (String, Value) {
    let mut call = Asker::whole_call();
    call["CalleeList_Account"] = json!(callees);
    let answer = tencent.calls(START, &call).await;
    assert_eq!(answer["ErrorCode"], 0, "{answer}");
    (answer["Response"]["CallId"].as_str().expect("an id").to_owned(), answer)
}

/// The kinds of what came, by offhook's own reading; the sender's proof is checked on the way.
fn kinds(tencent: &Asker, letters: &[Letter]) -> Vec<Kind> {
    let secrets = CallbackSecrets::new(tencent.plan.sdk_app_id, [DEV_CALLBACK_TOKEN.into()], [DEV_TRTC_KEY.into()]);
    let now = tencent.plan.clock.now();
    let kind = |(uri, headers, body): &Letter| {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let decoded = match path.strip_prefix("/tencent/call/") {
            Some(token) => {
                let proof = CallProof::prove(&secrets, token, query, now).expect("proven");
                decode_call(proof.verify(body.clone().into()), EventId::at(now), now)
            }
            None => {
                let proof = TrtcProof::prove(&secrets, headers).and_then(|proof| proof.verify(body.clone().into()));
                decode_trtc(proof.expect("signed"), EventId::at(now), now)
            }
        };
        let decoded = decoded.expect("understood");
        assert_eq!(decoded.faults, [], "{}", decoded.event.text());
        decoded.event.kind().clone()
    };
    letters.iter().map(kind).collect()
}

#[tokio::test]
async fn a_call_is_answered_played_to_and_ended_and_all_of_it_is_told_in_order() {
    let letterbox = Letterbox::opens().await;
    let tencent = Asker::starts(|plan| {
        plan.callback_url = Some(format!("{}/tencent/call/{DEV_CALLBACK_TOKEN}", letterbox.base));
        plan.callback_token = Some(DEV_CALLBACK_TOKEN.into());
        plan.trtc_url = Some(format!("{}/tencent/trtc", letterbox.base));
    })
    .await;
    let (call_id, answer) = starts(&tencent, &["mei"]).await;
    assert_eq!(answer["Response"]["CallResult"], json!([{ "Callee_Account": "mei", "ResultCode": 0 }]));
    let has = |letters: &[Letter], what: &str| {
        letters.iter().any(|(_, _, body)| String::from_utf8_lossy(body).contains(what))
    };
    let is_told = |letters: &[Letter], event_type: i64| {
        let is_it =
            |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok_and(|body| body["EventType"] == event_type);
        letters.iter().any(|(_, _, body)| is_it(body))
    };
    letterbox.gets(|letters| has(letters, "Accept") && is_told(letters, 103)).await;
    let info = tencent.calls(INFO, &json!({ "CallId": call_id })).await;
    assert_eq!(info["Response"]["CallInfo"]["RoomId"], "clinic-7");
    assert_eq!(info["Response"]["UserList"][1], json!({ "User_Account": "mei", "Status": "Calling" }));
    tencent.ingests("StartStreamIngest", &tencent.whole_ingest()).await;
    assert!(tencent.simulator.seen().played[0].heard);
    letterbox.gets(|letters| is_told(letters, 702)).await;
    assert_eq!(tencent.calls(END, &json!({ "CallId": call_id })).await["ErrorCode"], 0);
    let letters = letterbox.gets(|letters| has(letters, "NormalEnd")).await;
    let kinds: Vec<String> = kinds(&tencent, &letters).iter().map(ToString::to_string).collect();
    let story = [
        "call_engine.start",
        "call_engine.member_changed",
        "trtc.1.101",
        "trtc.1.103",
        "trtc.7.701",
        "trtc.1.103",
        "trtc.2.203",
        "trtc.2.204",
        "trtc.1.104",
        "trtc.7.702",
        "trtc.1.104",
        "trtc.1.102",
        "call_engine.end",
    ];
    assert_eq!(kinds, story);
    let record = tencent.calls(RECORD, &json!({ "CallId": call_id })).await;
    assert_eq!(record["Response"]["CallRecord"]["CallResult"], "NormalEnd", "{record}");
    assert_eq!(record["Response"]["CallRecord"]["CalleeList_Account"], json!(["reminder-bot", "mei"]));
    assert_eq!(tencent.calls(END, &json!({ "CallId": call_id })).await["ErrorCode"], 101_004);
}

#[tokio::test]
async fn phones_behave_as_they_are_told() {
    let tencent = Asker::starts(|plan| {
        let phones = [
            ("bo", Phone::Rejects { after: Duration::ZERO }),
            ("an", Phone::IsBusy),
            ("li", Phone::Ignores),
            ("nobody", Phone::Unknown),
            ("su", Phone::Answers { after: Duration::ZERO, talks: Some(Duration::ZERO) }),
        ];
        plan.phones = phones.map(|(account, phone)| (account.to_owned(), phone)).into();
    })
    .await;
    for (account, result) in
        [("bo", "Reject"), ("an", "CallBusy"), ("li", "NotAnswer"), ("nobody", "NotAnswer"), ("su", "NormalEnd")]
    {
        let (call_id, answer) = starts(&tencent, &[account]).await;
        within_reason(tencent.simulator.sees(|seen| seen.going_on.is_empty())).await;
        let record = tencent.calls(RECORD, &json!({ "CallId": call_id })).await;
        assert_eq!(record["Response"]["CallRecord"]["CallResult"], result, "{account}");
        let code = if account == "nobody" { 70107 } else { 0 };
        assert_eq!(answer["Response"]["CallResult"][0]["ResultCode"], code, "{account}");
    }
    assert!(!tencent.simulator.seen().rings.contains_key("nobody"));
    let page =
        async |number: i64, size: i64| tencent.calls(RECORDS, &json!({ "Page": number, "NumberPerPage": size })).await;
    let first = page(1, 3).await;
    assert_eq!((first["Response"]["TotalNum"].as_i64(), first["Response"]["Page"].as_i64()), (Some(5), Some(1)));
    let last = page(2, 3).await;
    assert_eq!(last["Response"]["CallRecordList"].as_array().map(Vec::len), Some(2));
    assert_eq!(last["Response"]["Page"], 0, "nothing comes after it");
    let of = tencent.calls(RECORDS, &json!({ "CallResult": "CallBusy", "CallType": "SingleCall" })).await;
    assert_eq!(of["Response"]["TotalNum"], 1);
    assert_eq!(tencent.calls(RECORDS, &json!({ "CallResult": "Applause" })).await["ErrorCode"], 101_002);
}

#[tokio::test]
async fn a_call_of_several_goes_on_until_one_is_left() {
    let tencent = Asker::starts(|plan| {
        plan.hurry = 1;
        plan.phones = [("bo".to_owned(), Phone::Rejects { after: Duration::ZERO })].into();
    })
    .await;
    let (call_id, _) = starts(&tencent, &["mei", "bo"]).await;
    let seen = within_reason(tencent.simulator.sees(|seen| seen.answers.len() == 1 && seen.going_on.len() == 1)).await;
    assert_eq!(seen.rings.values().sum::<u64>(), 2);
    assert_eq!(tencent.calls(END, &json!({ "CallId": call_id })).await["ErrorCode"], 0);
    let record = tencent.calls(RECORD, &json!({ "CallId": call_id })).await;
    assert_eq!(record["Response"]["CallRecord"]["CallType"], "MultiCall");
}

#[tokio::test]
async fn one_callback_is_configured_at_a_time() {
    let tencent = Asker::starts(|_| {}).await;
    let (get, set) = ("v4/call_config/get_callback", "v4/call_config/set_callback");
    assert_eq!(tencent.calls(get, &json!({})).await["ErrorCode"], 100_301);
    let commands = json!(["Call.CallbackAfterStartCall", "Call.CallbackAfterEndCall"]);
    let target = json!({ "Url": "https://hooks.example/tencent/call/x", "CallbackCommandList": commands });
    assert_eq!(tencent.calls(set, &target).await["ErrorCode"], 0);
    assert_eq!(tencent.calls(get, &json!({})).await["Response"], target);
    for broken in [
        json!({ "Url": "ftp://hooks.example", "CallbackCommandList": commands }),
        json!({ "Url": "https://hooks.example", "CallbackCommandList": [] }),
        json!({ "Url": "https://hooks.example", "CallbackCommandList": ["Call.Applause"] }),
        json!({ "CallbackCommandList": commands }),
    ] {
        assert_eq!(tencent.calls(set, &broken).await["ErrorCode"], 100_002, "{broken}");
    }
    assert_eq!(tencent.calls("v4/call_config/delete_callback", &json!({})).await["ErrorCode"], 0);
    assert_eq!(tencent.calls(get, &json!({})).await["ErrorCode"], 100_301);
}

#[tokio::test]
async fn trouble_comes_once_and_only_some_of_it_rings() {
    let tencent = Asker::starts(|plan| plan.says_call_id = false).await;
    tencent.simulator.next_start(Trouble::Code(101_001));
    tencent.simulator.next_start(Trouble::CodeAfterRinging(60008));
    let start = || async { tencent.calls(START, &Asker::whole_call()).await };
    assert_eq!(start().await["ErrorCode"], 101_001);
    assert!(tencent.simulator.seen().rings.is_empty());
    assert_eq!(start().await["ErrorCode"], 60008);
    assert_eq!(tencent.simulator.seen().rings["mei"], 1);
    let answer = start().await;
    assert_eq!((&answer["ErrorCode"], answer.get("Response")), (&json!(0), None), "as the API reference shows it");
}
