//! The call engine's client: requests leave as documented, answers come back typed, and nothing ever rings twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use offhook::clock::Clock;
use offhook::metrics::Metrics;
use offhook::tencent::call_engine::{
    CODES, CallEngine, Media, OfflinePush, RecordFilter, Request, Settings, StartCall,
};
use offhook::tencent::{Chance, Fault, Host, Patience, Region, RequestError, RoomId, UserId, UserSig, UserSigKey};
use serde_json::{Value, json};

use super::stand_in::{Says, StandIn, body};

const APP: u32 = 1_400_704_311;
const OK: &str = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","RequestId":"Id-5b0c-O-Seq-7"}"#;

pub(super) fn key() -> UserSigKey {
    UserSigKey::new(APP, "made-up-key-of-the-app")
}

/// Waits are short, so that what is tried for long ends soon.
pub(super) fn patience() -> Patience {
    let [connect, attempt, whole] = [1000, 1500, 4000].map(Duration::from_millis);
    Patience { connect, attempt, whole }
}

fn settings(host: &str) -> Settings {
    let admin = UserId::parse("administrator").expect("a user id");
    Settings { key: key(), admin, host: Host::parse(host).expect("a host"), patience: patience() }
}

fn client(host: &str) -> CallEngine {
    CallEngine::new(settings(host), Clock::system(), Chance::random(), None).expect("a client")
}

fn call() -> StartCall {
    StartCall {
        room: Some(RoomId::text("book-club_7").expect("a room")),
        ..StartCall::new("concierge", vec!["chen_bo".to_owned()], Media::Video)
    }
}

fn failing(code: i64) -> Says {
    body(json!({"ErrorCode": code, "ErrorInfo": "as told", "ActionStatus": "FAIL", "RequestId": "Id-1"}))
}

#[tokio::test]
async fn a_call_leaves_as_documented_and_what_became_of_it_is_typed() {
    let answer = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","RequestId":"Id-5b0c-O-Seq-7","Response":
        {"CallId":"7c1f0d52-6a90-4e0b-9d6f-08c1b2a43e55","CallResult":[{"Callee_Account":"chen_bo","ResultCode":0},
        {"Callee_Account":9007199254740993,"ResultCode":101}]}}"#;
    let tencent = StandIn::saying([body(answer)]).await;
    let push = OfflinePush {
        push_flag: Some(0),
        title: Some("来电".to_owned()),
        desc: Some("Somebody rings".to_owned()),
        ext: Some(r#"{"entity":{"k":"v"}}"#.to_owned()),
        ..OfflinePush::default()
    };
    let call = StartCall { timeout_ms: 300_000, user_data: Some("order-5521".to_owned()), push: Some(push), ..call() };
    let started = client(tencent.url()).start(&call).await.unwrap();
    assert_eq!(started.call_id.as_deref(), Some("7c1f0d52-6a90-4e0b-9d6f-08c1b2a43e55"));
    assert_eq!(started.request_id.as_deref(), Some("Id-5b0c-O-Seq-7"));
    let [first, second] = &started.callees[..] else { panic!("{started:?}") };
    assert!(first.rang() && first.callee == "chen_bo");
    assert!(!second.rang() && second.callee == "9007199254740993" && second.result_code == 101);

    let asked = &tencent.asked()[0];
    assert!(asked.target.starts_with("/v4/call_engine_http_srv/start_call_by_robot?sdkappid=1400704311&identifier="));
    let query = asked.query();
    let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sdkappid", "identifier", "usersig", "random", "contenttype"]);
    assert_eq!((query[1].1.as_str(), query[4].1.as_str()), ("administrator", "json"));
    let user_sig = UserSig::read(&query[2].1).unwrap();
    assert_eq!(user_sig.identifier, "administrator");
    assert_eq!(user_sig.verify(&key(), Clock::system().now()), Ok(()));
    assert!(query[3].1.parse::<u32>().is_ok());
    let documented = json!({
        "Robot_Account": "concierge", "CalleeList_Account": ["chen_bo"], "Timeout": 300_000, "UserData": "order-5521",
        "CallInfo": {"MediaType": "Video", "RoomId": "book-club_7", "RoomIdType": 2},
        "OfflinePushInfo": {"PushFlag": 0, "Title": "来电", "Desc": "Somebody rings", "Ext": "{\"entity\":{\"k\":\"v\"}}"}
    });
    assert_eq!(asked.json(), documented);
    assert_eq!(StartCall::from_json(&documented.to_string()).unwrap(), call);
}

