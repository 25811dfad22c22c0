//! Bodies that are made to hurt: each has an answer that is defined, and takes no longer than a kind one.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use offhook::yunxin::{CallStart, Message};
use offhook::{Event, Payload};

/// Why `body` is no event.
fn refusal(body: impl Into<bytes::Bytes>) -> &'static str {
    Event::from_json(body).map(|event| event.kind().to_string()).unwrap_err().code()
}

fn call(fields: &str) -> (Event, CallStart) {
    let event = Event::from_json(format!(r#"{{"eventType":20,{fields}}}"#)).unwrap();
    let call = event.typed().unwrap();
    (event, call)
}

#[test]
fn nesting_is_understood_up_to_128_and_refused_beyond() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!(r#"{{"eventType":20,"x":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deepest = nested(open, close, 127); // and the body itself
        assert_eq!(Event::from_json(deepest.clone()).unwrap().data().get(), deepest);
        for depth in [128, 1000, 100_000] {
            assert_eq!(refusal(nested(open, close, depth)), "body_not_json", "{depth}");
        }
    }
    // Brackets in a text are no nesting.
    let (event, _) = call(&format!(r#""x":"{}""#, "[".repeat(1000)));
    assert_eq!(event.kind().name(), "call.start");
}

#[test]
fn a_mebibyte_of_brackets_is_refused_without_recursion() {
    let brackets = "[".repeat(1 << 20);
    assert_eq!(refusal(brackets.clone()), "body_not_json");
    assert_eq!(refusal(format!(r#"{{"eventType":20,"x":{brackets}"#)), "body_not_json");
    assert_eq!(refusal(r#"{"a":"#.repeat(200_000)), "body_not_json");
    assert_eq!(refusal("{".repeat(1 << 20)), "body_not_json");
    // As nested text it is only text, and no JSON when somebody asks.
    let event = Event::from_json(format!(r#"{{"eventType":1,"attach":"{brackets}"}}"#)).unwrap();
    let message: Message = event.typed().unwrap();
    assert_eq!(message.attach::<serde_json::Value>(), None);
}

#[test]
fn a_huge_number_is_kept_as_it_is_and_is_no_integer() {
    let digits = "9".repeat(400);
    for huge in [&*digits, "1e400", "-1e-400", "1.5", "18446744073709551616"] {
        let (event, call) = call(&format!(r#""callType":{huge},"fromAccount":{huge},"timestamp":"{huge}""#));
        assert_eq!((call.call_type, call.timestamp), (None, None), "{huge}");
        assert_eq!(call.from_account.as_deref(), Some(huge), "as text it loses nothing");
        assert_eq!(event.field("callType").unwrap().get(), huge);
        assert_eq!(event.timestamp(), None);
    }
    let (_, call) = call(&format!(r#""timestamp":{}"#, i64::MAX));
    assert_eq!(call.timestamp, Some(i64::MAX));
}

#[test]
fn of_repeated_keys_the_last_one_counts_and_all_are_kept() {
    let (event, call) = call(r#""callType":1,"callType":2,"new":1,"new":{"a":1,"a":2}"#);
    assert_eq!(call.call_type, Some(2));
    assert_eq!(call.other["new"].get(), r#"{"a":1,"a":2}"#);
    assert!(event.data().get().contains(r#""callType":1,"callType":2"#));
    let event = Event::from_json(r#"{"eventType":20,"eventType":21}"#).unwrap();
    assert_eq!(event.kind().name(), "room.create");
    // A value that says nothing does not stand in the way of the one before it, nor does the one before stay.
    let event = Event::from_json(r#"{"eventType":20,"callType":1,"callType":null}"#).unwrap();
    assert_eq!(event.typed::<CallStart>().unwrap().call_type, None);
}

#[test]
fn half_a_surrogate_pair_is_kept_and_reads_as_the_replacement_character() {
    let (event, call) =
        call(r#""fromAccount":"a\ud800b","notifyAttach":"\udc00","\ud83d":"x","toAccountList":["\ud800"]"#);
    assert_eq!(call.from_account.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(call.notify_attach.as_deref(), Some("\u{fffd}"));
    assert_eq!(call.callees(), ["\u{fffd}"]);
    assert_eq!(event.field("fromAccount").unwrap().get(), r#""a\ud800b""#);
    assert!(event.data().get().contains(r#""\ud83d":"x""#));
}

#[test]
fn nul_is_a_character_in_a_text_and_nothing_outside_of_one() {
    let (_, call) = call(r#""fromAccount":"a\u0000b""#);
    assert_eq!(call.from_account.as_deref(), Some("a\0b"));
    assert_eq!(refusal("{\"eventType\":20,\"fromAccount\":\"a\0b\"}"), "body_not_json");
    assert_eq!(refusal("\0{\"eventType\":20}"), "body_not_json");
    assert_eq!(refusal("{\"eventType\":20}\0"), "body_not_json");
}

#[test]
fn a_byte_order_mark_other_encodings_and_nothing_at_all_are_no_json() {
    assert_eq!(refusal("\u{feff}{\"eventType\":20}"), "body_not_json");
    let utf_16: Vec<u8> = r#"{"eventType":20}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refusal(utf_16), "body_not_json");
    assert_eq!(refusal(&b"{\"eventType\":20,\"fromAccount\":\"\xd6\xd0\"}"[..]), "body_not_json"); // GBK
    for nothing in ["", " ", "\n"] {
        assert_eq!(refusal(nothing), "body_not_json", "{nothing:?}");
    }
    for other in ["[]", "null", "20", "\"x\"", "[{\"eventType\":20}]"] {
        assert_eq!(refusal(other), "body_not_an_object", "{other}");
    }
}

#[test]
fn an_event_type_is_an_integer_or_a_text_and_nothing_else() {
    for raw in ["20.0", "2e1", "true", "null", "[20]", "{}", "\"\"", "\" \""] {
        assert_eq!(refusal(format!(r#"{{"eventType":{raw}}}"#)), "event_type_malformed", "{raw}");
    }
    assert_eq!(refusal(r#"{"fromAccount":"mei"}"#), "event_type_malformed");
    assert_eq!(refusal(format!(r#"{{"eventType":{}}}"#, "9".repeat(100))), "event_type_malformed");
    for (raw, kind) in [
        ("0", "unknown.0"),
        ("-0", "unknown.0"),
        ("-1", "unknown.-1"),
        ("99999999999999999999", "unknown.99999999999999999999"),
    ] {
        let event = Event::from_json(format!(r#"{{"eventType":{raw},"x":1}}"#)).unwrap();
        assert_eq!(event.kind().name(), kind);
        assert!(matches!(event.payload(), Payload::Unknown(content) if content.other["x"].get() == "1"));
    }
}
