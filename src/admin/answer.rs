//! Answers of the JSON API: a value, or a problem with a code and a sentence.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Inspector;
use crate::journal::Reader;

/// What a page gets instead of an answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// An answer, or a problem.
pub(super) type Answer = Result<Response, Problem>;

impl Problem {
    /// What was asked for makes no sense.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "wrong_request", message: message.into() }
    }

    /// What was asked for is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message: message.into() }
    }

    /// The caller may not do this.
    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code, message: message.into() }
    }

    /// The caller has to say who it is.
    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: "token_needed", message: message.into() }
    }

    /// Not now.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "busy", message: message.into() }
    }

    /// Something of ours failed.
    pub(super) fn ours(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "the inspector could not answer");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "failed", message: error.to_string() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({"error": self.code, "message": self.message});
        (self.status, HEADERS, body.to_string()).into_response()
    }
}

/// `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_string(value).map_err(Problem::ours)?;
    Ok((HEADERS, body).into_response())
}

const HEADERS: [(HeaderName, &str); 3] =
    [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

impl Inspector {
    /// Reads the journal, on a thread that may wait for the disk.
    pub(super) async fn read<T, E>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let reader = self.shown.journal.reader();
        tokio::task::spawn_blocking(move || read(&reader)).await.map_err(Problem::ours)?.map_err(Problem::ours)
    }
}
