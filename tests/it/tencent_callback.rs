//! Tencent's callbacks, proven and understood: pure functions, no network.

use http::HeaderMap;
use jiff::Timestamp;
use offhook::event::EventId;
use offhook::kind::{Family, KINDS};
use offhook::secret::Secret;
use offhook::tencent::RoomId;
use offhook::tencent::callback::{
    Action, CallEnded, CallProof, CallResult, CallStarted, CallbackSecrets, Decoded, MediaType, MemberChanged, SAMPLES,
    TrtcEvent, TrtcProof, decode_call, decode_trtc, sample, sign_call, sign_trtc,
};
use offhook::{Event, Refusal};

const APP: u32 = 1_400_004_711;
const TOKEN: &str = "path-token-made-up-1";
const OLD_TOKEN: &str = "path-token-made-up-0";
const KEY: &str = "madeUpTrtcKey1";
const OLD_KEY: &str = "madeUpTrtcKey0";

fn secrets() -> CallbackSecrets {
    let secrets = |texts: [&str; 2]| texts.map(Secret::from);
    CallbackSecrets::new(APP, secrets([TOKEN, OLD_TOKEN]), secrets([KEY, OLD_KEY]))
}

fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_610).expect("a time")
}

fn query(more: &str) -> String {
    format!("SdkAppid={APP}&CallbackCommand=Call.CallbackAfterStartCall&contenttype=json&ClientIP=203.0.113.9{more}")
}

fn call(body: &str) -> Result<Decoded, Refusal> {
    let proof = CallProof::prove(&secrets(), TOKEN, &query(""), now())?;
    decode_call(proof.verify(body.to_owned().into()), EventId::at(now()), now())
}

fn headers(sign: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("SdkAppId", APP.to_string().parse().expect("a value"));
    headers.insert("Sign", sign.parse().expect("a value"));
    headers
}

fn trtc(body: &str) -> Result<Decoded, Refusal> {
    let proof = TrtcProof::prove(&secrets(), &headers(&sign_trtc(KEY, body.as_bytes())))?;
    decode_trtc(proof.verify(body.to_owned().into())?, EventId::at(now()), now())
}

fn event(kind: &str) -> Event {
    let body = sample(kind).expect("a sample");
    let decoded = if kind.starts_with("trtc") { trtc(body) } else { call(body) }.expect("understood");
    assert_eq!(decoded.faults, [], "{kind}");
    decoded.event
}

#[test]
fn every_sample_becomes_its_kind_and_keeps_its_bytes() {
    for (kind, body) in SAMPLES {
        let event = event(kind);
        assert_eq!((event.kind().name(), event.text()), (*kind, *body));
        assert!(event.kind().row().is_some(), "{kind}");
        assert_eq!(&**event.app_key(), APP.to_string());
        assert!(event.sent_at().is_some_and(|sent| sent.starts_with("17672256")), "{kind}");
    }
}

#[test]
fn a_call_begins_is_answered_and_ends() {
    let started: CallStarted = event("call_engine.start").typed().expect("typed");
    let info = started.call_info.expect("a call");
    assert_eq!(info.room(), Some(RoomId::Text("clinic-7".to_owned())));
    assert_eq!(info.media(), Some(MediaType::Video));
    assert_eq!(event("call_engine.start").subject(), Some("reminder-bot"));

    let changed: MemberChanged = event("call_engine.member_changed").typed().expect("typed");
    let change = changed.changes.expect("a change").remove(0);
    assert_eq!(change.account.as_deref(), Some("9007199254740995"), "no digit is lost");
    assert_eq!(change.action.map(|action| action.meaning()), Some(Action::Accept));
    assert_eq!(event("call_engine.member_changed").subject(), Some("9007199254740995"));

    let ended: CallEnded = event("call_engine.end").typed().expect("typed");
    let record = ended.record.expect("a record");
    assert_eq!(record.result.map(|result| result.meaning()), Some(CallResult::NormalEnd));
    assert_eq!(record.callees.unwrap_or_default(), ["reminder-bot", "mei"]);
    assert_eq!(event("call_engine.end").subject(), Some("reminder-bot"));
}

#[test]
fn a_number_room_and_a_text_room_stay_apart() {
    let room = |kind: &str| event(kind).typed::<TrtcEvent>().and_then(|event| event.info?.room_id);
    assert_eq!(room("trtc.1.103"), Some(RoomId::Text("clinic-7".to_owned())));
    assert_eq!(room("trtc.1.104"), Some(RoomId::Number(70707)));
    assert_eq!(event("trtc.1.103").subject(), Some("mei"));
}

