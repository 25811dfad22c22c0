//! The whole of it: ring, wait for the answer, play, hang up; and whatever goes wrong, no call is left behind.

use std::sync::Mutex;

use offhook::clock::Clock;
use offhook::tencent::call_engine::{CallEngine, Media, StartCall};
use offhook::tencent::ingest::{Ingests, Playing, Site};
use offhook::tencent::play::{Asking, Plan, PlayError, Played, Sign, Step, Witness, play};
use offhook::tencent::tc3::Credentials;
use offhook::tencent::{Account, Host, RoomId, UserId, ingest};
use serde_json::json;

use super::call_engine::{key, patience};
use super::stand_in::{Asked, Says, StandIn, body};

/// A Tencent in which a callee answers when asked about for the second time, and media ends at the second look.
async fn tencent(how: impl Fn(&str, usize) -> Option<Says> + Send + Sync + 'static) -> StandIn {
    let times = Mutex::new(std::collections::HashMap::<String, usize>::new());
    StandIn::answering(move |_, asked| {
        let what = name(asked);
        let time = {
            let mut times = times.lock().expect("times");
            let time = times.entry(what.clone()).or_default();
            *time += 1;
            *time
        };
        how(&what, time).unwrap_or_else(|| usual(&what, time))
    })
    .await
}

fn usual(what: &str, time: usize) -> Says {
    let engine = |response| json!({"ErrorCode": 0, "ErrorInfo": "", "ActionStatus": "OK", "Response": response});
    let cloud = |response| json!({ "Response": response });
    body(match what {
        "start_call_by_robot" => {
            engine(json!({"CallId": "c-1", "CallResult": [{"Callee_Account": "chen_bo", "ResultCode": 0}]}))
        }
        "get_call_info" => {
            let status = if time > 1 { "Calling" } else { "Waiting" };
            engine(json!({"CallInfo": {"CallId": "c-1"}, "UserList": [
                {"User_Account": "concierge", "Status": "Calling"}, {"User_Account": "chen_bo", "Status": status}]}))
        }
        "StartStreamIngest" => cloud(json!({"TaskId": "t+1.", "RequestId": "r"})),
        "DescribeStreamIngest" => {
            let status = if time > 1 { "NotExist" } else { "InProgress" };
            cloud(json!({"Status": status, "RequestId": "r"}))
        }
        "StopStreamIngest" => cloud(json!({"RequestId": "r"})),
        _ => engine(json!({})),
    })
}

fn name(asked: &Asked) -> String {
    let path = asked.target.split('?').next().unwrap_or_default();
    let action = asked.headers.get("x-tc-action").cloned();
    action.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned())
}

fn clients(tencent: &StandIn) -> (CallEngine, Ingests) {
    let host = Host::parse(tencent.url()).expect("a host");
    let credentials = Credentials { secret_id: "id".to_owned(), secret_key: "key".into(), token: None };
    let ingest = ingest::Settings {
        credentials,
        site: Site::International,
        endpoint: host.clone(),
        region: "ap-singapore".to_owned(),
        room_reading: None,
        patience: patience(),
    };
    let account = Account { key: key(), admin: UserId::administrator(), host: Some(host), ingest: Some(ingest) };
    let clock = Clock::system();
    (account.call_engine(&clock).expect("a client"), account.ingests(&clock).expect("a client"))
}

fn plan() -> Plan {
    let call = StartCall {
        room: Some(RoomId::text("club-7").expect("a room")),
        ..StartCall::new("concierge", vec!["chen_bo".to_owned()], Media::Video)
    };
    Plan { call, playing: Playing::once("https://media.example/a.mp4"), private_map_key: false }
}

fn names(tencent: &StandIn) -> Vec<String> {
    tencent.asked().iter().map(name).collect()
}

/// A witness that says what the test has it say, and then nothing more.
struct Saying(Vec<Sign>);

impl Witness for Saying {
    async fn next(&mut self, _: &str) -> Sign {
        if self.0.is_empty() { std::future::pending().await } else { self.0.remove(0) }
    }
}

