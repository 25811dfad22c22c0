//! `type = "http"`: asks a service of the user's own. It is sent the event as a structured CloudEvent.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, redirect};
use url::Url;

use super::answer::{self, Unclear};
use super::breaker::{Breaker, BreakerSettings, LeftAlone};
use super::decider::{Decider, Failure};
use crate::budget::Budget;
use crate::cloud_event::CloudEvent;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::verdict::Verdict;

const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";
const USER_AGENT: &str = concat!("offhook/", env!("CARGO_PKG_VERSION"));
/// A connection at rest is closed after this: before the other side does (Node and uvicorn after 5 s), since a question
/// that crosses its closing would look like a failure.
const IDLE: Duration = Duration::from_secs(4);

/// A service that is asked by HTTP.
///
/// An answer of 2xx with a verdict in its body is an opinion ([the forms](super) are those of a program's too); 204, or
/// 2xx without a body, is none. Everything else is a failure: redirects are not followed, no proxy of the environment
/// is used, and more than 64 KiB are not read. A service that fails several times in a row is left alone for a while.
///
/// ```no_run
/// use std::time::Duration;
/// use offhook::decide::{BreakerSettings, Http, HttpSettings};
/// use offhook::metrics::Metrics;
/// use offhook::Receiver;
///
/// let settings = HttpSettings {
///     url: "http://127.0.0.1:9000/may".parse()?,
///     headers: vec![("authorization".to_owned(), "Bearer made-up".into())],
///     breaker: BreakerSettings { failures: 5, pause: Duration::from_secs(10) },
/// };
/// let metrics = Metrics::new(Duration::from_millis(1500));
/// let receiver = Receiver::builder().decider(Http::new("may", settings, &metrics)?);
/// # let _ = receiver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Http {
    name: String,
    url: Url,
    client: Client,
    breaker: Breaker,
}

/// How a service is asked.
///
/// Example: [`Http`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it is; http or https.
    pub url: Url,
    /// Headers it is sent besides, e.g. `Authorization`.
    pub headers: Vec<(String, Secret)>,
    /// When it is left alone.
    pub breaker: BreakerSettings,
}

/// Why a service cannot be asked at all.
///
/// Example: [`super::BuildError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Its URL is neither http nor https.
    #[error("its url begins with `{0}:`; give one that begins with `http:` or `https:`")]
    Scheme(String),
    /// A header that HTTP does not know.
    #[error("`{0}` is no header, or its value has characters that no header may have")]
    Header(String),
    /// There is no HTTP client; mostly because the machine has no certificates of authorities.
    #[error("cannot make an HTTP client ({0}); for https the system's CA certificates must be installed")]
    Client(String),
}

/// What kept a service from an opinion.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    LeftAlone(LeftAlone),
    #[error("cannot connect: {0}")]
    NoConnection(String),
    #[error("the connection broke before the answer was whole: {0}")]
    Broke(String),
    #[error("it answered {0}; redirects are not followed")]
    Redirect(u16),
    #[error("it answered {0}")]
    Status(u16),
    #[error(transparent)]
    Unclear(#[from] Unclear),
}

impl Http {
    /// A decider called `name` that asks as `settings` say.
    ///
    /// # Errors
    /// [`HttpError`] where it could never be asked.
    pub fn new(name: impl Into<String>, settings: HttpSettings, metrics: &Arc<Metrics>) -> Result<Self, HttpError> {
        let (name, HttpSettings { url, headers, breaker }) = (name.into(), settings);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(HttpError::Scheme(url.scheme().to_owned()));
        }
        // Somebody else may have chosen one already; theirs is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(own_headers(headers)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE);
        if url.scheme() == "http" {
            // It never becomes https: no redirect is followed. So a machine without certificates will do.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|error| HttpError::Client(innermost(&error)))?;
        let breaker = Breaker::new(breaker, &name, Arc::clone(metrics));
        Ok(Self { name, url, client, breaker })
    }

    async fn ask(&self, event: &Event) -> Result<Option<Verdict>, Fault> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, CLOUD_EVENT);
        let reply = request.body(CloudEvent::of(event).to_json()).send().await.map_err(|error| {
            if error.is_connect() { Fault::NoConnection(innermost(&error)) } else { Fault::Broke(innermost(&error)) }
        })?;
        let status = reply.status();
        if status.is_redirection() {
            return Err(Fault::Redirect(status.as_u16()));
        }
        if !status.is_success() {
            return Err(Fault::Status(status.as_u16()));
        }
        Ok(answer::read(&whole(reply).await?)?)
    }
}

impl Decider for Http {
    fn name(&self) -> &str {
        &self.name
    }

    /// Late, it has failed as far as the breaker is concerned, and goes on: somebody may wait for late answers. Dropped,
    /// it closes its connection.
    async fn decide(&self, event: &Event, budget: Budget) -> Result<Option<Verdict>, Failure> {
        let attempt = self.breaker.enter().map_err(Fault::LeftAlone)?;
        let mut asking = pin!(self.ask(event));
        let Some(answer) = budget.wait(&mut asking).await else {
            drop(attempt);
            return Ok(asking.await?);
        };
        match &answer {
            Ok(_) => attempt.succeeded(),
            Err(_) => attempt.failed(),
        }
        Ok(answer?)
    }
}

impl fmt::Debug for Http {
    /// Without the URL and the headers, which may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("name", &self.name).finish_non_exhaustive()
    }
}

fn own_headers(headers: Vec<(String, Secret)>) -> Result<HeaderMap, HttpError> {
    let mut own = HeaderMap::new();
    for (name, value) in headers {
        let (Ok(known), Ok(mut value)) = (HeaderName::try_from(&name), HeaderValue::try_from(value.expose())) else {
            return Err(HttpError::Header(name));
        };
        value.set_sensitive(true);
        own.insert(known, value);
    }
    Ok(own)
}

/// The body of `reply`, where it is not too long.
async fn whole(mut reply: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| Fault::Broke(innermost(&error)))? {
        if body.len() + chunk.len() > answer::LIMIT {
            return Err(Unclear::TooLong.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The reason behind all reasons. The outer ones name the URL, which may hold a token.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = match error.source() {
        Some(cause) => cause,
        None => return "the request was not accepted by our own client".to_owned(),
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
