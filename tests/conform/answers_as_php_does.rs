//! The mistake: empty arrays where the platform reads an object and a text; PHP writes both as `[]`.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;

use super::receiver::{careful, verdict};

pub(crate) fn answers(headers: &HeaderMap, body: &Bytes) -> Response {
    let answer = careful(headers, body);
    if answer.status().is_success() {
        return verdict(r#"{"errCode":0,"responseCode":20000,"modifyResponse":[],"callbackExt":[]}"#);
    }
    answer
}

/// The rows that find it out.
pub(crate) const FAILS: &[&str] = &["reply_modify", "reply_ext"];
