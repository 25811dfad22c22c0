//! What holds for every request there can be, tried with many.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use offhook::Event;
use offhook::cloud_event::CloudEvent;
use offhook::kind::KINDS;
use offhook::lenient::{Shape, Typed};
use offhook::yunxin::{self, App, Apps, SAMPLES, sign};
use proptest::prelude::*;
use serde_json::Value;

const CUR_TIME: &str = "1767225600000";

fn apps(secret: &str) -> Apps {
    [App::new("key", secret)].into_iter().collect()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(CUR_TIME.parse().unwrap()).unwrap()
}

fn signed(secret: &str, body: &[u8]) -> HeaderMap {
    let signature = sign(secret, body, CUR_TIME);
    let values =
        [("appkey", "key"), ("curtime", CUR_TIME), ("md5", &*signature.md5), ("checksum", &*signature.check_sum)];
    values.into_iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// JSON of any shape, its numbers as long as they like.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?",
        any::<String>().prop_map(|value| Value::from(value).to_string()),
        "[0-9]{1,20}".prop_map(|digits| format!("\"{digits}\"")),
        Just(r#""\ud800\u0000""#.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-z]{0,4}", inner.clone()), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
            inner.prop_map(|inner| Value::from(inner).to_string()),
        ]
    })
}

/// An `eventType`: documented, or any integer, or any text that is not blank.
fn event_type() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1..=41_i64).prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => (1..=100_i64).prop_map(|number| format!("\"{number}\"")),
        1 => "[A-Z_]{1,20}".prop_map(|word| format!("\"{word}\"")),
    ]
}

/// Names that are documented somewhere, and others.
fn name() -> impl Strategy<Value = String> {
    let mut names: Vec<&str> = KINDS.iter().flat_map(|row| row.fields()).map(|field| field.name).collect();
    names.sort_unstable();
    names.dedup();
    prop_oneof![6 => prop::sample::select(names).prop_map(ToOwned::to_owned), 1 => "[a-z]{1,8}"]
}

proptest! {
    #[test]
    fn any_object_with_an_event_type_is_an_event_and_loses_nothing(
        event_type in event_type(),
        fields in prop::collection::btree_map(name(), json(), 0..8),
    ) {
        let mut body = format!("{{\"eventType\":{event_type}");
        for (name, value) in &fields {
            body.push_str(&format!(",\"{name}\":{value}"));
        }
        body.push('}');
        let event = Event::from_json(body.clone()).unwrap();
        prop_assert_eq!(event.data().get(), &body);

        let payload = serde_json::to_string(&event.payload()).unwrap();
        let read: std::collections::BTreeMap<String, &serde_json::value::RawValue> = serde_json::from_str(&payload).unwrap();
        let documented = match event.kind().row() {
            Some(row) => row.fields(),
            None if event.kind().name().starts_with("neroom.") => yunxin::NeRoom::FIELDS,
            None => &[],
        };
        for (name, sent) in fields.iter().filter(|(name, _)| *name != "eventType") {
            match documented.iter().find(|field| field.name == name) {
                // What nobody documented is there as it was sent.
                None => prop_assert_eq!(read[name].get(), &**sent, "{}", name),
                // A whole number is read with all of its digits or not at all; `1.0` is the whole number 1, and "00" is 0.
                Some(field) if matches!(field.shape, Shape::Integer | Shape::Whole) => {
                    if let Some(value) = read.get(name) {
                        let sent = sent.trim_matches('"').trim();
                        let whole = sent.split_once('.').filter(|(_, rest)| rest.bytes().all(|digit| digit == b'0'));
                        let number = |text: &str| text.parse::<i128>().ok();
                        let sent = whole.map_or(sent, |(whole, _)| whole);
                        prop_assert!(number(sent).is_some(), "{}: {} is read as {}", name, sent, value);
                        prop_assert_eq!(number(value.get()), number(sent), "{}", name);
                    }
                }
                Some(_) => {}
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same(
        sample in prop::sample::select(SAMPLES),
        name in name(),
        value in json(),
    ) {
        let mut body: serde_json::Map<String, Value> = serde_json::from_str(sample.1).unwrap();
        if let Ok(value) = serde_json::from_str(&value) {
            body.insert(name, value);
        }
        prop_assume!(body.contains_key("eventType"));
        let body = Value::from(body);
        let event = Event::from_json(body.to_string()).unwrap();
        let written: Value = serde_json::from_str(&CloudEvent::of(&event).to_json()).unwrap();
        prop_assert_eq!(&written["data"], &body);
        let again = Event::from_json(written["data"].to_string()).unwrap();
        prop_assert_eq!(again.kind(), event.kind());
        let typed = |event: &Event| serde_json::to_string(&event.payload()).unwrap();
        prop_assert_eq!(typed(&again), typed(&event));
    }

    #[test]
    fn whoever_signs_with_the_secret_is_believed_and_nobody_else(
        body: Vec<u8>,
        secret in "[!-~]{1,40}",
        other in "[!-~]{1,40}",
    ) {
        let headers = signed(&secret, &body);
        let body = Bytes::from(body);
        prop_assert!(yunxin::verify(&apps(&secret), &headers, body.clone(), now()).is_ok());
        prop_assert_eq!(yunxin::verify(&apps(&other), &headers, body, now()).is_ok(), other == secret);
    }

    #[test]
    fn a_single_changed_byte_of_a_header_is_refused(
        body: Vec<u8>,
        name in prop::sample::select(&["appkey", "curtime", "md5", "checksum"][..]),
        at: prop::sample::Index,
        by in 1..=255_u8,
    ) {
        let mut headers = signed("secret", &body);
        let mut value = headers[name].as_bytes().to_vec();
        let at = at.index(value.len());
        let before = value[at];
        value[at] ^= by;
        // A digest is the same digest in capitals, and what no header can hold cannot arrive.
        prop_assume!(!value[at].eq_ignore_ascii_case(&before));
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        headers.insert(name, value);
        prop_assert!(yunxin::verify(&apps("secret"), &headers, Bytes::from(body), now()).is_err());
    }

    #[test]
    fn a_single_changed_byte_of_a_body_is_refused(
        sample in prop::sample::select(SAMPLES),
        at: prop::sample::Index,
        by in 1..=255_u8,
    ) {
        let mut body = sample.1.as_bytes().to_vec();
        let headers = signed("secret", &body);
        let at = at.index(body.len());
        body[at] ^= by;
        let refused = yunxin::verify(&apps("secret"), &headers, Bytes::from(body), now()).unwrap_err();
        prop_assert_eq!(refused.code(), "body_changed");
    }
}
