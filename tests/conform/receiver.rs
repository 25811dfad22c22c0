//! A receiver as small as a careful one can be, in parts: the naive ones beside it leave one of them out.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use md5::{Digest, Md5};
use offhook::clock::Clock;
use sha1::Sha1;
use tokio::net::TcpListener;

pub(crate) const APP_KEY: &str = "5b1f7c2093d44e6a8c550d2a7e41b9f3";
pub(crate) const APP_SECRET: &str = "a-receivers-secret";

pub(crate) const ALLOW: &str = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;

/// What a receiver says to a request.
pub(crate) type Answers = fn(&HeaderMap, &Bytes) -> Response;

/// The receiver that makes no mistake.
pub(crate) fn careful(headers: &HeaderMap, body: &Bytes) -> Response {
    if is_ours(headers) && is_signed(headers) && is_hashed(headers, body) && is_fresh(headers) {
        verdict(ALLOW)
    } else {
        refused()
    }
}

/// Serves `answers` until the test ends.
pub(crate) async fn serves(answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = move |headers: HeaderMap, body: Bytes| async move { answers(&headers, &body) };
    let router = axum::Router::new().route("/callback", axum::routing::post(answer));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// Whether the request names our app.
pub(crate) fn is_ours(headers: &HeaderMap) -> bool {
    only(headers, "AppKey") == Some(APP_KEY)
}

/// Whether the `CheckSum` header was made with our secret for the other two.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    let [Some(md5), Some(time), Some(sum)] = ["MD5", "CurTime", "CheckSum"].map(|name| only(headers, name)) else {
        return false;
    };
    let right = Sha1::new().chain_update(APP_SECRET).chain_update(md5).chain_update(time).finalize();
    hex::encode(right).eq_ignore_ascii_case(sum)
}

/// Whether the `MD5` header is that of the body.
pub(crate) fn is_hashed(headers: &HeaderMap, body: &[u8]) -> bool {
    let right = hex::encode(Md5::digest(body));
    only(headers, "MD5").is_some_and(|md5| right.eq_ignore_ascii_case(md5))
}

/// Whether it was signed just now, or is the check of an address, which carries an old time.
pub(crate) fn is_fresh(headers: &HeaderMap) -> bool {
    let time = only(headers, "CurTime").and_then(|time| time.parse::<i64>().ok());
    let fresh = time.is_some_and(|time| Clock::system().now().as_millisecond().abs_diff(time) < 300_000);
    fresh || is_hashed(headers, b"{}")
}

pub(crate) fn verdict(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

pub(crate) fn refused() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

/// The one value of a header; nothing, where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}