#[tokio::test]
async fn without_callbacks_it_asks_plays_to_the_end_and_hangs_up() {
    let tencent = tencent(|_, _| None).await;
    let (engine, ingests) = clients(&tencent);
    let mut steps = Vec::new();
    let mut witness = Asking::new(&engine, "concierge");
    let tell = |step| steps.push(step);
    let played = play(&engine, &ingests, &plan(), &mut witness, tell, std::future::pending()).await.unwrap();
    assert_eq!(played, Played::ToTheEnd);
    let expected = [
        Step::Ringing { call_id: "c-1".to_owned() },
        Step::Accepted("chen_bo".to_owned()),
        Step::Playing { task_id: "t+1.".to_owned() },
        Step::MediaEnded,
        Step::HangingUp,
        Step::Ended(None),
    ];
    assert_eq!(steps, expected);
    let ingest = tencent.asked().into_iter().find(|asked| name(asked) == "StartStreamIngest").unwrap().json();
    assert_eq!((&ingest["RoomId"], &ingest["UserId"]), (&json!("club-7"), &json!("concierge")));
    assert_eq!(names(&tencent).last().unwrap(), "end_call");
}

#[tokio::test]
async fn media_that_cannot_start_ends_the_call() {
    let refusing = |what: &str, _| {
        let error = json!({"Response": {"Error": {"Code": "InvalidParameter.StreamUrl", "Message": "m"}}});
        (what == "StartStreamIngest").then(|| body(error))
    };
    let tencent = tencent(refusing).await;
    let (engine, ingests) = clients(&tencent);
    let mut witness = Saying(vec![Sign::Accepted("chen_bo".to_owned())]);
    let error = play(&engine, &ingests, &plan(), &mut witness, |_| {}, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, PlayError::Media(_)), "{error}");
    assert_eq!(names(&tencent), ["start_call_by_robot", "StartStreamIngest", "end_call"]);
}

#[tokio::test]
async fn a_callee_that_hangs_up_ends_the_media_and_one_that_never_answers_gets_none() {
    let tencent = tencent(|what, _| {
        (what == "DescribeStreamIngest").then(|| body(json!({"Response": {"Status": "InProgress"}})))
    })
    .await;
    let (engine, ingests) = clients(&tencent);
    let ended = Sign::Ended(Some("NormalEnd".to_owned()));
    let mut witness = Saying(vec![Sign::Accepted("chen_bo".to_owned()), ended.clone()]);
    let played = play(&engine, &ingests, &plan(), &mut witness, |_| {}, std::future::pending()).await.unwrap();
    assert_eq!(played, Played::CutShort);
    assert_eq!(names(&tencent), ["start_call_by_robot", "StartStreamIngest", "StopStreamIngest"]);
    let mut witness = Saying(vec![Sign::Declined("chen_bo".to_owned(), "Reject".to_owned()), ended]);
    let played = play(&engine, &ingests, &plan(), &mut witness, |_| {}, std::future::pending()).await.unwrap();
    assert_eq!((played, names(&tencent).len()), (Played::NotAnswered, 4));
}

#[tokio::test]
async fn asked_to_stop_it_stops_the_media_and_hangs_up() {
    let tencent = tencent(|what, _| {
        (what == "DescribeStreamIngest").then(|| body(json!({"Response": {"Status": "InProgress"}})))
    })
    .await;
    let (engine, ingests) = clients(&tencent);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stop = Mutex::new(Some(stop));
    let tell = |step| {
        if matches!(step, Step::Playing { .. }) {
            stop.lock().unwrap().take();
        }
    };
    let asked = async { _ = stopped.await };
    let mut witness = Saying(vec![Sign::Accepted("chen_bo".to_owned())]);
    assert_eq!(play(&engine, &ingests, &plan(), &mut witness, tell, asked).await.unwrap(), Played::Stopped);
    assert_eq!(names(&tencent), ["start_call_by_robot", "StartStreamIngest", "StopStreamIngest", "end_call"]);
    let mut witness = Saying(Vec::new());
    let played = play(&engine, &ingests, &plan(), &mut witness, |_| {}, std::future::ready(())).await;
    assert_eq!(played.unwrap(), Played::Stopped);
    assert_eq!(names(&tencent)[4..], ["start_call_by_robot", "end_call"]);
}
