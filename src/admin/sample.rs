//! Sending a sample to this receiver itself, signed as the platform signs: for `dev`, where the secret is nobody's.

use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::Request;
use serde::Deserialize;
use serde_json::json;
use tower::Service;

use super::Inspector;
use super::answer::{Answer, Problem, json};
use crate::edge::PeerAddress;
use crate::event::Event;
use crate::kind::{Family, KINDS};
use crate::yunxin::{self, App, SAMPLES};

/// The largest answer of ours, and more.
const LONGEST_ANSWER: usize = 64 << 10;

/// One thing that is broken on purpose, to see the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tamper {
    /// A CheckSum of another secret.
    Checksum,
    /// A CurTime of an hour ago, properly signed.
    Stale,
    /// An AppKey nobody configured.
    Appkey,
    /// The body, after signing.
    Body,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// What is sent, byte for byte.
    body: String,
    #[serde(default)]
    tamper: Option<Tamper>,
}

/// `GET /api/samples`: one body a kind.
pub(super) async fn samples(State(inspector): State<Inspector>) -> Answer {
    allowed(&inspector)?;
    let all: Vec<_> = SAMPLES
        .iter()
        .map(|(name, body)| {
            let row = KINDS.iter().find(|row| row.name == *name);
            json!({"kind": name, "title": row.map(|row| row.title), "title_zh": row.map(|row| row.title_zh), "body": body.trim_end()})
        })
        .collect();
    json(&all)
}

/// `POST /api/send` with `{"body": …, "tamper": …}`: down the whole road, from the head on; tells what was answered.
pub(super) async fn send(State(inspector): State<Inspector>, body: Bytes) -> Answer {
    allowed(&inspector)?;
    let wish: Wish = serde_json::from_slice(&body).map_err(|error| Problem::wrong(error.to_string()))?;
    let apps = inspector.shown.edge.families().yunxin_callback.apps();
    let app = apps.iter().next().ok_or_else(|| Problem::wrong("no app is configured, so nothing can be signed"))?;
    let (family, request) = inspector.signed(app, wish)?;
    let path = request.uri().path().to_owned();
    let began = Instant::now();
    let mut edge = inspector.shown.edge.clone();
    let Ok(reply) = edge.call(request).await;
    let took = began.elapsed();
    let status = reply.status().as_u16();
    let answer = to_bytes(Body::new(reply.into_body()), LONGEST_ANSWER).await.map_err(Problem::ours)?;
    json(&json!({
        "family": family.name(),
        "path": path,
        "status": status,
        "answer": String::from_utf8_lossy(&answer),
        "took_us": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    }))
}

fn allowed(inspector: &Inspector) -> Result<(), Problem> {
    if inspector.samples {
        return Ok(());
    }
    let message = "samples are sent by `offhook dev` only; for a server, use `offhook send` with the app's secret";
    Err(Problem::forbidden("dev_only", message))
}

impl Inspector {
    /// The request that the platform would send, to the path it belongs to.
    fn signed(&self, app: &App, Wish { body, tamper }: Wish) -> Result<(Family, Request<Body>), Problem> {
        let read = Event::from_json(Bytes::from(body.clone()));
        let family = read.as_ref().map_or(Family::YunxinCallback, Event::family);
        let is_rtc = read.as_ref().is_ok_and(|event| event.kind().name().starts_with("rtc."));
        let is_meeting =
            family == Family::YunxinCopy && read.as_ref().is_ok_and(|event| event.field("eventType").is_none());
        let now = self.shown.clock.now();
        let sent = now.as_millisecond() - if tamper == Some(Tamper::Stale) { 3_600_000 } else { 0 };
        let cur_time = sent.to_string();
        let secret = app.secrets.iter().find(|secret| secret.is_current(now)).or(app.secrets.first());
        let mut secret = secret.map(|secret| secret.secret.expose().to_owned()).unwrap_or_default();
        let mut app_key = app.app_key.to_string();
        match tamper {
            Some(Tamper::Checksum) => secret.push_str("-other"),
            Some(Tamper::Appkey) => app_key.push_str("-unknown"),
            _ => {}
        }
        let endpoints = &self.shown.edge.settings().endpoints;
        let path = endpoints.iter().find(|endpoint| endpoint.family == family).map(|endpoint| &*endpoint.path);
        let path = path.ok_or_else(|| Problem::wrong(format!("no path has the family {} here", family.name())))?;
        let mut request = Request::post(path).header("AppKey", app_key).header("CurTime", &cur_time);
        request = if is_meeting {
            let check_sum = yunxin::sign_meeting(&secret, NONCE, body.as_bytes(), &cur_time);
            request.header("Nonce", NONCE).header("CheckSum", check_sum)
        } else {
            let signature = yunxin::sign(&secret, body.as_bytes(), &cur_time);
            request.header("MD5", signature.md5).header("CheckSum", signature.check_sum)
        };
        if is_rtc {
            request = request.header("type", "G2");
        }
        let sent = if tamper == Some(Tamper::Body) { format!("{body} ") } else { body };
        let here = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
        let request = request.header("Content-Type", "application/json; charset=utf-8").extension(PeerAddress(here));
        Ok((family, request.body(Body::from(sent)).map_err(|error| Problem::wrong(error.to_string()))?))
    }
}

/// Any text will do: the time makes each signature another one.
const NONCE: &str = "offhook";
