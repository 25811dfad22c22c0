//! The http handler against services that answer, do not answer, or are not there.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use futures_util::stream;
use offhook::clock::Clock;
use offhook::cloud_event::CloudEvent;
use offhook::deliver::{Handler, Outcome};
use offhook::handlers::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::cast::{event, within_reason};
use super::target::{DeadTarget, Target, http};

const LONG: Duration = Duration::from_secs(10);
const BODY: &str = r#"{"fromAccount":"alice","toAccountList":["bob","carol"],"channelId":9007199254740993}"#;

#[tokio::test]
async fn an_event_arrives_as_a_structured_cloud_event() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    assert_eq!(http(&target.url(), LONG).deliver(&event).await, Outcome::Done);
    let arrived = &target.arrived()[0];
    assert_eq!(arrived.body, CloudEvent::of(&event).to_json());
    assert_eq!(arrived.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(arrived.header("user-agent"), concat!("offhook/", env!("CARGO_PKG_VERSION")));
    assert_eq!(arrived.header("idempotency-key"), event.id().to_string());
    assert_eq!(
        arrived.json()["data"].to_string(),
        serde_json::from_str::<serde_json::Value>(BODY).expect("JSON").to_string()
    );
}

#[tokio::test]
async fn the_status_of_the_answer_decides() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    let handler = http(&target.url(), LONG);
    let expected = [
        (200, "done"),
        (202, "done"),
        (299, "done"),
        (304, "give up"),
        (400, "give up"),
        (404, "give up"),
        (410, "give up"),
        (408, "retry"),
        (425, "retry"),
        (429, "pause"),
        (500, "retry"),
        (502, "retry"),
        (503, "pause"),
        (504, "retry"),
    ];
    for (status, expected) in expected {
        target.answers([status]);
        let outcome = handler.deliver(&event).await;
        let found = match &outcome {
            Outcome::Done => "done",
            Outcome::Retry { after: None, .. } => "retry",
            Outcome::Pause { after: None, .. } => "pause",
            Outcome::GiveUp { .. } => "give up",
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(found, expected, "{status}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_answers_with_and_without_a_body() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    let handler = http(&target.url(), LONG);
    target.answers([200, 500, 204, 400]);
    for _ in 0..5 {
        handler.deliver(&event).await;
    }
    let arrived = target.arrived();
    assert_eq!(arrived.len(), 5);
    assert!(arrived.iter().all(|request| request.from == arrived[0].from), "{arrived:?}");
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    let handler = http(&target.url(), LONG);
    for status in [503, 429, 500] {
        let answer = Response::builder().status(status).header("retry-after", "7").body(Body::empty());
        target.answers_with(answer.expect("an answer"));
        let (Outcome::Pause { after, .. } | Outcome::Retry { after, .. }) = handler.deliver(&event).await else {
            panic!("{status} is tried again");
        };
        assert_eq!(after, Some(Duration::from_secs(7)), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    for status in [301, 302, 303, 307, 308] {
        let answer = Response::builder().status(status).header("location", "/elsewhere").body(Body::empty());
        target.answers_with(answer.expect("an answer"));
        let outcome = http(&target.url(), LONG).deliver(&event).await;
        let Outcome::GiveUp { why } = outcome else { panic!("{status}: {outcome:?}") };
        assert!(why.starts_with("redirects are not followed: 30"), "{why}");
    }
    assert!(target.arrived().iter().all(|request| request.path == "/hooks"));
    assert_eq!(target.arrived().len(), 5);
}

#[tokio::test]
async fn a_refused_connection_is_the_targets_trouble_and_its_url_stays_untold() {
    let target = DeadTarget::new();
    let url = target.url() + "?token=s3cr3t";
    let outcome = http(&url, LONG).deliver(&event("call.start", BODY)).await;
    let Outcome::Pause { after: None, why } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("refused") && !why.contains("s3cr3t"), "{why}");
}

#[tokio::test]
async fn a_target_that_does_not_speak_tls_is_in_trouble() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    let url = target.url().replace("http:", "https:").parse().expect("a URL");
    match Http::new("billing", url, LONG, LONG, Clock::system()) {
        Ok(handler) => {
            let outcome = handler.deliver(&event).await;
            let Outcome::Pause { after: None, why } = outcome else { panic!("{outcome:?}") };
            assert!(why.starts_with("cannot connect"), "{why}");
        }
        Err(error) => assert!(error.to_string().contains("CA certificates"), "{error}"),
    }
}

#[tokio::test]
async fn a_url_that_is_not_http_is_refused() {
    let url = "ftp://127.0.0.1/hooks".parse().expect("a URL");
    let refused = Http::new("billing", url, LONG, LONG, Clock::system()).expect_err("refused");
    assert!(refused.to_string().contains("`ftp:`"), "{refused}");
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_the_targets_trouble() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 64]).await;
        }
    });
    let outcome = http(&url, LONG).deliver(&event("call.start", BODY)).await;
    assert!(matches!(outcome, Outcome::Pause { after: None, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_in_time_is_in_trouble() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address");
    // Nobody accepts: once its queue is full, the system lets further connections hang.
    let mut queue = Vec::new();
    while let Ok(connection) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(connection.expect("connected"));
    }
    let handler = http(&format!("http://{address}/"), Duration::from_millis(400));
    let outcome = within_reason(handler.deliver(&event("call.start", BODY))).await;
    let Outcome::Pause { after: None, why } = outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("cannot connect"), "{why}");
}

