//! The client of stream ingest: signed as documented, and a room's type written so that Tencent understands it.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use offhook::clock::Clock;
use offhook::tencent::ingest::{Change, Ingests, Playing, Settings, Site, StartIngest};
use offhook::tencent::tc3::Credentials;
use offhook::tencent::{Chance, Host, RequestError, RoomId, RoomReading, UserSig, UserSigs};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::call_engine::{key, patience};
use super::stand_in::{Asked, Says, StandIn, body};

const SECRET_KEY: &str = "made-up-key-of-the-cloud-api";

fn client(host: &str, room_reading: Option<RoomReading>) -> Ingests {
    let (secret_id, secret_key) = ("AKIDmadeUp".to_owned(), SECRET_KEY.into());
    let settings = Settings {
        credentials: Credentials { secret_id, secret_key, token: Some("a-temporary-token".into()) },
        site: Site::International,
        endpoint: Host::parse(host).expect("a host"),
        region: "ap-singapore".to_owned(),
        room_reading,
        patience: patience(),
    };
    let user_sigs = Arc::new(UserSigs::new(key(), Duration::from_secs(86_400), Clock::system()));
    Ingests::new(settings, user_sigs, Clock::system(), Chance::random(), None).expect("a client")
}

fn text_room() -> RoomId {
    RoomId::text("book-club_7").expect("a room")
}

fn ingest(room: RoomId) -> StartIngest {
    StartIngest::new(room, "concierge", "https://media.example/welcome.mp4")
}

fn answer(fields: Value) -> Says {
    body(json!({ "Response": fields }))
}

fn failing(code: &str) -> Says {
    answer(json!({"Error": {"Code": code, "Message": "as told"}, "RequestId": "r-1"}))
}

fn started() -> Says {
    answer(json!({"TaskId": "a+b-c..", "RequestId": "r-2"}))
}

/// Takes text rooms only as `reading` has them.
async fn tencent_reading(reading: RoomReading) -> StandIn {
    StandIn::answering(move |_, asked| {
        let text_type = if reading == RoomReading::CallGuide { 1 } else { 0 };
        if asked.json()["RoomIdType"] == text_type { started() } else { failing("InvalidParameter.RoomId") }
    })
    .await
}

/// The signature, made here once more in another way.
fn signature_of(asked: &Asked) -> String {
    let header = |name: &str| asked.headers[name].clone();
    let hmac = |key: &[u8], text: &str| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let authorization = header("authorization");
    let signed = authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next()).expect("names");
    let lines: String = signed.split(';').map(|name| format!("{name}:{}\n", header(name).to_lowercase())).collect();
    let canonical = format!("POST\n/\n\n{lines}\n{signed}\n{}", hex::encode(Sha256::digest(&asked.body)));
    let scope = authorization.split_once('/').and_then(|(_, rest)| rest.split(',').next()).expect("a scope");
    let date = scope.split('/').next().expect("a date");
    let text =
        format!("TC3-HMAC-SHA256\n{}\n{scope}\n{}", header("x-tc-timestamp"), hex::encode(Sha256::digest(canonical)));
    let key = ["trtc", "tc3_request"]
        .iter()
        .fold(hmac(format!("TC3{SECRET_KEY}").as_bytes(), date), |key, part| hmac(&key, part));
    hex::encode(hmac(&key, &text))
}

