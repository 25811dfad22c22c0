//! Who may ask the admin listener: somebody with the token, or a program on this machine that is no foreign web page.
//!
//! `Host` is checked against DNS rebinding, `Origin` against requests that another site's page makes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::secret::Secret;

#[derive(Debug)]
pub(super) struct Guard {
    token: Option<Secret>,
    on_loopback: bool,
}

impl Guard {
    pub(super) fn new(token: Option<Secret>, listening: Option<SocketAddr>) -> Self {
        Self { token, on_loopback: listening.is_some_and(|address| address.ip().to_canonical().is_loopback()) }
    }

    /// What is wrong with a request of these headers.
    fn objection(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        if let Some(token) = &self.token {
            let shown = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
            if shown.is_none_or(|shown| Secret::new(shown) != *token) {
                return Some((
                    StatusCode::UNAUTHORIZED,
                    "show the token of [admin] as `Authorization: Bearer TOKEN`\n",
                ));
            }
        }
        let host = text(headers, HOST);
        if self.on_loopback && !host.is_none_or(names_this_machine) {
            return Some((StatusCode::FORBIDDEN, "this listener answers to localhost, 127.0.0.1 and [::1] only\n"));
        }
        let origin = text(headers, ORIGIN);
        let own_page = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) == host;
        if headers.contains_key(ORIGIN) && !origin.is_some_and(own_page) {
            return Some((StatusCode::FORBIDDEN, "requests from pages of another origin are not answered\n"));
        }
        None
    }
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.objection(request.headers()) {
        Some(objection) => objection.into_response(),
        None => next.run(request).await,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
