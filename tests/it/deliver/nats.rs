//! The nats handler against a real server: what it publishes, when that is done, and what becomes of each failure.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use futures_util::StreamExt;
use offhook::cloud_event::CloudEvent;
use offhook::deliver::{Handler, Outcome};
use offhook::event::Event;
use offhook::handlers::{Nats, NatsSettings, Subject};
use offhook::nats::{Credentials, Servers};

use super::cast::{event, within_reason};
use crate::world::NatsServer;

const BODY: &str = r#"{"fromAccount":"alice","channelId":9007199254740993}"#;
const SUBJECT: &str = "offhook.yunxin.callback.call.start.offhook-dev";

fn settings(url: &str, jetstream: bool) -> NatsSettings {
    NatsSettings {
        servers: Servers::parse(url).expect("a URL"),
        subject: Subject::parse(Subject::DEFAULT).expect("a subject"),
        jetstream,
        timeout: Duration::from_secs(5),
    }
}

fn publishing(url: &str, jetstream: bool) -> Nats {
    Nats::new("bus", settings(url, jetstream))
}

/// A stream of everything below `offhook`.
async fn stream(url: &str) -> stream::Stream {
    let client = async_nats::connect(url).await.expect("a connection");
    let config = stream::Config { name: "events".into(), subjects: vec!["offhook.>".into()], ..Default::default() };
    jetstream::new(client).create_stream(config).await.expect("a stream")
}

async fn stored(stream: &stream::Stream) -> u64 {
    stream.get_info().await.expect("its state").state.messages
}

#[track_caller]
fn pause(outcome: Outcome) -> String {
    let Outcome::Pause { why, .. } = outcome else { panic!("{outcome:?} is no pause") };
    why
}

#[tokio::test]
async fn an_event_is_done_when_a_stream_has_it_and_a_repeat_is_not_stored_twice() {
    let Some(server) = NatsServer::starts(&[]) else { return };
    let (stream, handler, event) =
        (stream(server.url()).await, publishing(server.url(), true), event("call.start", BODY));
    assert_eq!(handler.deliver(&event).await, Outcome::Done);
    assert_eq!(stored(&stream).await, 1);
    let message = stream.get_raw_message(1).await.expect("a message");
    assert_eq!((&*message.subject, &*message.payload), (SUBJECT, CloudEvent::of(&event).to_json().as_bytes()));
    let id = event.id().to_string();
    for (name, value) in [
        ("Nats-Msg-Id", &*id),
        ("idempotency-key", &*id),
        ("content-type", "application/cloudevents+json; charset=utf-8"),
    ] {
        assert_eq!(message.headers.get(name).map(|value| value.as_str()), Some(value), "{name}");
    }
    assert_eq!(handler.deliver(&event).await, Outcome::Done);
    assert_eq!(stored(&stream).await, 1, "a repeat");
    // A replay is meant to arrive again.
    assert_eq!(handler.deliver(&event.clone().as_replayed()).await, Outcome::Done);
    assert_eq!(stored(&stream).await, 2);
}

#[tokio::test]
async fn without_a_stream_the_lane_pauses_and_says_what_is_missing() {
    let Some(server) = NatsServer::starts(&[]) else { return };
    let handler = publishing(server.url(), true);
    let why = pause(handler.deliver(&event("call.start", BODY)).await);
    assert_eq!(why, format!("no JetStream stream stores `{SUBJECT}`: add one, or set `jetstream = false`"));
    let stream = stream(server.url()).await;
    assert_eq!(handler.deliver(&event("call.start", BODY)).await, Outcome::Done);
    assert_eq!(stored(&stream).await, 1);
}

