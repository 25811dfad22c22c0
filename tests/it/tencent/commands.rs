//! The commands `call`, `ingest` and `usersig`: what leaves, what is printed, and the code they end with.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;

use serde_json::{Value, json};

use super::stand_in::{Says, StandIn, body};
use crate::world::{Said, offhook, offhook_in};

const KEY: [&str; 4] = ["--sdk-app-id", "1400704311", "--secret-key", "made-up-key-of-the-app"];
const PAIR: [&str; 4] = ["--secret-id", "AKIDmadeUp", "--cloud-secret-key", "made-up-key-of-the-cloud-api"];
const OK: &str = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","RequestId":"Id-1"}"#;

/// A command that asks `tencent`, on a thread of its own: the stand-in answers on this one.
async fn asks(tencent: &StandIn, arguments: &[&str]) -> Said {
    let arguments: Vec<String> =
        [arguments, &["--host", tencent.url()]].concat().iter().map(ToString::to_string).collect();
    let run = move || offhook(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[test]
fn a_call_is_shown_as_it_would_leave_without_its_signature() {
    let call = ["call", "start", "--robot", "concierge", "--callee", "chen_bo", "--media", "VIDEO", "--room", "club-7"];
    let rest = ["--timeout", "5m", "--user-data", "order-5521", "--region", "singapore", "--dry-run"];
    let said = offhook(&[&call[..], &KEY, &rest].concat()).ends_with(0);
    assert!(said.starts_with("POST https://adminapisgp.im.qcloud.com/v4/call_engine_http_srv/start_call_by_robot?sdkappid=1400704311&identifier=administrator&usersig=***&random="), "{said}");
    let sent: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let expected = json!({"Robot_Account": "concierge", "CalleeList_Account": ["chen_bo"], "Timeout": 300_000,
        "UserData": "order-5521", "CallInfo": {"MediaType": "Video", "RoomId": "club-7", "RoomIdType": 2}});
    assert_eq!(sent, expected);
    let said = offhook(&[&call[..], &KEY, &rest, &["--json"]].concat()).ends_with(0);
    let shown: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&shown["method"], &shown["body"]), (&json!("POST"), &expected));
}

#[test]
fn an_ingest_is_shown_in_the_reading_that_was_chosen() {
    let ingest =
        ["ingest", "start", "--user", "concierge", "--url", "https://media.example/a.mp4", "--dry-run", "--json"];
    let shown = |more: &[&str]| {
        let said = offhook(&[&ingest[..], &KEY, &PAIR, more].concat()).ends_with(0);
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let guide = shown(&["--room", "club-7", "--repeat", "-1", "--volume", "50"]);
    assert_eq!(guide["url"], "https://trtc.intl.tencentcloudapi.com/");
    assert_eq!((&guide["body"]["RoomIdType"], &guide["body"]["UserSig"]), (&json!(1), &json!("***")));
    assert!(guide["headers"]["authorization"].as_str().unwrap().ends_with("Signature=***"));
    let number = shown(&["--room-number", "4711", "--room-id-type", "api-reference", "--site", "china"]);
    assert_eq!((&number["body"]["RoomId"], &number["body"]["RoomIdType"]), (&json!("4711"), &json!(1)));
    assert_eq!(number["headers"]["x-tc-region"], "ap-guangzhou");
    let refused = offhook(&[&ingest[..], &KEY, &PAIR, &["--room", "4711"]].concat());
    assert!(refused.code == 2 && refused.err.contains("--room-id-type"), "{refused:?}");
}

#[test]
fn what_makes_no_sense_is_wrong_use_and_says_why() {
    let call = ["call", "start", "--callee", "chen_bo", "--media", "video", "--dry-run"];
    let rows: [(&[&str], &str); 7] = [
        (&["--timeout", "2s", "--host", "http://127.0.0.1:1"], "2000 is not from 10000 to 600000"),
        (&["--region", "mars"], "no such region"),
        (&["--host", "http://a.example"], "plain http"),
        (&["--region", "singapore"], "Tencent does not know the test app"),
        (&["--sdk-app-id", "1400704311", "--region", "seoul"], "--secret-key"),
        (&["--robot", "the robot", "--host", "http://127.0.0.1:1"], "the user id `the robot`"),
        (&["--room", "x", "--room-number", "1"], "cannot be used with"),
    ];
    for (more, expected) in rows {
        let said = offhook(&[&call[..], more].concat());
        assert!(said.code == 2 && said.err.contains(expected), "{more:?}: {said:?}");
    }
}

#[test]
fn a_request_in_a_file_is_sent_as_it_is_or_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("request.json");
    let command = ["call", "start", "--file", file.to_str().unwrap(), "--host", "http://127.0.0.1:1", "--dry-run"];
    let good = r#"{"Robot_Account":"concierge","CalleeList_Account":["chen_bo"],"Timeout":300000,"CallInfo":{"MediaType":"video","RoomId":"club-7","RoomIdType":2}}"#;
    fs::write(&file, good).unwrap();
    let said = offhook(&command).ends_with(0);
    assert!(said.contains(r#""MediaType":"Video""#), "{said}");
    fs::write(&file, good.replace(",\"Timeout\"", ", // ms\n\"Timeout\"").replace("300000,", "300000\n")).unwrap();
    let said = offhook(&command);
    assert_eq!(said.code, 2, "{said:?}");
    for expected in ["line 1, column 64: a comment", "line 3, column 1: a comma is missing"] {
        assert!(said.err.contains(expected), "{said:?}");
    }
}

#[tokio::test]
async fn answers_are_told_in_words_and_as_json_with_tencents_names() {
    let answer = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","RequestId":"Id-1","Response":{"CallId":"c-1",
        "CallResult":[{"Callee_Account":"chen_bo","ResultCode":0}]}}"#;
    let tencent = StandIn::saying([body(answer)]).await;
    let start = [&["call", "start", "--callee", "chen_bo", "--media", "audio", "--room", "club-7"][..], &KEY].concat();
    let said = asks(&tencent, &start).await.ends_with(0);
    assert_eq!(said, "call c-1\nchen_bo          rings\n");
    let said = asks(&tencent, &[&start[..], &["--json"]].concat()).await.ends_with(0);
    let told: Value = serde_json::from_str(&said).unwrap();
    let expected =
        json!({"CallId": "c-1", "CallResult": [{"Callee_Account": "chen_bo", "ResultCode": 0}], "RequestId": "Id-1"});
    assert_eq!(told, expected);
    let nobody = StandIn::saying([body(answer.replace("\"ResultCode\":0", "\"ResultCode\":7"))]).await;
    assert!(asks(&nobody, &start).await.ends_with(1).contains("was not rung: 7"));
    let lost = StandIn::saying([Says::Nothing]).await;
    let said = asks(&lost, &start).await;
    assert!(said.code == 1 && said.err.contains("unknown whether start_call_by_robot was done"), "{said:?}");
    assert_eq!(lost.asked().len(), 1);
}