#[tokio::test]
async fn an_ingest_leaves_signed_and_as_documented() {
    let tencent = StandIn::saying([started()]).await;
    let client = client(tencent.url(), None);
    let playing = Playing {
        seek: Some(5),
        repeat: Some(-1),
        max_minutes: Some(30),
        volume: Some(80),
        ..Playing::once("https://media.example/a.mp4")
    };
    let begun = client.start(&StartIngest { playing, private_map_key: true, ..ingest(text_room()) }).await.unwrap();
    assert_eq!((begun.task_id.as_str(), begun.request_id.as_deref()), ("a+b-c..", Some("r-2")));
    let asked = &tencent.asked()[0];
    assert_eq!(asked.target, "/");
    for (name, value) in [
        ("x-tc-action", "StartStreamIngest"),
        ("x-tc-version", "2019-07-22"),
        ("x-tc-region", "ap-singapore"),
        ("x-tc-token", "a-temporary-token"),
        ("content-type", "application/json; charset=utf-8"),
    ] {
        assert_eq!(asked.headers[name], value);
    }
    assert_eq!(asked.headers["host"], tencent.url().trim_start_matches("http://"));
    let authorization = &asked.headers["authorization"];
    assert!(authorization.starts_with("TC3-HMAC-SHA256 Credential=AKIDmadeUp/"), "{authorization}");
    assert!(authorization.ends_with(&format!("Signature={}", signature_of(asked))), "{authorization}");
    let mut sent = asked.json();
    let user_sig = UserSig::read(sent["UserSig"].as_str().unwrap()).unwrap();
    assert_eq!(user_sig.identifier, "concierge");
    assert_eq!(user_sig.verify(&key(), Clock::system().now()), Ok(()));
    let map_key = UserSig::read(sent["PrivateMapKey"].as_str().unwrap()).unwrap();
    assert!(map_key.user_buf.unwrap().ends_with(b"book-club_7"));
    for signature in ["UserSig", "PrivateMapKey"] {
        sent.as_object_mut().unwrap().remove(signature);
    }
    let documented = json!({"SdkAppId": 1_400_704_311, "RoomId": "book-club_7", "RoomIdType": 1, "UserId": "concierge",
        "StreamUrl": "https://media.example/a.mp4", "SeekSecond": 5, "RepeatNum": -1, "MaxDuration": 30, "Volume": 80});
    assert_eq!(sent, documented);
}

#[tokio::test]
async fn a_text_room_is_found_whichever_reading_tencent_has_and_it_is_remembered() {
    for tencents in [RoomReading::CallGuide, RoomReading::ApiReference] {
        for ours in [None, Some(RoomReading::CallGuide), Some(RoomReading::ApiReference)] {
            let tencent = tencent_reading(tencents).await;
            let client = client(tencent.url(), ours);
            let differ = ours.unwrap_or(RoomReading::CallGuide) != tencents;
            let begun = client.start(&ingest(text_room())).await.unwrap();
            assert_eq!(begun.other_reading, differ.then_some(tencents));
            assert_eq!(tencent.asked().len(), if differ { 2 } else { 1 });
            assert_eq!(client.room_reading(), tencents);
            assert_eq!(client.start(&ingest(text_room())).await.unwrap().other_reading, None);
            assert_eq!(tencent.asked().len(), if differ { 3 } else { 2 });
        }
    }
}