#[tokio::test]
async fn a_target_that_does_not_answer_in_time_may_not_like_the_event() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let handler = http(&format!("http://{}/", listener.local_addr().expect("an address")), Duration::from_millis(100));
    let event = event("call.start", BODY);
    let (outcome, _connection) = tokio::join!(within_reason(handler.deliver(&event)), listener.accept());
    assert_eq!(outcome, Outcome::retry("no answer within 100ms"));
}

#[tokio::test]
async fn an_answer_without_end_neither_holds_the_lane_nor_changes_the_outcome() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    let handler = http(&target.url(), LONG);
    for status in [200, 400] {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>("x".repeat(1000)));
        let answer = Response::builder().status(status).body(Body::from_stream(endless));
        target.answers_with(answer.expect("an answer"));
        match within_reason(handler.deliver(&event)).await {
            Outcome::Done => assert_eq!(status, 200),
            Outcome::GiveUp { why } => assert_eq!(why, format!("400 Bad Request: {}", "x".repeat(200))),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_that_drips_neither_holds_the_lane_nor_changes_the_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let handler = http(&format!("http://{}/", listener.local_addr().expect("an address")), LONG);
    let target = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        connection.read_exact(&mut [0; 64]).await.expect("a request");
        let head = b"HTTP/1.1 500 No\r\ncontent-length: 1000\r\n\r\nout of paper\n";
        connection.write_all(head).await.expect("written");
        connection
    };
    let event = event("call.start", BODY);
    let (outcome, _connection) = tokio::join!(within_reason(handler.deliver(&event)), target);
    assert_eq!(outcome, Outcome::retry("500 Internal Server Error: out of paper"));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_event_was_read_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let handler = http(&format!("http://{}/", listener.local_addr().expect("an address")), LONG);
    let target = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        connection.read_exact(&mut [0; 64]).await.expect("a request");
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";
        connection.write_all(answer).await.expect("written");
        connection
    };
    let event = event("call.start", &format!(r#"{{"ext":"{}"}}"#, "x".repeat(8 * 1024 * 1024)));
    let (outcome, _connection) = tokio::join!(within_reason(handler.deliver(&event)), target);
    assert_eq!(outcome, Outcome::give_up("413 Payload Too Large: too large"));
}

#[tokio::test]
async fn an_answer_that_echoes_the_event_is_not_told() {
    let (target, event) = (Target::starts(), event("call.start", BODY));
    for echo in [CloudEvent::of(&event).to_json(), format!("cannot read {BODY}")] {
        let answer = Response::builder().status(422).body(Body::from(echo));
        target.answers_with(answer.expect("an answer"));
        let outcome = http(&target.url(), LONG).deliver(&event).await;
        assert_eq!(outcome, Outcome::give_up("422 Unprocessable Entity: (the answer repeats the event)"));
    }
}
