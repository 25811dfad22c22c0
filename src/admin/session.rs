//! Signing in with the token, for browsers: a cookie that scripts cannot read and other sites cannot send.

use std::sync::PoisonError;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Inspector;
use super::answer::{Answer, Problem, json};
use super::guard::{self, cookie};
use crate::clock::Clock;
use crate::event::EventId;
use crate::secret::Secret;

pub(super) const COOKIE_NAME: &str = "offhook_session";

/// How long a sign-in lasts.
const LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// Sign-ins at once; the oldest goes.
const MOST: usize = 64;

/// How long a wrong token is thought about: guessing shall take its time.
const PONDERING: Duration = Duration::from_millis(300);

/// Who signed in. In memory: a restart asks again.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<(Secret, Instant)>);

impl Sessions {
    pub(super) fn knows(&self, shown: &str) -> bool {
        let shown = Secret::new(shown);
        self.0.iter().any(|(cookie, since)| *cookie == shown && since.elapsed() < LASTS)
    }

    fn begin(&mut self, clock: &Clock) -> Secret {
        // Two ids hold 148 random bits.
        let cookie = Secret::new(format!("{}{}", EventId::at(clock.now()), EventId::at(clock.now())).replace('-', ""));
        self.0.retain(|(_, since)| since.elapsed() < LASTS);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push((cookie.clone(), Instant::now()));
        cookie
    }

    fn end(&mut self, shown: &str) {
        let shown = Secret::new(shown);
        self.0.retain(|(cookie, _)| *cookie != shown);
    }
}

/// `GET /api/session`: whether a token is needed; and for those who need none, or showed it, what there is to see.
pub(super) async fn about(State(inspector): State<Inspector>, headers: HeaderMap) -> Answer {
    let needs_token = inspector.guard.token.is_some();
    if inspector.guard.shown(&headers).is_none() {
        return json(&json!({"needs_token": needs_token, "signed_in": false}));
    }
    let settings = inspector.shown.edge.settings();
    let endpoints: Vec<_> = settings
        .endpoints
        .iter()
        .map(|endpoint| json!({"family": endpoint.family.name(), "path": endpoint.path}))
        .collect();
    let apps = inspector.shown.edge.families().yunxin_callback.apps();
    json(&json!({
        "needs_token": needs_token,
        "signed_in": true,
        "apps": apps.iter().map(|app| app.app_key.to_string()).collect::<Vec<_>>(),
        "write": inspector.write,
        "samples": inspector.samples,
        "deadline_ms": settings.deadline.as_millis(),
        "public": inspector.public_url(),
        "endpoints": endpoints,
        "handlers": inspector.shown.orders.handlers().iter().map(|name| name.to_string()).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// `POST /api/login` with `{"token": …}`.
pub(super) async fn login(State(inspector): State<Inspector>, headers: HeaderMap, body: Bytes) -> Answer {
    let Ok(Login { token }) = serde_json::from_slice(&body) else {
        return Err(Problem::wrong(r#"{"token": "…"} expected"#));
    };
    let Some(right) = &inspector.guard.token else { return json(&json!({"signed_in": true})) };
    if Secret::new(token) != *right {
        inspector.guard.guesses.say(|unsaid| {
            tracing::warn!(unsaid, "somebody tried to sign in to the inspector with a wrong token");
        });
        sleep(PONDERING).await;
        return Err(Problem::unauthorized("this is not the token of [admin]"));
    }
    let cookie = {
        let mut sessions = inspector.guard.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.begin(&inspector.shown.clock)
    };
    let secure = guard::text(&headers, ORIGIN).is_some_and(|origin| origin.starts_with("https://"));
    tracing::info!("somebody signed in to the inspector");
    Ok(with_cookie(json(&json!({"signed_in": true}))?, cookie.expose(), LASTS.as_secs(), secure))
}

/// `POST /api/logout`.
pub(super) async fn logout(State(inspector): State<Inspector>, headers: HeaderMap) -> Answer {
    if let Some(cookie) = cookie(&headers) {
        inspector.guard.sessions.lock().unwrap_or_else(PoisonError::into_inner).end(cookie);
    }
    Ok(with_cookie(json(&json!({"signed_in": false}))?, "", 0, false))
}

fn with_cookie(answer: Response, value: &str, seconds: u64, secure: bool) -> Response {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    ([(SET_COOKIE, cookie)], answer).into_response()
}