#[tokio::test]
async fn an_answer_without_a_response_is_an_answer() {
    let tencent = StandIn::saying([body(OK)]).await;
    let started = client(tencent.url()).start(&call()).await.unwrap();
    assert_eq!((started.call_id, started.callees.len()), (None, 0));
}

#[tokio::test]
async fn what_may_have_rung_is_unknown_and_never_tried_again() {
    let silent = [
        Says::Silence,
        Says::Nothing,
        Says::Status(502, "<html>Bad Gateway</html>"),
        Says::Status(503, ""),
        Says::Status(500, "{}"),
        body("<html>200</html>"),
        body("{}"),
        failing(60_008),
        failing(60_013),
        failing(101_001),
        failing(0),
    ];
    for says in silent {
        let tencent = StandIn::saying([says.clone(), body(OK)]).await;
        let error = client(tencent.url()).start(&call()).await.unwrap_err();
        assert!(error.is_unknown(), "{says:?}: {error}");
        assert!(error.to_string().contains("offhook call records"), "{error}");
        assert_eq!(tencent.asked().len(), 1, "{says:?}");
    }
}

#[tokio::test]
async fn what_was_turned_away_unread_is_tried_again_with_another_random() {
    for code in [60_007, 60_011, 60_018, 60_019, 60_014] {
        let tencent = StandIn::saying([failing(code), Says::Status(429, ""), body(OK)]).await;
        client(tencent.url()).start(&call()).await.unwrap();
        let asked = tencent.asked();
        assert_eq!(asked.len(), 3, "{code}");
        assert_ne!(asked[0].query()[3], asked[1].query()[3]);
    }
    let tencent = StandIn::saying([failing(60_004), failing(60_004), body(OK)]).await;
    let error = client(tencent.url()).start(&call()).await.unwrap_err();
    assert_eq!((error.code(), tencent.asked().len()), (Some("60004"), 2));
}

#[tokio::test]
async fn a_limit_that_stays_is_told_in_the_end() {
    let tencent = StandIn::saying([failing(60_007)]).await;
    let error = client(tencent.url()).start(&call()).await.unwrap_err();
    let RequestError::Refused(refused) = error else { panic!("{error}") };
    assert_eq!(refused.known.unwrap().fault, Fault::Load);
    assert!(tencent.asked().len() > 2);
}

#[tokio::test]
async fn a_user_sig_that_is_over_is_made_anew_once() {
    let second = Arc::new(AtomicI64::new(1_767_225_600));
    let clock = {
        let second = Arc::clone(&second);
        Clock::custom(move || Timestamp::from_second(second.fetch_add(1, Ordering::Relaxed)).unwrap_or_default())
    };
    let tencent = StandIn::saying([failing(70_001), body(OK), failing(70_001), failing(70_001)]).await;
    let client = CallEngine::new(settings(tencent.url()), clock, Chance::random(), None).unwrap();
    client.start(&call()).await.unwrap();
    let asked = tencent.asked();
    let times: Vec<_> = asked.iter().map(|asked| UserSig::read(&asked.query()[2].1).unwrap().time).collect();
    assert!(times.len() == 2 && times[0] < times[1], "{times:?}");
    let error = client.start(&call()).await.unwrap_err();
    assert_eq!((error.code(), tencent.asked().len()), (Some("70001"), 4));
}

#[tokio::test]
async fn after_too_many_wrong_user_sigs_nothing_is_sent_for_a_minute() {
    let tencent = StandIn::saying([failing(70_050), body(OK)]).await;
    let client = client(tencent.url());
    assert_eq!(client.start(&call()).await.unwrap_err().code(), Some("70050"));
    let error = client.info("a-call").await.unwrap_err();
    assert!(matches!(error, RequestError::LockedOut(left) if left > Duration::from_secs(50)), "{error}");
    assert_eq!(tencent.asked().len(), 1);
}

#[tokio::test]
async fn every_documented_code_says_what_it_means_whose_fault_it_is_and_what_to_do() {
    let mut under_way = tokio::task::JoinSet::new();
    for code in CODES {
        under_way.spawn(async move {
            let tencent = StandIn::saying([failing(code.number)]).await;
            (code, client(tencent.url()).end("a-call").await.unwrap_err())
        });
    }
    while let Some(done) = under_way.join_next().await {
        let (code, error) = done.unwrap();
        assert_eq!(error.code(), Some(code.number.to_string().as_str()));
        let text = error.to_string();
        assert!(text.contains(code.known.meaning), "{text}");
        if let RequestError::Refused(refused) = error {
            assert!(text.contains(code.known.advice) && text.contains(&code.known.fault.to_string()), "{text}");
            assert_eq!((refused.info.as_str(), refused.request_id.as_deref()), ("as told", Some("Id-1")));
        }
    }
    assert_eq!(CODES.iter().map(|code| code.number).collect::<std::collections::BTreeSet<_>>().len(), CODES.len());
    let tencent = StandIn::saying([failing(123_456)]).await;
    let text = client(tencent.url()).start(&call()).await.unwrap_err().to_string();
    assert!(text.contains("123456: a code that is not documented"), "{text}");
}

