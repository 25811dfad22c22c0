//! Makes answers smaller for those who can read them so: a page over a telephone is to be there at once.

use std::io::Write;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is shorter fits into one packet as it is.
const WORTH_IT: usize = 1200;

/// Compresses pages and JSON; a live stream goes as it comes.
pub(super) async fn shrink(request: Request, next: Next) -> Response {
    let accepts = request.headers().get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepts =
        accepts.flat_map(|line| line.split(',')).any(|coding| coding.trim().split(';').next() == Some("gzip"));
    let answer = next.run(request).await;
    // What has no length yet is a stream, which may have no end either.
    if !accepts || answer.body().size_hint().exact().is_none() {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if body.len() < WORTH_IT {
        return Response::from_parts(head, Body::from(body));
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::fast());
    let small = encoder.write_all(&body).and_then(|()| encoder.finish());
    let Ok(small) = small else { return Response::from_parts(head, Body::from(body)) };
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(head, Body::from(small))
}
