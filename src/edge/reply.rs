//! Answers as HTTP: the only place in the crate that names a status for a sender.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::family::Protocol;
use crate::intake::Accepted;
use crate::refusal::Refusal;

/// What is sent back: always small and whole.
///
/// ```
/// use offhook::edge::{Edge, Reply};
///
/// /// Whether it is ready, for whoever balances load.
/// fn readyz(edge: &Edge) -> Reply {
///     edge.readiness()
/// }
/// # let _ = readyz;
/// ```
pub type Reply = Response<Full<Bytes>>;

/// The answer to a request that was accepted.
pub(super) fn verdict(family: &impl Protocol, accepted: &Accepted) -> Reply {
    answer(family.reply(accepted.kind(), &accepted.decision().verdict))
}

/// An answer that a family has written.
pub(crate) fn answer(body: Bytes) -> Reply {
    json(StatusCode::OK, body)
}

/// The answer to a request that was turned away.
pub(crate) fn refusal(refusal: &Refusal) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
        message: String,
    }

    let body = Body { error: refusal.code(), message: refusal.to_string() };
    json(status(refusal), serde_json::to_vec(&body).unwrap_or_default().into())
}

/// A path that exists, asked in another way.
pub(super) fn method_not_allowed(allowed: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} is answered here\n"));
    reply.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// A path that does not exist.
pub(super) fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "no such path; see `endpoints` in the configuration\n")
}

/// A head that is longer than any sender's.
pub(super) fn head_too_large() -> Reply {
    text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too large\n")
}

/// The process runs.
pub(super) fn alive() -> Reply {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// Asks the peer to open another connection for its next request.
pub(super) fn ask_to_close(reply: &mut Reply) {
    reply.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
}

/// 200, or 503 where `problem` says why this instance must not be sent anything.
pub(super) fn readiness(problem: Option<&'static str>, degraded: bool) -> Reply {
    match problem {
        Some(problem) => json(StatusCode::SERVICE_UNAVAILABLE, format!(r#"{{"status":"{problem}"}}"#).into()),
        None if degraded => json(StatusCode::OK, Bytes::from_static(br#"{"degraded":["journal"]}"#)),
        None => json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#)),
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::HeaderMissing(_)
        | Refusal::HeaderRepeated(_)
        | Refusal::HeaderMalformed { .. }
        | Refusal::BodyNotJson(_)
        | Refusal::BodyNotAnObject
        | Refusal::EventTypeMalformed { .. }
        | Refusal::KindMissing(_) => StatusCode::BAD_REQUEST,
        Refusal::AppUnknown
        | Refusal::BodyChanged { .. }
        | Refusal::CheckSumMismatch
        | Refusal::Stale { .. }
        | Refusal::FromTheFuture { .. }
        | Refusal::TokenMismatch
        | Refusal::SdkAppIdUnknown
        | Refusal::SignMismatch(_)
        | Refusal::RequestTimeOff { .. } => StatusCode::UNAUTHORIZED,
        Refusal::AddressNotAllowed => StatusCode::FORBIDDEN,
        Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::BodyTooSlow { .. } | Refusal::BodyCutOff { .. } => StatusCode::REQUEST_TIMEOUT,
    }
}

fn json(status: StatusCode, body: Bytes) -> Reply {
    reply(status, "application/json", body)
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "text/plain; charset=utf-8", body.into())
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