#[test]
fn a_stream_ingest_has_its_task_and_its_time_in_either_form() {
    let ingest: TrtcEvent = event("trtc.7.701").typed().expect("typed");
    assert_eq!(ingest.callback_time(), Some(1_767_225_605_012));
    let info = ingest.info.expect("information");
    assert_eq!((info.task_id.as_deref(), info.status), (Some("Zx9+made-up.task-"), Some(0)));
    assert_eq!(info.event_ms, Some(1_767_225_605_001), "sent as text");
}

#[test]
fn what_nobody_documented_is_kept_where_it_stood() {
    let body = r#"{"CallbackCommand":"Call.CallbackAfterStartCall","Trace":1,
        "CallInfo":{"CallId":"c-1","Codec":"opus"},"UserList":[{"User_Account":"mei","Seat":12345678901234567890}]}"#;
    let started: CallStarted = call(body).expect("understood").event.typed().expect("typed");
    assert_eq!(started.other["Trace"].get(), "1");
    assert_eq!(started.call_info.expect("a call").other["Codec"].get(), r#""opus""#);
    assert_eq!(started.user_list.expect("users")[0].other["Seat"].get(), "12345678901234567890");
}

#[test]
fn an_impossible_value_is_told_and_leaves_the_rest() {
    let body = r#"{"CallbackCommand":"Call.CallbackAfterEndCall","CallRecord":{"CallId":"c-1","StartTime":{},
        "Caller_Account":"bo","CalleeList_Account":"[\"an\",17]"},"EventTime":[]}"#;
    let decoded = call(body).expect("understood");
    let told: Vec<_> = decoded.faults.iter().map(|fault| fault.field).collect();
    assert_eq!(told, ["StartTime", "EventTime"]);
    let record = decoded.event.typed::<CallEnded>().and_then(|ended| ended.record).expect("a record");
    assert_eq!(record.callees.unwrap_or_default(), ["an", "17"], "a list that came as text");
    assert_eq!(decoded.event.subject(), Some("bo"));
}