#[tokio::test]
async fn what_cannot_do_anything_twice_is_asked_again_after_no_answer() {
    let tencent = StandIn::saying([Says::Nothing, Says::Status(502, ""), body(OK)]).await;
    client(tencent.url()).end("a-call").await.unwrap();
    assert_eq!(tencent.asked().len(), 3);
}

#[tokio::test]
async fn nobody_there_is_tried_for_a_while_and_then_told() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let began = std::time::Instant::now();
    let error = client(&closed).start(&call()).await.unwrap_err();
    assert!(matches!(&error, RequestError::NotReached { host, .. } if *host == closed), "{error}");
    assert!(began.elapsed() < patience().whole && began.elapsed() > Duration::from_millis(500));
}

#[tokio::test]
async fn somebody_else_at_the_host_is_named_as_such() {
    for status in [301, 403, 404] {
        let tencent = StandIn::saying([Says::Status(status, "no")]).await;
        let error = client(tencent.url()).start(&call()).await.unwrap_err();
        assert!(matches!(error, RequestError::NotTencent { .. }), "{error}");
        assert_eq!(tencent.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_cannot_work_does_not_leave() {
    let tencent = StandIn::saying([body(OK)]).await;
    let client = client(tencent.url());
    let seconds = StartCall { timeout_ms: 30, ..call() };
    let long = StartCall { user_data: Some("好".repeat(334)), ..call() };
    let nobody = StartCall { callees: Vec::new(), ..call() };
    let spaced = StartCall { robot: "the robot".to_owned(), ..call() };
    let rows = [
        (seconds, "looks like seconds, and Tencent takes milliseconds here: 30000"),
        (StartCall { timeout_ms: 600_001, ..call() }, "600001 is not from 10000 to 600000"),
        (long, "UserData: it has 1002 bytes"),
        (nobody, "at least one callee"),
        (spaced, "the user id `the robot` has a character"),
    ];
    for (call, expected) in rows {
        let text = client.start(&call).await.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    for id in ["", "a b", "通话"] {
        assert!(matches!(client.info(id).await, Err(RequestError::Invalid(_))), "{id}");
    }
    let wrong = client.set_callback("ftp://x/y", vec!["Call.Anything".to_owned()]).await.unwrap_err().to_string();
    assert!(wrong.contains("Url: ") && wrong.contains("`Call.Anything` is none of"), "{wrong}");
    assert_eq!(tencent.asked().len(), 0);
    let nine = StartCall { callees: (1..=9).map(|n| format!("user{n}")).collect(), ..call() };
    assert!(nine.faults().is_empty() && nine.warnings()[0].contains("9 callees"));
    assert!(StartCall { room: None, ..call() }.warnings()[0].contains("no room"));
}

#[tokio::test]
async fn a_call_that_goes_on_its_record_and_its_callbacks_are_typed() {
    let tencent = StandIn::answering(|_, asked| {
        let response = match asked.target.split('?').next().unwrap_or_default() {
            "/v4/call_engine_http_srv/get_call_info" => json!({
                "CallInfo": {"CallId": "c-1", "MediaType": "Audio", "ChatGroupId": "", "RoomId": "", "RoomIdType": 0},
                "UserList": [{"User_Account": "lin_yue", "Status": "Calling"}, {"User_Account": 7, "Status": "Waiting"}]}),
            "/v4/call_record_http_srv/get_record_by_callid" => json!({"CallRecord": record()}),
            "/v4/call_record_http_srv/get_record_by_filter" => {
                json!({"TotalNum": 3, "Page": 1, "CallRecordList": [record(), record()]})
            }
            "/v4/call_config/get_callback" => json!({"Url": "https://a.example/x", "CallbackCommandList": ["Call.CallbackAfterEndCall"]}),
            _ => json!(null),
        };
        body(json!({"ErrorCode": 0, "ErrorInfo": "", "ActionStatus": "OK", "RequestId": "Id-1", "Response": response}))
    })
    .await;
    let client = client(tencent.url());
    let info = client.info("c-1").await.unwrap();
    assert_eq!((info.room, info.members[0].is_calling(), info.members[1].is_calling()), (None, true, false));
    assert_eq!(info.members[1].user, "7");
    let record = client.record("c-1").await.unwrap();
    assert_eq!(record.room, Some(RoomId::Number(1234)));
    assert_eq!(record.talked(), Some(Duration::from_secs(40)));
    let filter =
        RecordFilter { since: Some(5), result: Some("NormalEnd".to_owned()), page: Some(2), ..Default::default() };
    let page = client.records(&filter).await.unwrap();
    assert_eq!((page.total, page.page, page.records.len()), (3, 1, 2));
    client.records(&RecordFilter::default()).await.unwrap();
    assert_eq!(client.callback().await.unwrap().commands, ["Call.CallbackAfterEndCall"]);
    client.set_callback("https://a.example/y", vec!["Call.CallbackAfterStartCall".to_owned()]).await.unwrap();
    client.delete_callback().await.unwrap();
    let bodies: Vec<Value> = tencent.asked().iter().map(|asked| asked.json()).collect();
    assert_eq!(bodies[0], json!({"CallId": "c-1"}));
    assert_eq!(bodies[2], json!({"StartTime": 5, "CallResult": "NormalEnd", "Page": 2}));
    assert_eq!((&bodies[3], &bodies[4], &bodies[6]), (&json!({}), &json!({}), &json!({})));
    let set = json!({"Url": "https://a.example/y", "CallbackCommandList": ["Call.CallbackAfterStartCall"]});
    assert_eq!(bodies[5], set);
}

fn record() -> Value {
    json!({"CallId": "c-1", "Caller_Account": "lin_yue", "MediaType": "Audio", "CallType": "SingleCall",
        "StartTime": 1_767_225_600, "EndTime": 1_767_225_660, "AcceptTime": 1_767_225_620, "CallResult": "NormalEnd",
        "CalleeList_Account": ["lin_yue", "chen_bo"], "RoomId": 1234, "RoomIdType": "1"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_stay_under_two_hundred_a_second_without_falling_far_behind() {
    let tencent = StandIn::saying([body(OK)]).await;
    let client = Arc::new(client(tencent.url()));
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let client = Arc::clone(&client);
        under_way.spawn(async move { client.start(&call()).await.map(|_| ()) });
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap().unwrap();
    }
    let times: Vec<_> = tencent.asked().iter().map(|asked| asked.at).collect();
    assert!(times[299] - times[0] >= Duration::from_millis(1500), "evenly spaced");
}

#[tokio::test]
async fn requests_are_counted_by_what_they_came_to() {
    let tencent = StandIn::saying([failing(60_007), body(OK), failing(987_654), Says::Nothing]).await;
    let metrics = Metrics::new(Duration::from_secs(1));
    let client =
        CallEngine::new(settings(tencent.url()), Clock::system(), Chance::random(), Some(Arc::clone(&metrics)))
            .unwrap();
    client.start(&call()).await.unwrap();
    assert!(client.start(&call()).await.is_err() && client.start(&call()).await.is_err());
    let text = metrics.render();
    for code in ["60007", "0", "other", "no_answer"] {
        let row = format!("offhook_tencent_requests_total{{api=\"start_call_by_robot\",code=\"{code}\"}} 1");
        assert!(text.contains(&row), "{row} in\n{text}");
    }
}

#[test]
fn a_request_is_shown_without_its_signature_and_goes_to_its_region() {
    let region = Settings { host: Region::Jakarta.into(), ..settings("https://x.example") };
    let client = CallEngine::new(region, Clock::system(), Chance::custom(|| 4_294_967_295), None).unwrap();
    let outgoing = client.prepare(&Request::Start(Box::new(call()))).unwrap();
    let masked = "https://adminapiidn.im.qcloud.com/v4/call_engine_http_srv/start_call_by_robot?sdkappid=1400704311&\
                  identifier=administrator&usersig=***&random=4294967295&contenttype=json";
    let shown = outgoing.to_string();
    assert!(shown.starts_with(&format!("POST {masked}\n")), "{shown}");
    assert_eq!(outgoing.masked()["url"], masked);
    assert_eq!(outgoing.masked()["body"]["CallInfo"]["RoomIdType"], 2);
    let user_sig = client.user_sigs().get(&UserId::parse("administrator").unwrap());
    assert!(
        outgoing.url().as_str().contains(user_sig.expose()) && !format!("{outgoing:?}").contains(user_sig.expose())
    );
}
