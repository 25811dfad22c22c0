//! The inspector's page: a few files of our own inside the program, and what a browser may do with them.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Inspector;

/// Nothing from elsewhere, nothing in between the lines of the page, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! files {
    ($($name:literal $content_type:literal)*) => {
        /// Every file, with what it is.
        const FILES: &[(&str, &str, &str)] = &[$(($name, $content_type, include_str!(concat!("page/", $name))),)*];
    };
}
files! {
    "index.html" "text/html; charset=utf-8"
    "style.css" "text/css; charset=utf-8"
    "parts.css" "text/css; charset=utf-8"
    "icon.svg" "image/svg+xml"
    "main.js" "text/javascript; charset=utf-8"
    "dom.js" "text/javascript; charset=utf-8"
    "words.js" "text/javascript; charset=utf-8"
    "api.js" "text/javascript; charset=utf-8"
    "live.js" "text/javascript; charset=utf-8"
    "list.js" "text/javascript; charset=utf-8"
    "rows.js" "text/javascript; charset=utf-8"
    "detail.js" "text/javascript; charset=utf-8"
    "road.js" "text/javascript; charset=utf-8"
    "json.js" "text/javascript; charset=utf-8"
    "refused.js" "text/javascript; charset=utf-8"
    "dashboard.js" "text/javascript; charset=utf-8"
    "chart.js" "text/javascript; charset=utf-8"
    "sample.js" "text/javascript; charset=utf-8"
}

/// The page at `/`, and its files.
pub(super) fn router() -> Router<Inspector> {
    Router::new()
        .route("/", get(|| async { file("index.html") }))
        .route("/page/{name}", get(|Path(name): Path<String>| async move { file(&name) }))
}

fn file(name: &str) -> Response {
    let Some((_, content_type, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let headers = [
        (CONTENT_TYPE, *content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // It goes with the program, which may be another one after the next start.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, *content).into_response()
}
