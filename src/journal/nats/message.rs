//! An event as a message: the exact body is the payload, everything else stands in one header as JSON.
//!
//! So `nats stream view` shows both as they are, and a record means the same here and in a spill file.

use std::borrow::Cow;
use std::io::{Read, Write};

use async_nats::HeaderMap;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::journal::record::Record;

/// The header that holds the record, but for the body.
const RECORD: &str = "Offhook-Record";
/// The header that says that the payload is not the body as it is.
const ENCODING: &str = "Offhook-Encoding";
const DEFLATE: &str = "deflate";
const SEALED: &str = "sealed";
/// What a message has besides its record and its body.
const ENVELOPE: usize = 512;
/// The longest word of a subject.
const LONGEST_WORD: usize = 64;
/// No body is longer when it is whole again.
const LONGEST_BODY: u64 = 64 << 20;

/// What NATS knows a repeat by: the request where it can be repeated, else the event itself. Without the time until
/// which it can be repeated: where that is rounded, two instances may have rounded differently.
pub(super) fn message_id(record: &Record<'_>) -> String {
    match &record.repeat {
        Some(repeat) => hex::encode(repeat.key),
        None => record.id.to_string(),
    }
}

/// The subject of an event of `kind` in `stream`.
pub(super) fn subject(stream: &str, kind: &str) -> String {
    let safe = |character: char| {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '-') { character } else { '_' }
    };
    let mut subject = format!("{stream}.events");
    for word in kind.split('.') {
        subject.push('.');
        subject.extend(word.chars().take(LONGEST_WORD).map(safe));
        if word.is_empty() {
            subject.push('_');
        }
    }
    subject
}

/// The message of `record`, which is to have at most `largest` bytes: a body that is too long is deflated. It may be
/// too long even so; then NATS refuses it. Of an encrypted record the payload is what is encrypted.
pub(super) fn encode(mut record: Record<'_>, id: &str, largest: usize) -> PublishMessage {
    let sealed = record.sealed.take();
    let body = Bytes::copy_from_slice(record.body.as_bytes());
    let head = serde_json::to_string(&Record { body: Cow::Borrowed(""), ..record }).unwrap_or_default();
    let room = largest.saturating_sub(head.len() + ENVELOPE);
    let message = PublishMessage::build().message_id(id).header(RECORD, head.as_str());
    if let Some(sealed) = sealed {
        return message.header(ENCODING, SEALED).payload(Bytes::from(sealed));
    }
    if body.len() <= room {
        return message.payload(body);
    }
    match deflated(&body) {
        Ok(short) => message.header(ENCODING, DEFLATE).payload(short),
        Err(_) => message.payload(body),
    }
}

/// The record that a message holds, without its body; `None` where it is not one of ours.
pub(super) fn head(headers: &HeaderMap) -> Option<Record<'static>> {
    serde_json::from_str(headers.get(RECORD)?.as_str()).ok()
}

/// The record that a message holds, encrypted as it is; `None` where it is not one of ours.
pub(super) fn decode(headers: Option<&HeaderMap>, payload: &Bytes) -> Option<Record<'static>> {
    let headers = headers?;
    let body = match headers.get(ENCODING).map(|encoding| encoding.as_str()) {
        None => payload.to_vec(),
        Some(SEALED) => {
            let sealed = Some(payload.to_vec());
            return Some(Record { body: Cow::Borrowed("{}"), sealed, ..head(headers)? });
        }
        Some(DEFLATE) => {
            let mut body = Vec::new();
            DeflateDecoder::new(&**payload).take(LONGEST_BODY).read_to_end(&mut body).ok()?;
            body
        }
        Some(_) => return None,
    };
    Some(Record { body: Cow::Owned(String::from_utf8(body).ok()?), ..head(headers)? })
}