#[tokio::test]
async fn a_room_that_could_be_mistaken_for_another_waits_for_a_choice_and_is_tried_once_only() {
    let tencent = StandIn::saying([failing("InvalidParameter.StrRoomId")]).await;
    for room in [RoomId::number(4711).unwrap(), RoomId::text("4711").unwrap()] {
        let error = client(tencent.url(), None).start(&ingest(room.clone())).await.unwrap_err();
        assert!(matches!(error, RequestError::Invalid(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("contradict each other") && text.contains("ingest.room_id_type"), "{text}");
        assert_eq!(tencent.asked().len(), 0);
    }
    let chosen = client(tencent.url(), Some(RoomReading::ApiReference));
    let error = chosen.start(&ingest(RoomId::number(4711).unwrap())).await.unwrap_err();
    assert_eq!((error.code(), tencent.asked().len()), (Some("InvalidParameter.StrRoomId"), 1));
    assert_eq!(tencent.asked()[0].json()["RoomIdType"], 1);
    assert_eq!(tencent.asked()[0].json()["RoomId"], "4711");
}

#[tokio::test]
async fn a_room_that_is_wrong_under_both_readings_is_told_once() {
    let tencent = StandIn::saying([failing("InvalidParameter.RoomId")]).await;
    let client = client(tencent.url(), None);
    let error = client.start(&ingest(text_room())).await.unwrap_err();
    assert_eq!((error.code(), tencent.asked().len()), (Some("InvalidParameter.RoomId"), 2));
    assert_eq!(client.room_reading(), RoomReading::CallGuide);
}

#[tokio::test]
async fn limits_back_off_what_may_play_is_unknown_and_the_rest_is_said() {
    let tencent = StandIn::saying([failing("RequestLimitExceeded.UinLimitExceeded"), started()]).await;
    client(tencent.url(), None).start(&ingest(text_room())).await.unwrap();
    assert_eq!(tencent.asked().len(), 2);
    for says in [Says::Nothing, Says::Status(502, ""), failing("InternalError.HttpParseFailed"), answer(json!({}))] {
        let tencent = StandIn::saying([says]).await;
        let error = client(tencent.url(), None).start(&ingest(text_room())).await.unwrap_err();
        assert!(error.is_unknown() && tencent.asked().len() == 1, "{error}");
    }
    for (code, expected) in [
        ("AuthFailure.SignatureExpire", "set this machine's clock"),
        ("AuthFailure.SignatureFailure", "not the app's SDKSecretKey"),
        ("FailedOperation.NotRtmpFunction", "package"),
        ("ResourceNotFound.Whatever", "not documented"),
    ] {
        let tencent = StandIn::saying([failing(code)]).await;
        let text = client(tencent.url(), None).start(&ingest(text_room())).await.unwrap_err().to_string();
        assert!(text.contains(expected) && text.contains("as told") && text.contains("r-1"), "{text}");
    }
}

#[tokio::test]
async fn tasks_are_told_of_changed_and_stopped() {
    let tencent = StandIn::answering(|_, asked| match asked.headers["x-tc-action"].as_str() {
        "DescribeStreamIngest" => answer(json!({"Status": "NotExist", "RequestId": "r"})),
        "UpdateStreamIngest" => answer(json!({"Status": "InProgress", "RequestId": "r"})),
        _ => answer(json!({"RequestId": "r"})),
    })
    .await;
    let client = client(tencent.url(), None);
    assert!(!client.status("a+b-c..").await.unwrap().is_playing());
    let change = Change { volume: Some(20), pause: Some(true), ..Change::default() };
    assert!(client.update("a+b-c..", &change).await.unwrap().is_playing());
    client.stop("a+b-c..").await.unwrap();
    let bodies: Vec<_> = tencent.asked().iter().map(Asked::json).collect();
    let task = |more: Value| {
        let mut fields = json!({"SdkAppId": 1_400_704_311, "TaskId": "a+b-c.."});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    assert_eq!(bodies, [task(json!({})), task(json!({"Volume": 20, "IsPause": true})), task(json!({}))]);
    for asked in tencent.asked() {
        assert!(asked.headers["authorization"].ends_with(&signature_of(&asked)));
    }
    assert!(matches!(client.stop("a b").await, Err(RequestError::Invalid(_))));
    assert!(client.update("t", &Change::default()).await.unwrap_err().to_string().contains("nothing is to change"));
}

#[tokio::test]
async fn values_out_of_range_do_not_leave_and_signatures_are_not_shown() {
    let tencent = StandIn::saying([started()]).await;
    let client = client(tencent.url(), None);
    let url = "https://media.example/a.mp4";
    let rows = [
        (Playing::once("a.mp4"), "StreamUrl: expected a URL"),
        (Playing { repeat: Some(0), ..Playing::once(url) }, "RepeatNum: 0"),
        (Playing { repeat: Some(1001), ..Playing::once(url) }, "RepeatNum: 1001"),
        (Playing { max_minutes: Some(5), ..Playing::once(url) }, "only with RepeatNum -1"),
        (Playing { volume: Some(101), ..Playing::once(url) }, "Volume: 101 is not from 0 to 100"),
        (Playing { tempo: Some(1.1), ..Playing::once(url) }, "Tempo: 1.1"),
        (Playing { idle_timeout: Some(601), ..Playing::once(url) }, "IdleTimeout: 601"),
    ];
    for (playing, expected) in rows {
        let text = client.start(&StartIngest { playing, ..ingest(text_room()) }).await.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(tencent.asked().len(), 0);
    let shown = client.prepare_start(&ingest(text_room())).unwrap();
    let secrets =
        [shown.headers().iter().find(|(name, _)| *name == "authorization").unwrap().1.rsplit('=').next().unwrap()];
    let body: Value = serde_json::from_str(shown.body()).unwrap();
    for text in [shown.to_string(), shown.masked().to_string()] {
        assert!(!text.contains(secrets[0]) && !text.contains(body["UserSig"].as_str().unwrap()), "{text}");
        assert!(!text.contains("a-temporary-token") && text.contains("Signature=***"), "{text}");
    }
}