#[tokio::test]
async fn without_jetstream_it_goes_to_whoever_listens() {
    let Some(server) = NatsServer::starts(&[]) else { return };
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let mut heard = client.subscribe("offhook.*.*.call.>").await.expect("a subscription");
    client.flush().await.expect("flushed");
    let (handler, event) = (publishing(server.url(), false), event("call.start", BODY));
    for _ in 0..2 {
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
        let message = within_reason(heard.next()).await.expect("a message");
        assert_eq!((&*message.subject, &*message.payload), (SUBJECT, CloudEvent::of(&event).to_json().as_bytes()));
        let headers = message.headers.expect("headers");
        let key = headers.get("idempotency-key").map(|value| value.as_str().to_owned());
        assert_eq!((key, headers.get("Nats-Msg-Id")), (Some(event.id().to_string()), None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_pauses_the_lane_until_it_is_back() {
    for jetstream in [true, false] {
        let Some(server) = NatsServer::starts(&[]) else { return };
        let (url, port) = (server.url().to_owned(), server.port().to_owned());
        let (handler, event) = (publishing(&url, jetstream), event("call.start", BODY));
        stream(&url).await;
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
        drop(server);
        within_reason(async {
            // The connection may not know of it yet; the handler must not believe it for longer than its time.
            while handler.deliver(&event).await == Outcome::Done {}
        })
        .await;
        let why = pause(handler.deliver(&event).await);
        assert!(why.contains("lost") || why.contains("broke") || why.contains("within"), "{why}");
        let server = NatsServer::starts(&["--port", &port]).expect("a server");
        stream(server.url()).await;
        within_reason(async { while handler.deliver(&event).await != Outcome::Done {} }).await;
    }
}

#[tokio::test]
async fn who_is_not_known_or_nowhere_is_told_so() {
    let Some(server) = NatsServer::starts(&["--auth", "a-made-up-token"]) else { return };
    let event = event("call.start", BODY);
    let why = pause(publishing(server.url(), false).deliver(&event).await);
    assert!(why.contains("does not know us") && why.contains(server.url()), "{why}");
    for (token, is_right) in [("a-made-up-token", true), ("another", false)] {
        let with = |settings: NatsSettings| NatsSettings {
            servers: settings.servers.known_by(Some(Credentials::read(token.into()))),
            ..settings
        };
        let outcome = Nats::new("bus", with(settings(server.url(), false))).deliver(&event).await;
        assert_eq!(outcome == Outcome::Done, is_right, "{outcome:?}");
        assert!(is_right || !pause(outcome).contains(token));
    }
    drop(server);
    let secret = "nats://me:hunter2@127.0.0.1:1";
    let why = pause(publishing(secret, true).deliver(&event).await);
    assert!(why.contains("nats://127.0.0.1:1") && !why.contains("hunter2"), "{why}");
}

#[tokio::test]
async fn what_is_too_large_for_the_server_is_parked_and_a_full_stream_is_waited_for() {
    let Some(server) = NatsServer::starts(&[]) else { return };
    let large = event("call.start", &format!(r#"{{"pad":"{}"}}"#, "a".repeat(1 << 20)));
    for jetstream in [true, false] {
        let outcome = publishing(server.url(), jetstream).deliver(&large).await;
        assert_eq!(outcome, Outcome::give_up("larger than the server takes (max_payload)"));
    }
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let full = stream::Config {
        name: "events".into(),
        subjects: vec!["offhook.>".into()],
        max_messages: 1,
        discard: stream::DiscardPolicy::New,
        max_message_size: 2000,
        ..Default::default()
    };
    jetstream::new(client).create_stream(full).await.expect("a stream");
    let handler = publishing(server.url(), true);
    let of_size = |size: usize| event("call.start", &format!(r#"{{"pad":"{}"}}"#, "a".repeat(size)));
    assert!(matches!(handler.deliver(&of_size(3000)).await, Outcome::GiveUp { .. }));
    assert_eq!(handler.deliver(&of_size(1)).await, Outcome::Done);
    let why = pause(handler.deliver(&of_size(1)).await);
    assert!(why.contains("maximum messages exceeded"), "{why}");
}

#[tokio::test]
async fn a_word_of_the_sender_never_becomes_a_wildcard() {
    let Some(server) = NatsServer::starts(&[]) else { return };
    let client = async_nats::connect(server.url()).await.expect("a connection");
    let mut heard = client.subscribe(">").await.expect("a subscription");
    client.flush().await.expect("flushed");
    let odd: Event = event("neroom.a b.>.*", BODY);
    assert_eq!(publishing(server.url(), false).deliver(&odd).await, Outcome::Done);
    let message = within_reason(heard.next()).await.expect("a message");
    assert_eq!(&*message.subject, "offhook.yunxin.callback.neroom.a_b._._.offhook-dev");
}
