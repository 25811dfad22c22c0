//! What must hold for any bytes: the fuzz targets call these, and so does the stable suite (tests/it/fuzz.rs).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use offhook::cloud_event::CloudEvent;
use offhook::event::EventId;
use offhook::yunxin::{self, App, Apps, LoginChatroom, Message, TeamInvite, sign};
use offhook::{Event, Payload};
use serde_json::Value;

const SECRET: &str = "made-up-secret";
const NOW: i64 = 1_767_225_600_000;

fn apps() -> Apps {
    [App::new("made-up-key", SECRET)].into_iter().collect()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(NOW).expect("a time")
}

/// A head and a body: header lines up to an empty one, then the body. Whatever is believed was signed.
pub(crate) fn request(input: &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = (&input[..end], Bytes::copy_from_slice(input.get(end + 2..).unwrap_or_default()));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    if let Ok(verified) = yunxin::verify(&apps(), &headers, body.clone(), now()) {
        let (md5, sent) = (header(&headers, "md5"), header(&headers, "checksum"));
        let right = sign(SECRET, &body, header(&headers, "curtime"));
        assert!(right.md5.eq_ignore_ascii_case(md5), "a body that was not signed is believed");
        assert!(md5 != right.md5 || right.check_sum.eq_ignore_ascii_case(sent), "a wrong CheckSum is believed");
        drop(yunxin::decode(verified, EventId::at(now()), now()));
    }
    // The same bytes as the body of a request that was signed properly.
    let body = Bytes::copy_from_slice(input);
    let verified = yunxin::verify(&apps(), &signed(&body), body.clone(), now()).expect("signed with the secret");
    assert_eq!(verified.body(), &body);
    let decoded = yunxin::decode(verified, EventId::at(now()), now());
    assert_eq!(
        decoded.map_err(|refusal| refusal.code()).map(|_| ()),
        Event::from_json(body).map_err(|refusal| refusal.code()).map(|_| ())
    );
}

/// A body: it is an event or it is refused, and an event holds every value that was sent.
pub(crate) fn decode(input: &[u8]) {
    let Ok(event) = Event::from_json(Bytes::copy_from_slice(input)) else { return };
    assert_eq!(
        event.data().get(),
        std::str::from_utf8(input).expect("an event is UTF-8").trim_matches([' ', '\n', '\r', '\t'])
    );
    drop((event.timestamp(), event.client_type(), event.callees(), event.message_id(), event.message_id_text()));
    let _ = offhook::decide::is_unchecked_login(&event);
    let typed = serde_json::to_string(&event.payload()).expect("content can be written");
    let written = CloudEvent::of(&event).to_json();
    // A lone surrogate and a number beyond all floats are kept, though serde_json has no value for them.
    if let Ok(sent) = serde_json::from_slice::<Value>(input) {
        let written: Value = serde_json::from_str(&written).expect("an event is JSON");
        assert_eq!(written["data"], sent);
        // serde_json writes `-0` as `-0.0`, which is no integer any more.
        if !sent["eventType"].is_f64() {
            let again = Event::from_json(sent.to_string()).expect("what was an event stays one");
            assert_eq!(again.kind(), event.kind());
        }
    }
    drop((typed, format!("{event:?} {:?}", event.payload())));
}

/// Text inside a field: read when asked, and never more than text before.
pub(crate) fn nested(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let quoted = Value::from(&*text).to_string();
    let fields = ["attach", "ext", "inviteList", "tags"].map(|name| format!("\"{name}\":{quoted}")).join(",");
    for number in [1, 9, 37] {
        let event = Event::from_json(format!("{{\"eventType\":{number},{fields}}}")).expect("an object");
        match event.payload() {
            Payload::MessageP2p(message) => {
                assert_eq!(message.attach::<Value>(), serde_json::from_str(&text).ok());
                let attach = message.attach.expect("a text is a text");
                assert_eq!(attach.as_str(), text);
                drop((attach.typed::<Message>(), attach.typed::<LoginChatroom>()));
            }
            Payload::TeamInvite(TeamInvite { invite_list: Some(list), .. }) => {
                assert_eq!(
                    list.len(),
                    serde_json::from_str::<Vec<&serde_json::value::RawValue>>(&text).expect("a list").len()
                );
            }
            Payload::LoginChatroom(login) => drop(login.tags()),
            _ => {}
        }
    }
}

/// Digests and times as a header has them: what is not exactly right is refused.
pub(crate) fn digests(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut line = || HeaderValue::from_bytes(lines.next().unwrap_or_default().trim_ascii()).ok();
    let (cur_time, md5, check_sum) = (line(), line(), line());
    let right = signed(b"body");
    let trials = [("curtime", cur_time), ("md5", md5), ("checksum", check_sum)];
    for (name, value) in trials.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let mut headers = right.clone();
        let is_right = value.as_bytes().eq_ignore_ascii_case(headers[name].as_bytes());
        headers.insert(name, value);
        let verified = yunxin::verify(&apps(), &headers, Bytes::from_static(b"body"), now());
        assert_eq!(verified.is_ok(), is_right, "{name}");
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn signed(body: &[u8]) -> HeaderMap {
    let signature = sign(SECRET, body, &NOW.to_string());
    let now = NOW.to_string();
    let fields =
        [("appkey", "made-up-key"), ("curtime", &*now), ("md5", &*signature.md5), ("checksum", &*signature.check_sum)];
    let field = |(name, value): (&'static str, &str)| (HeaderName::from_static(name), value.parse().expect("a value"));
    fields.into_iter().map(field).collect()
}