#[test]
fn an_unknown_command_and_an_unknown_event_are_kinds_too() {
    let kind = |decoded: Result<Decoded, Refusal>| decoded.expect("understood").event.kind().name().to_owned();
    assert_eq!(
        kind(call(r#"{"CallbackCommand":"Call.CallbackAfterApplause"}"#)),
        "call_engine.unknown.call.callbackafterapplause"
    );
    assert_eq!(kind(call("{}")), "call_engine.start", "the query names it");
    assert_eq!(kind(trtc(r#"{"EventGroupId":"4","EventType":401,"EventInfo":{}}"#)), "trtc.4.401");
    assert_eq!(trtc(r#"{"EventGroupId":1}"#).unwrap_err(), Refusal::KindMissing("EventType"));
    assert_eq!(call("[]").unwrap_err(), Refusal::BodyNotAnObject);
    assert_eq!(trtc("{").unwrap_err().code(), "body_not_json");
}

#[test]
fn a_path_is_believed_by_any_current_token_and_for_our_app_only() {
    let judge = |token: &str, query: &str| {
        CallProof::prove(&secrets(), token, query, now()).map(|proof| proof.secret().to_string())
    };
    let (new, old) = (judge(TOKEN, &query("")).unwrap(), judge(OLD_TOKEN, &query("")).unwrap());
    assert_ne!(new, old, "fingerprints tell them apart");
    for wrong in ["", "path-token-made-up", "path-token-made-up-12", "PATH-TOKEN-MADE-UP-1"] {
        assert_eq!(judge(wrong, &query("")), Err(Refusal::TokenMismatch), "{wrong}");
    }
    for wrong in ["", "SdkAppid=1400004712", "SdkAppid=1400004711%20", "SdkAppid=01400004711", "sdkAppId"] {
        assert_eq!(judge(TOKEN, wrong), Err(Refusal::SdkAppIdUnknown), "{wrong}");
    }
    assert!(judge(TOKEN, "sdkappid=1400004711").is_ok(), "the older spelling");
    let nothing = CallbackSecrets::new(APP, [], []);
    assert_eq!(CallProof::prove(&nothing, "", &query(""), now()).unwrap_err(), Refusal::TokenMismatch);
}

#[test]
fn a_chat_style_signature_is_checked_where_it_is_sent() {
    let judge = |more: &str| CallProof::prove(&secrets(), TOKEN, &query(more), now()).map(|_| ());
    let time = now().as_second();
    let signed = |token: &str, time: i64| format!("&RequestTime={time}&Sign={}", sign_call(token, &time.to_string()));
    assert_eq!(judge(&signed(TOKEN, time)), Ok(()));
    assert_eq!(judge(&signed(OLD_TOKEN, time - 300)), Ok(()));
    assert_eq!(judge(&signed(TOKEN, time - 301)).unwrap_err().code(), "stale");
    assert_eq!(judge(&signed(TOKEN, time + 301)).unwrap_err().code(), "from_the_future");
    for wrong in [signed("another", time), "&Sign=".to_owned(), format!("&Sign={}", sign_call(TOKEN, "1"))] {
        assert_eq!(judge(&wrong).unwrap_err().code(), "sign_mismatch", "{wrong}");
    }
}

#[test]
fn the_published_signatures_hold() {
    assert_eq!(sign_call("xxxxyyyy", "1669872112"), "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061");
    let fields = [("RoomId", "8489"), ("EventTs", "1664209748"), ("EventMsTs", "1664209748180")];
    let info: String = fields.iter().map(|(name, value)| format!("\t\t\"{name}\":\t{value},\n")).collect();
    let body = format!(
        "{{\n\t\"EventGroupId\":\t2,\n\t\"EventType\":\t204,\n\t\"CallbackTs\":\t1664209748188,\n\t\"EventInfo\":\t{{\n{info}\t\t\"UserId\":\t\"user_85034614\",\n\t\t\"Reason\":\t0\n\t}}\n}}"
    );
    assert_eq!(sign_trtc("123654", body.as_bytes()), "kkoFeO3Oh2ZHnjtg8tEAQhtXK16/KI05W3BQff8IvGA=");
}

#[test]
fn a_room_event_is_believed_by_the_bytes_that_were_signed() {
    let body = sample("trtc.1.103").expect("a sample");
    let judge = |headers: &HeaderMap, body: &str| {
        TrtcProof::prove(&secrets(), headers).and_then(|proof| proof.verify(body.to_owned().into())).map(|_| ())
    };
    let good = headers(&sign_trtc(KEY, body.as_bytes()));
    assert_eq!(judge(&good, body), Ok(()));
    assert_eq!(judge(&headers(&sign_trtc(OLD_KEY, body.as_bytes())), body), Ok(()));
    assert_eq!(judge(&good, &body.replace("mei", "bo")).unwrap_err().code(), "sign_mismatch");
    for wrong in [sign_trtc("another", body.as_bytes()), "AAAA".to_owned(), "!".repeat(44)] {
        assert_eq!(judge(&headers(&wrong), body).unwrap_err().code(), "sign_mismatch", "{wrong}");
    }
    let mut other = good.clone();
    other.insert("SdkAppId", "1".parse().expect("a value"));
    assert_eq!(judge(&other, body), Err(Refusal::SdkAppIdUnknown));
    other.remove("SdkAppId");
    assert_eq!(judge(&other, body), Ok(()), "the signature alone is proof");
    other.append("Sign", "x".parse().expect("a value"));
    assert_eq!(judge(&other, body), Err(Refusal::HeaderRepeated("Sign")));
    other.remove("Sign");
    assert_eq!(judge(&other, body).unwrap_err().code(), "sign_mismatch");
}

#[test]
fn equal_bodies_are_recognised_and_others_are_not() {
    let digest = |body: &str| call(body).expect("understood").digest;
    let body = sample("call_engine.end").expect("a sample");
    assert_eq!(digest(body), digest(body));
    assert_ne!(digest(body), digest(&body.replace("mei", "bo")));
}

#[test]
fn every_kind_of_tencent_says_who_acts_or_nobody() {
    let tencent = KINDS.iter().filter(|row| [Family::TencentCall, Family::TencentTrtc].contains(&row.family));
    assert_eq!(tencent.filter(|row| !row.actor.is_empty()).count(), 14);
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let proof = CallProof::prove(&secrets(), TOKEN, &query(""), now()).expect("proven");
    let event = event("call_engine.start");
    for shown in [format!("{:?}", secrets()), format!("{proof:?}"), event.headers().to_owned()] {
        assert!(![TOKEN, OLD_TOKEN, KEY, OLD_KEY].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
