//! Yunxin's protocol as pure functions: signatures, tolerant reading, and the verdict byte by byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use offhook::kind::{Family, KINDS, Kind, Wire};
use offhook::yunxin::{self, App, Apps, CallStart, ClientType, RoomCreate, encode, sample, sign};
use offhook::{Event, Refusal, Verdict};
use proptest::prelude::*;

const SECRET: &str = "0123456789ab";

/// The vendor's own example, whose MD5 stands in every page of its documentation.
const PUBLISHED: &str = concat!(
    r#"{"body":"123456","eventType":1,"fromAccount":"000266","fromClientType":"WEB","#,
    r#""fromDeviceId":"617715aa8579db03f0cf054c199cc71b","fromNick":"yj000266","msgTimestamp":"1541560157286","#,
    r#""msgType":"TEXT","msgidClient":"","to":"005877"}"#
);

const CALL: &str = concat!(
    r#"{"callType":2,"eventType":20,"forceKeepCalling":true,"fromAccount":"rss02","#,
    r#""fromClientIp":"240e:e8:f012:6fc1:ec15:1366:3ccb:2f18","fromClientPort":"50867","fromClientType":"IOS","#,
    r#""fromDeviceId":"727EDBAF-AF84-42AE-9E09-EE586CCBCF2D","notifyAttach":"音视频请求扩展信息","#,
    r#""timestamp":"1573459861008","toAccountList":["rss01"]}"#
);

const ROOM: &str = concat!(
    r#"{"channelName":"ss","eventType":21,"fromAccount":"lly1","fromClientIp":"115.236.119.138","#,
    r#""fromClientPort":"46612","fromClientType":"WEB","fromDeviceId":"862e8f7463b0721f4a49d77bb14cc124","#,
    r#""roomConfig":"","selfConfig":"","timestamp":"1573456122632"}"#
);

#[test]
fn the_published_vector_holds() {
    assert_eq!(PUBLISHED.len(), 228);
    assert_eq!(sign("any", PUBLISHED.as_bytes(), "1541583920979").md5, "e89c284a5ad9a76b3176e23108920f81");
    assert_eq!(sign("any", b"{}", "0").md5, "99914b932bd37a50b983c5e7c90ae93b");
}

#[test]
fn the_projects_own_vectors_hold() {
    let vectors = [
        (SECRET, CALL, "1541583920979", "1d7d5aa414f1164474bb31d7217b99be", "7f973b67a10664c39509a8ebc8e8ebb6a9064762"),
        (SECRET, ROOM, "1541583920979", "62908f7e6d169c0b53d1c91e455dcd7f", "53561a098c9aa9a84f87c3d04a6f5eabdedb0e15"),
        (
            "app-secret",
            r#"{"eventType":1}"#,
            "1710000000",
            "59073e4bdf25c0fcdc8790a8b274bc27",
            "ded804776b42a2758e418cb77fe4d4374185135f",
        ),
    ];
    for (secret, body, cur_time, md5, check_sum) in vectors {
        let signature = sign(secret, body.as_bytes(), cur_time);
        assert_eq!((&*signature.md5, &*signature.check_sum), (md5, check_sum), "{body}");
    }
}

