//! Who may ask the admin listener: somebody with the token, or a program on this machine that is no foreign web page.
//!
//! `Host` is checked against DNS rebinding, `Origin` against requests that another site's page makes, and whatever is
//! posted must carry a header that no foreign page can send without being asked first.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Inspector;
use super::answer::Problem;
use super::session::{COOKIE_NAME, Sessions};
use crate::secret::Secret;
use crate::sparing::Sparing;

/// How long a post may take, its body included: a connection is not for keeping.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a request that changes or shows something must carry, with any value.
pub(super) const MARK: &str = "x-offhook";

#[derive(Debug)]
pub(super) struct Guard {
    pub(super) token: Option<Secret>,
    on_loopback: bool,
    pub(super) sessions: Mutex<Sessions>,
    /// What the log says of wrong tokens: whoever guesses shall not fill it.
    pub(super) guesses: Sparing,
}

/// How a caller showed who it is; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// No token is set: whoever reaches this listener is on this machine.
    OnThisMachine,
    Token,
    SignedIn,
}

impl Guard {
    pub(super) fn new(token: Option<Secret>, listening: Option<SocketAddr>) -> Self {
        let on_loopback = listening.is_some_and(|address| address.ip().to_canonical().is_loopback());
        Self { token, on_loopback, sessions: Mutex::default(), guesses: Sparing::default() }
    }

    /// How the sender of these headers showed who it is; `None` where it did not.
    pub(super) fn shown(&self, headers: &HeaderMap) -> Option<Shown> {
        let Some(token) = &self.token else { return Some(Shown::OnThisMachine) };
        let bearer = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if bearer.is_some_and(|shown| Secret::new(shown) == *token) {
            return Some(Shown::Token);
        }
        let sessions = self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cookie(headers).is_some_and(|cookie| sessions.knows(cookie)).then_some(Shown::SignedIn)
    }

    /// What is wrong with where a request came to, or from.
    fn misplaced(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let host = text(headers, HOST);
        if self.on_loopback && !host.is_none_or(names_this_machine) {
            return Some((StatusCode::FORBIDDEN, "this listener answers to localhost, 127.0.0.1 and [::1] only\n"));
        }
        let origin = text(headers, ORIGIN);
        let own_page = |origin: &str| origin.split_once("://").map(|(_, rest)| rest) == host;
        if headers.contains_key(ORIGIN) && !origin.is_some_and(own_page) {
            return Some((StatusCode::FORBIDDEN, "requests from pages of another origin are not answered\n"));
        }
        if is_embedded_elsewhere(headers) {
            return Some((StatusCode::FORBIDDEN, "nothing here is for other pages to load\n"));
        }
        None
    }
}

/// Whether another site's page loads this as a part of itself, say as a picture: it could not read what it gets, but hold
/// streams open. A browser says so by itself; following a link is another matter.
fn is_embedded_elsewhere(headers: &HeaderMap) -> bool {
    let says = |name: &'static str| text(headers, HeaderName::from_static(name));
    matches!(says("sec-fetch-site"), Some("cross-site" | "same-site")) && says("sec-fetch-dest") != Some("document")
}

/// Lets through who may ask for anything here.
pub(super) async fn check(State(inspector): State<Inspector>, request: Request, next: Next) -> Response {
    if inspector.guard.shown(request.headers()).is_none() {
        let how = "show the token of [admin] as `Authorization: Bearer TOKEN`, or sign in on the page";
        return Problem::unauthorized(how).into_response();
    }
    check_place(State(inspector), request, next).await
}

/// Lets through what comes to the right place from the right one, whoever asks.
pub(super) async fn check_place(State(inspector): State<Inspector>, request: Request, next: Next) -> Response {
    if let Some(objection) = inspector.guard.misplaced(request.headers()) {
        return objection.into_response();
    }
    if request.method() == Method::POST && !request.headers().contains_key(MARK) {
        let message = "send the header `X-Offhook: 1` with it: a page of another site cannot";
        return Problem::forbidden("header_needed", message).into_response();
    }
    if request.method() != Method::POST {
        return next.run(request).await; // a live stream goes on for as long as somebody listens
    }
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// The sign-in that a browser shows.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
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