#[tokio::test]
async fn calls_are_ended_and_callbacks_set() {
    let tencent = StandIn::saying([body(OK)]).await;
    let end = [&["call", "end", "--call-id", "c-1"][..], &KEY].concat();
    assert_eq!(asks(&tencent, &end).await.ends_with(0), "ended\n");
    let set = [&["call", "callback", "set", "--url", "https://a.example/tencent/call/x"][..], &KEY].concat();
    asks(&tencent, &set).await.ends_with(0);
    assert_eq!(tencent.asked()[1].json()["CallbackCommandList"].as_array().unwrap().len(), 3);
    let gets = StandIn::saying([body(
        r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","Response":{"Url":"https://a.example/x",
        "CallbackCommandList":["Call.CallbackAfterEndCall"]}}"#,
    )])
    .await;
    let get = [&["call", "callback", "get"][..], &KEY].concat();
    assert_eq!(asks(&gets, &get).await.ends_with(0), "https://a.example/x\nCall.CallbackAfterEndCall\n");
    let delete = [&["call", "callback", "delete"][..], &KEY].concat();
    assert_eq!(asks(&tencent, &delete).await.ends_with(0), "deleted\n");
    assert_eq!((tencent.asked()[2].json(), gets.asked()[0].json()), (json!({}), json!({})));
    let none = StandIn::saying([body(r#"{"ErrorCode":100301,"ErrorInfo":"none","ActionStatus":"FAIL"}"#)]).await;
    let said = asks(&none, &get).await;
    assert!(said.code == 1 && said.err.contains("set one with `offhook call callback set`"), "{said:?}");
    let refused = StandIn::saying([body(r#"{"ErrorCode":101004,"ErrorInfo":"gone","ActionStatus":"FAIL"}"#)]).await;
    let said = asks(&refused, &end).await;
    assert!(said.code == 1 && said.err.contains("101004: there is no such call, or it is over"), "{said:?}");
}

#[tokio::test]
async fn all_pages_of_records_are_told_however_many_a_page_holds_and_none_is_an_answer() {
    let page = |page: i64, ids: &[&str]| {
        let records: Vec<Value> = ids.iter().map(|id| json!({"CallId": id, "CallResult": "NormalEnd"})).collect();
        body(
            json!({"ErrorCode": 0, "ActionStatus": "OK", "Response": {"TotalNum": 3, "Page": page, "CallRecordList": records}}),
        )
    };
    let tencent = StandIn::saying([page(1, &["c-1", "c-2"]), page(0, &["c-3"])]).await;
    let records = [&["call", "records", "--json"][..], &KEY].concat();
    let said = asks(&tencent, &records).await.ends_with(0);
    let ids: Vec<Value> =
        said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["CallId"].clone()).collect();
    assert_eq!(
        (ids, tencent.asked()[1].json()["Page"].clone()),
        (vec![json!("c-1"), json!("c-2"), json!("c-3")], json!(2))
    );
    let none = StandIn::saying([body(r#"{"ErrorCode":101050,"ErrorInfo":"none","ActionStatus":"FAIL"}"#)]).await;
    assert_eq!(asks(&none, &records).await.ends_with(0), "");
    let one = [&["call", "records", "--call-id", "c-9"][..], &KEY].concat();
    assert!(asks(&none, &one).await.code == 1, "a record that was asked for by its id is missing");
}

#[test]
fn a_private_map_key_is_made_and_read() {
    let make = ["usersig", "make", "--user", "chen_bo", "--expire", "1h", "--at", "1767225600"];
    for (flags, room, kind) in
        [(["--room", "4711"], json!("4711"), "text"), (["--room-number", "4711"], json!(4711), "number")]
    {
        let made = offhook(&[&make[..], &KEY, &flags].concat()).ends_with(0);
        let read = offhook(&[&["usersig", "read", made.trim(), "--at", "1767225600"][..], &KEY].concat()).ends_with(0);
        let read: Value = serde_json::from_str(&read).unwrap();
        let expected = json!({"room": room, "room_type": kind, "privileges": 255, "expires": 1_767_229_200});
        assert_eq!((&read["private_map_key"], &read["valid"]), (&expected, &json!(true)));
    }
    let refused = offhook(&[&make[..], &KEY, &["--room-number", "0"]].concat());
    assert!(refused.code == 2 && refused.err.contains("the room number 0"), "{refused:?}");
}

#[test]
fn user_sigs_are_made_and_read() {
    let make = ["usersig", "make", "--user", "chen_bo", "--expire", "1h", "--at", "1767225600"];
    let made = offhook(&[&make[..], &KEY].concat()).ends_with(0);
    let made = made.trim();
    let read = |more: &[&str]| {
        let said = offhook(&[&["usersig", "read", made], more].concat());
        (said.code, serde_json::from_str::<Value>(&said.out).unwrap(), said.err)
    };
    let (code, told, _) = read(&[]);
    assert_eq!(code, 0);
    assert_eq!((&told["identifier"], &told["sdkappid"]), (&json!("chen_bo"), &json!(1_400_704_311)));
    assert_eq!((&told["time"], &told["expire"], told.get("valid")), (&json!(1_767_225_600), &json!(3600), None));
    let (code, told, _) = read(&[&KEY[..], &["--at", "1767229200"]].concat());
    assert_eq!((code, &told["valid"]), (0, &json!(true)));
    let (code, told, err) = read(&[&KEY[..], &["--at", "1767229201"]].concat());
    assert_eq!((code, &told["valid"]), (1, &json!(false)));
    assert!(err.contains("expired at 2026-01-01T01:00:00Z"), "{err}");
    let (code, _, err) = read(&["--sdk-app-id", "1400704311", "--secret-key", "another", "--at", "1767225600"]);
    assert!(code == 1 && err.contains("this key did not sign it"), "{err}");
    assert!(offhook(&["usersig", "read", "%%%"]).err.contains("this is no UserSig"));
}

#[test]
fn the_app_comes_from_a_configuration_and_the_environment_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offhook.toml");
    let settings =
        "[tencent]\nsdk_app_id = 1400704311\nsecret_key = { env = \"A_KEY\" }\nregion = \"seoul\"\nadmin = \"boss\"\n";
    fs::write(&file, settings).unwrap();
    let end = ["call", "end", "--call-id", "c-1", "--dry-run", "--config", file.to_str().unwrap()];
    let said = offhook_in(&[("A_KEY", "a-made-up-key")], &end, b"").ends_with(0);
    assert!(said.starts_with("POST https://adminapikr.im.qcloud.com/v4/call_engine_http_srv/end_call?sdkappid=1400704311&identifier=boss&"), "{said}");
    let said = offhook_in(&[], &end, b"");
    assert!(said.code == 64 && said.err.contains("tencent.secret_key.env"), "{said:?}");
    fs::write(&file, settings.replace("{ env = \"A_KEY\" }", "\"offhook-dev-test-key\"")).unwrap();
    let said = offhook(&end);
    assert!(said.code == 64 && said.err.contains("published test app"), "{said:?}");
    fs::write(
        &file,
        "[tencent]\nregion = \"seoull\"\nadmn = \"x\"\n[tencent.ingest]\nsecret_id = \"xxx\"\nroom_id_type = \"0\"\n",
    )
    .unwrap();
    let said = offhook(&end);
    assert_eq!(said.code, 64, "{said:?}");
    for named in [
        "tencent.region = `seoull`",
        "did you mean `seoul`",
        "tencent.admn",
        "tencent.ingest.secret_id",
        "tencent.ingest.secret_key",
        "tencent.ingest.room_id_type",
        "tencent.secret_key: expected",
    ] {
        assert!(said.err.contains(named), "{named} in\n{}", said.err);
    }
}
