//! The axum extractor, in a server that is not ours.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use axum::body::Body;
use axum::extract::{FromRef, Request};
use axum::response::Response;
use axum::{Router, routing::post};
use jiff::Timestamp;
use offhook::clock::Clock;
use offhook::yunxin::{App, CallStart, sample, sign};
use offhook::{Event, Payload, Verdict, Verified, Verifier};
use tower::ServiceExt;

const NOW: &str = "1767225600000";

/// A state of the server's owner, which holds a verifier among other things.
#[derive(Clone)]
struct Own {
    verifier: Verifier,
}

impl FromRef<Own> for Verifier {
    fn from_ref(own: &Own) -> Self {
        own.verifier.clone()
    }
}

async fn all(event: Verified<Event>) -> Response {
    event.answer(&Verdict::reject(20020).with_ext(event.kind().name()))
}

async fn calls(call: Verified<CallStart>) -> Response {
    let callee = call.callees().first().cloned().unwrap_or_default();
    call.answer(&Verdict::allow().with_ext(callee).with_change("body", "no call has this"))
}

async fn payloads(payload: Verified<Payload>) -> Response {
    let verdict = match &*payload {
        Payload::MessageP2p(_) => Verdict::allow().with_change("body", "***"),
        _ => Verdict::reject(20021),
    };
    payload.answer(&verdict)
}

fn router() -> Router {
    let now = Timestamp::from_millisecond(NOW.parse().unwrap()).unwrap();
    let verifier = Verifier::new([App::new("key", "secret")]).clock(Clock::fixed(now)).body_limit(4096);
    let router = Router::new().route("/all", post(all)).route("/calls", post(calls)).route("/payloads", post(payloads));
    router.with_state(Own { verifier })
}

async fn asked(path: &str, body: &str, secret: &str) -> (u16, String) {
    let signature = sign(secret, body.as_bytes(), NOW);
    let request = Request::post(path)
        .header("AppKey", "key")
        .header("CurTime", NOW)
        .header("MD5", signature.md5)
        .header("CheckSum", signature.check_sum)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn verdict(err: u8, code: u16, modify: &str, ext: &str) -> (u16, String) {
    let reply = format!(r#"{{"errCode":{err},"responseCode":{code},"modifyResponse":{modify},"callbackExt":"{ext}"}}"#);
    (200, reply)
}

#[tokio::test]
async fn a_signed_request_is_given_as_what_was_asked_for() {
    let (call, message) = (sample("call.start").unwrap(), sample("message.p2p").unwrap());
    assert_eq!(asked("/all", call, "secret").await, verdict(1, 20020, "{}", "call.start"));
    assert_eq!(asked("/calls", call, "secret").await, verdict(0, 20000, "{}", "chen.bo"));
    assert_eq!(asked("/payloads", call, "secret").await, verdict(1, 20021, "{}", ""));
    assert_eq!(asked("/payloads", message, "secret").await, verdict(0, 20000, r#"{"body":"***"}"#, ""));
}

#[tokio::test]
async fn what_was_not_asked_for_is_answered_as_without_a_decider() {
    let allowed = verdict(0, 20000, "{}", "");
    assert_eq!(asked("/calls", sample("room.create").unwrap(), "secret").await, allowed);
    for path in ["/all", "/calls", "/payloads"] {
        assert_eq!(asked(path, "{}", "secret").await, allowed, "a check of the URL");
    }
    let login = r#"{"eventType":36,"authType":2,"token":"t"}"#;
    assert_eq!(asked("/calls", login, "secret").await, verdict(1, 20099, "{}", ""), "nobody else checks it");
}

#[tokio::test]
async fn what_does_not_hold_is_refused_with_its_reason() {
    let call = sample("call.start").unwrap();
    let (status, body) = asked("/calls", call, "another secret").await;
    assert!(status == 401 && body.contains("\"check_sum_mismatch\""), "{status} {body}");
    let large = format!(r#"{{"eventType":20,"notifyAttach":"{}"}}"#, "x".repeat(5000));
    let (status, body) = asked("/calls", &large, "secret").await;
    assert!(status == 413 && body.contains("\"body_too_large\""), "{status} {body}");
    let (status, body) = asked("/all", "[]", "secret").await;
    assert!(status == 400 && body.contains("\"body_not_an_object\""), "{status} {body}");
    let unsigned = Request::post("/all").body(Body::from(call)).unwrap();
    assert_eq!(router().oneshot(unsigned).await.unwrap().status(), 400);
}