fn deflated(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::event::{Event, EventId, EventParts, Marks};
    use crate::journal::{Key, Keys, RepeatKey};
    use crate::kind::{Family, Kind};
    use crate::verdict::{Decision, Verdict};

    fn made_up(body: &str) -> Event {
        let received = Timestamp::from_microsecond(1_800_000_000_123_456).unwrap();
        Event::new(EventParts {
            id: EventId::at(received),
            kind: Kind::named(Family::YunxinCallback, "call.start"),
            app_key: Arc::from("app"),
            received,
            sent_at: Some("1800000000000".to_owned()),
            subject: Some("小明 \"x\"".to_owned()),
            headers: Arc::from("AppKey: app\nCurTime: 1\n"),
            body: Bytes::copy_from_slice(body.as_bytes()),
            decision: Some(Decision::by_decider(Verdict::reject(20_010), "rule:late")),
        })
    }

    fn there_and_back(event: &Event, largest: usize) -> Event {
        let outbound = encode(Record::of(event, None), "id", largest).outbound_message("a");
        assert!(outbound.payload.len() < largest);
        let record = decode(outbound.headers.as_ref(), &outbound.payload).expect("a record");
        record.into_event().expect("an event")
    }

    #[test]
    fn every_part_of_an_event_comes_back_as_it_was() {
        let event = made_up("{\"eventType\": 20,\r\n\"id\":12345678901234567890123, \"text\":\"你好\"}");
        let back = there_and_back(&event, 1 << 20);
        assert_eq!((back.id(), back.kind(), back.text()), (event.id(), event.kind(), event.text()));
        assert_eq!((back.headers(), back.subject()), (event.headers(), event.subject()));
        assert_eq!((back.received(), back.sent_at()), (event.received(), event.sent_at()));
        assert_eq!(back.decision(), event.decision());
    }

    #[test]
    fn a_body_that_is_too_long_as_it_is_travels_deflated() {
        let event = made_up(&format!("{{\"text\":\"{}\"}}", "long ".repeat(20_000)));
        assert_eq!(there_and_back(&event, 20_000).text(), event.text());
    }

    #[test]
    fn what_is_known_of_a_record_besides_comes_back_too() {
        let marks = Marks { left_out: vec!["phone".to_owned()], ..Marks::default() };
        let event = made_up("{}").with_marks(marks.clone());
        assert_eq!(there_and_back(&event, 1 << 20).marks(), Some(&marks));
    }

    #[test]
    fn an_encrypted_event_shows_neither_who_nor_what_and_comes_back_with_the_key() {
        let keys = Keys::of(vec![Key::parse(&"07".repeat(32)).unwrap()]);
        let event = made_up("{\"from\":\"secret-person\"}");
        let outbound = encode(Record::of(&event, None).sealed_with(keys.as_ref()), "id", 1 << 20).outbound_message("a");
        let sent = format!("{:?} {:?}", outbound.headers, outbound.payload);
        assert!(!sent.contains("secret-person") && !sent.contains("CurTime"), "{sent}");
        let record = || decode(outbound.headers.as_ref(), &outbound.payload).expect("a record");
        assert!(record().opened_with(None).is_err());
        let back = record().opened_with(keys.as_ref()).unwrap().into_event().unwrap();
        assert_eq!((back.text(), back.headers(), back.subject()), (event.text(), event.headers(), event.subject()));
    }

    #[test]
    fn a_message_that_is_not_ours_is_no_record() {
        let mut headers = HeaderMap::new();
        assert!(decode(Some(&headers), &Bytes::from_static(b"{}")).is_none());
        headers.insert(RECORD, "{}");
        assert!(decode(Some(&headers), &Bytes::from_static(b"{}")).is_none());
        assert!(decode(None, &Bytes::from_static(b"{}")).is_none());
    }

    #[test]
    fn a_repeat_has_the_id_of_the_first_however_its_end_was_rounded() {
        let [early, late] = [1000, 1030].map(|end| RepeatKey::new("app", b"d", Timestamp::from_second(end).unwrap()));
        let (event, other) = (made_up("{}"), made_up("{}"));
        assert_eq!(message_id(&Record::of(&event, Some(early))), message_id(&Record::of(&other, Some(late))));
        assert_ne!(message_id(&Record::of(&event, None)), message_id(&Record::of(&other, None)));
    }

    #[test]
    fn no_kind_makes_a_subject_of_more_than_words() {
        assert_eq!(subject("offhook", "call.start"), "offhook.events.call.start");
        assert_eq!(subject("s", "neroom.a b>*..ü"), "s.events.neroom.a_b__._._");
    }
}