#[test]
fn every_documented_number_has_its_kind() {
    let documented: Vec<i64> = (1..=37).chain([40]).collect();
    for number in documented {
        let kind = Event::from_json(format!(r#"{{"eventType":{number}}}"#)).unwrap();
        assert!(!kind.kind().name().starts_with("unknown"), "{number}");
    }
    let mut names: Vec<_> = KINDS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len(), "a name stands twice");
}

#[test]
fn both_documented_bodies_are_read_field_by_field() {
    let event = Event::from_json(CALL).unwrap();
    assert_eq!((event.kind().name(), event.subject()), ("call.start", Some("rss02")));
    let call: CallStart = event.typed().unwrap();
    assert_eq!(call.from_account.as_deref(), Some("rss02"));
    assert_eq!(call.from_device_id.as_deref(), Some("727EDBAF-AF84-42AE-9E09-EE586CCBCF2D"));
    assert_eq!(call.from_client_type, Some(ClientType::Ios));
    assert_eq!(call.from_client_ip.as_deref(), Some("240e:e8:f012:6fc1:ec15:1366:3ccb:2f18"));
    assert_eq!(call.from_client_port.as_deref(), Some("50867"));
    assert_eq!((call.call_type, call.force_keep_calling), (Some(2), Some(true)));
    assert_eq!(call.notify_attach.as_deref(), Some("音视频请求扩展信息"));
    assert_eq!(call.to_account_list, Some(vec!["rss01".to_owned()]));
    assert_eq!(call.timestamp, Some(1_573_459_861_008));
    assert!(call.other.is_empty(), "{:?}", call.other);

    let event = Event::from_json(ROOM).unwrap();
    assert_eq!((event.kind().name(), event.subject()), ("room.create", Some("lly1")));
    let room: RoomCreate = event.typed().unwrap();
    assert_eq!(room.channel_name.as_deref(), Some("ss"));
    assert_eq!(room.from_client_type, Some(ClientType::Web));
    assert_eq!((room.room_config.as_deref(), room.self_config.as_deref()), (Some(""), Some("")));
    assert_eq!(room.timestamp, Some(1_573_456_122_632));
    assert!(event.typed::<CallStart>().is_none(), "a room is no call");
}

/// A call whose field `name` holds `value`.
fn call_with(name: &str, value: &str) -> CallStart {
    Event::from_json(format!(r#"{{"eventType":20,"{name}":{value}}}"#)).unwrap().typed().unwrap()
}

#[test]
fn numbers_and_texts_stand_for_each_other() {
    for value in ["2", r#""2""#, r#"" 2 ""#] {
        assert_eq!(call_with("callType", value).call_type, Some(2), "{value}");
    }
    for value in ["50867", r#""50867""#] {
        assert_eq!(call_with("fromClientPort", value).from_client_port.as_deref(), Some("50867"), "{value}");
    }
    let account = call_with("fromAccount", "184409700039655569").from_account;
    assert_eq!(account.as_deref(), Some("184409700039655569"));
    assert_eq!(call_with("timestamp", r#""9007199254740993""#).timestamp, Some(9_007_199_254_740_993));
}

#[test]
fn a_whole_number_may_be_written_as_java_writes_a_double() {
    let read = |value: &str| call_with("callType", value).call_type;
    for (value, number) in [
        ("2.0", 2),
        ("0.0", 0),
        ("-0.0E5", 0),
        ("0e-3", 0),
        ("2E0", 2),
        ("0.2e+1", 2),
        ("-1200e-2", -12),
        ("1.0E7", 10_000_000),
        ("1.573459861008E12", 1_573_459_861_008),
        ("9.223372036854775807E18", i64::MAX),
    ] {
        assert_eq!(read(value), Some(number), "{value}");
    }
    for value in [
        "1.5",
        "5e-1",
        "-5e-1",
        "15E-1",
        "9.223372036854775808E18",
        "1e19",
        "1e400",
        "1e-400",
        "1e99999999999",
        "\"1E2\"",
    ] {
        assert_eq!(read(value), None, "{value}");
    }
}

#[test]
fn booleans_come_in_any_dress() {
    let values = [
        ("true", Some(true)),
        ("1", Some(true)),
        (r#""1""#, Some(true)),
        (r#""true""#, Some(true)),
        (r#""TRUE""#, Some(true)),
        ("false", Some(false)),
        ("0", Some(false)),
        (r#""0""#, Some(false)),
        (r#""False""#, Some(false)),
        ("null", None),
        (r#""""#, None),
        ("2", None),
        (r#""maybe""#, None),
        ("[]", None),
    ];
    for (value, expected) in values {
        assert_eq!(call_with("forceKeepCalling", value).force_keep_calling, expected, "{value}");
    }
}

#[test]
fn client_types_are_known_in_any_case_and_by_number_and_unknown_ones_are_kept() {
    let values = [
        (r#""IOS""#, ClientType::Ios),
        (r#""iOS""#, ClientType::Ios),
        (r#""ios""#, ClientType::Ios),
        ("1", ClientType::Android),
        ("2", ClientType::Ios),
        (r#""4""#, ClientType::Pc),
        ("8", ClientType::WindowsPhone),
        ("16", ClientType::Web),
        ("32", ClientType::Rest),
        ("64", ClientType::Mac),
        (r#""harmony""#, ClientType::Harmony),
        (r#""harm\u006fny""#, ClientType::Harmony),
        (r#""TOASTER""#, ClientType::Unknown("TOASTER".to_owned())),
        ("77", ClientType::Unknown("77".to_owned())),
    ];
    for (value, expected) in values {
        assert_eq!(call_with("fromClientType", value).from_client_type, Some(expected), "{value}");
    }
    assert_eq!(call_with("fromClientType", r#""""#).from_client_type, None);
}

#[test]
fn lists_may_be_texts_that_hold_a_list() {
    let list = |value| call_with("toAccountList", value).to_account_list;
    let both = Some(vec!["an".to_owned(), "42".to_owned()]);
    assert_eq!(list(r#"["an","42"]"#), both);
    assert_eq!(list(r#"["an",42]"#), both);
    assert_eq!(list(r#""[\"an\",\"42\"]""#), both);
    assert_eq!(list("[]"), Some(Vec::new()));
    assert_eq!(list(r#""[]""#), Some(Vec::new()));
    for nothing in ["null", r#""""#, r#""an""#, "{}", "5", r#"[["an"]]"#] {
        assert_eq!(list(nothing), None, "{nothing}");
    }
}

#[test]
fn a_field_of_an_impossible_type_is_absent_and_told_and_the_others_are_kept() {
    let body = r#"{"eventType":20,"callType":{"x":1},"fromAccount":["a"],"toAccountList":["an"],"new":{"n":[1.0]}}"#;
    let (apps, now) = (apps(), now());
    let verified = yunxin::verify(&apps, &signed(SECRET, body.as_bytes()), Bytes::from(body), now).unwrap();
    let decoded = yunxin::decode(verified, offhook::event::EventId::at(now), now).unwrap();
    let faults: Vec<_> = decoded.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("callType") && faults[0].contains("an object"), "{faults:?}");
    let call: CallStart = decoded.event.typed().unwrap();
    assert_eq!((call.call_type, call.from_account), (None, None));
    assert_eq!(call.to_account_list, Some(vec!["an".to_owned()]));
    assert_eq!(call.other["new"].get(), r#"{"n":[1.0]}"#);
}

#[test]
fn of_a_field_sent_twice_the_last_counts() {
    let event = Event::from_json(r#"{"eventType":20,"fromAccount":"an","fromAccount":"bo","callType":1,"callType":2}"#);
    let event = event.unwrap();
    let call: CallStart = event.typed().unwrap();
    assert_eq!((call.from_account.as_deref(), call.call_type), (Some("bo"), Some(2)));
    assert_eq!((event.subject(), event.field("callType").unwrap().get()), (Some("bo"), "2"));
}

#[test]
fn the_samples_are_what_their_names_say() {
    for (name, body) in yunxin::SAMPLES {
        assert_eq!(Event::from_json(*body).unwrap().kind().name(), *name);
        assert_eq!(sample(name), Some(*body));
    }
}

fn reply(kind: &str, verdict: &Verdict) -> String {
    let kind = Kind::named(Family::YunxinCallback, kind);
    String::from_utf8(encode(&kind, verdict).to_vec()).unwrap()
}

#[test]
fn verdicts_are_written_byte_by_byte_as_in_the_contract() {
    let nothing = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;
    assert_eq!(reply("call.start", &Verdict::allow()), nothing);
    let rejected = r#"{"errCode":1,"responseCode":20099,"modifyResponse":{},"callbackExt":""}"#;
    assert_eq!(reply("call.start", &Verdict::reject(20099)), rejected);
    let told = r#"{"errCode":1,"responseCode":20010,"modifyResponse":{},"callbackExt":"too \"many\" people"}"#;
    assert_eq!(reply("room.create", &Verdict::reject(20010).with_ext("too \"many\" people")), told);
    let passed_on = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":"好"}"#;
    assert_eq!(reply("call.start", &Verdict::allow().with_ext("好")), passed_on);
}

#[test]
fn only_an_allowed_message_may_be_changed() {
    let change = Verdict::allow().with_change("body", "***");
    let changed = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{"body":"***"},"callbackExt":""}"#;
    let unchanged = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;
    for row in KINDS.iter().filter(|row| matches!(row.wire, Wire::Number(_))) {
        let is_message = matches!(row.wire, Wire::Number(1 | 2 | 6 | 22));
        assert_eq!(reply(row.name, &change), if is_message { changed } else { unchanged }, "{}", row.name);
    }
    let rejected = r#"{"errCode":1,"responseCode":20010,"modifyResponse":{},"callbackExt":""}"#;
    assert_eq!(reply("message.p2p", &Verdict::reject(20010).with_change("body", "***")), rejected);
}

#[test]
fn a_code_outside_the_platforms_range_never_reaches_it() {
    for code in [0, 200, 403, 19999, 20100, u16::MAX] {
        assert!(reply("call.start", &Verdict::reject(code)).contains("\"responseCode\":20099"), "{code}");
    }
}

fn apps() -> Apps {
    [App::new("key", SECRET)].into_iter().collect()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(1_541_583_920_979).unwrap()
}

fn signed(secret: &str, body: &[u8]) -> HeaderMap {
    let signature = sign(secret, body, "1541583920979");
    let values = [
        ("appkey", "key"),
        ("curtime", "1541583920979"),
        ("md5", &*signature.md5),
        ("checksum", &*signature.check_sum),
    ];
    let header = |(name, value): (&'static str, &str)| (http::HeaderName::from_static(name), value.parse().unwrap());
    values.into_iter().map(header).collect()
}

proptest! {
    #[test]
    fn what_is_signed_verifies_whatever_it_is(body: Vec<u8>, secret in "[!-~]{1,40}") {
        let apps: Apps = [App::new("key", &*secret)].into_iter().collect();
        let headers = signed(&secret, &body);
        let verified = yunxin::verify(&apps, &headers, Bytes::from(body.clone()), now()).unwrap();
        prop_assert_eq!(verified.body(), &body);
    }

    #[test]
    fn a_single_changed_byte_is_refused(mut body in prop::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, by in 1..=255_u8) {
        let headers = signed(SECRET, &body);
        let at = at.index(body.len());
        body[at] ^= by;
        let refused = Refusal::BodyChanged { received: body.len() };
        prop_assert_eq!(yunxin::verify(&apps(), &headers, Bytes::from(body), now()).unwrap_err(), refused);
    }

    #[test]
    fn a_single_changed_digit_of_a_digest_is_refused(body: Vec<u8>, name in prop::sample::select(&["md5", "checksum", "curtime"][..]), at: prop::sample::Index) {
        let mut headers = signed(SECRET, &body);
        let mut digits = headers[name].to_str().unwrap().to_owned().into_bytes();
        let at = at.index(digits.len());
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        headers.insert(name, http::HeaderValue::from_bytes(&digits).unwrap());
        prop_assert_eq!(yunxin::verify(&apps(), &headers, Bytes::from(body), now()).unwrap_err(), Refusal::CheckSumMismatch);
    }

    #[test]
    fn no_bytes_make_reading_panic(body: Vec<u8>) {
        let _ = Event::from_json(body);
    }

    #[test]
    fn no_json_makes_reading_panic_and_nothing_is_lost(number in 0..45_i64, name in "[a-zA-Z]{1,16}", value in json()) {
        for name in [&*name, "fromAccount", "callType", "toAccountList", "forceKeepCalling", "timestamp", "authType"] {
            let body = format!(r#"{{"eventType":{number},"{name}":{value}}}"#);
            let event = Event::from_json(body.clone()).unwrap();
            let _ = (event.typed::<CallStart>(), event.typed::<RoomCreate>(), format!("{event:?}"));
            let _ = offhook::decide::is_unchecked_login(&event);
            prop_assert_eq!(event.data().get(), &body);
            prop_assert_eq!(event.field(name).map(|field| field.get()), Some(&*value));
        }
    }
}

/// JSON of any shape, up to some depth.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| serde_json::Value::from(value).to_string()),
        any::<String>().prop_map(|value| serde_json::Value::from(value).to_string()),
        Just(r#""\ud800""#.to_owned()),
        Just("123456789012345678901234567890.5e-3".to_owned()),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-z]{0,4}", inner), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.into_iter().map(|(key, value)| format!(r#""{key}":{value}"#)).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}
