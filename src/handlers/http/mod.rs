//! `type = "http"`: posts each event as a structured CloudEvent; the status of the answer decides.

mod batch;
mod reply;
mod signature;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, redirect};
use url::Url;

pub use signature::{KeyError, SigningKey};

use batch::Batches;

use super::BuildError;
use crate::clock::Clock;
use crate::cloud_event::CloudEvent;
use crate::deliver::{AnyHandler, Handler, Outcome};
use crate::event::Event;

const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";
const USER_AGENT: &str = concat!("offhook/", env!("CARGO_PKG_VERSION"));
/// A connection at rest is closed after this: before the other side does (Node and uvicorn after 5 s), since a request
/// that crosses its closing would look like a failure.
const IDLE: Duration = Duration::from_secs(4);

/// Posts each event to a URL.
///
/// 2xx is done. No connection, no answer on it, 429 and 503 are the target's trouble: the lane pauses. 408, 425, other
/// 5xx and no answer in time may be the event's fault: tried again, then parked. All else parks at once, redirects too.
/// `Retry-After` counts. The header `idempotency-key` holds the event's id, the same for each attempt; with signing keys
/// so does `webhook-id`, beside `webhook-timestamp` and `webhook-signature` (Standard Webhooks).
///
/// ```
/// use std::time::Duration;
/// use offhook::Receiver;
/// use offhook::clock::Clock;
/// use offhook::handlers::{Http, SigningKey};
///
/// let key = SigningKey::parse(&"whsec_bWFkZS11cCBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE=".into())?;
/// let url = "https://crm.example/events".parse()?;
/// let seconds = Duration::from_secs;
/// let handler = Http::new("crm", url, seconds(10), seconds(2), Clock::system())?.signed(vec![key]);
/// let receiver = Receiver::builder().handler(handler);
/// # let _ = receiver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Http {
    name: Arc<str>,
    url: Url,
    client: Client,
    timeout: Duration,
    keys: Vec<SigningKey>,
    clock: Clock,
}

impl Http {
    /// A handler that posts to `url`. An attempt may take `timeout`; of that, connecting may take `connect_timeout`,
    /// and never more than three quarters, so that a target out of reach is not mistaken for a slow one.
    ///
    /// # Errors
    /// [`BuildError`] where `url` is not http or https, or https has no certificates to rely on.
    pub fn new(
        name: impl Into<Arc<str>>,
        url: Url,
        timeout: Duration,
        connect_timeout: Duration,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        let name = name.into();
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BuildError::Scheme { name, scheme: url.scheme().to_owned() });
        }
        // Somebody else may have chosen one already; theirs is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .connect_timeout(connect_timeout.min(timeout / 4 * 3))
            .pool_idle_timeout(IDLE);
        if url.scheme() == "http" {
            // It never becomes https: no redirect is followed. So a machine without certificates will do.
            client = client.tls_certs_only([]);
        }
        match client.build() {
            Ok(client) => Ok(Self { name, url, client, timeout, keys: Vec::new(), clock }),
            Err(error) => Err(BuildError::Client { name, cause: innermost(&error) }),
        }
    }

    /// Signs each attempt with all of `keys`; none: unsigned.
    #[must_use]
    pub fn signed(self, keys: Vec<SigningKey>) -> Self {
        Self { keys, ..self }
    }

    /// The same, with up to `most` events in one request while there are so many: a JSON list of them, as CloudEvents
    /// batches are (`application/cloudevents-batch+json`), in the journal's order. 2xx is done for all of them. Where a
    /// batch fails otherwise than by the target's trouble, its events come one by one, so that only one that fails by
    /// itself is parked. `idempotency-key` and `webhook-id` are the batch's own; each event in it has its `id`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use offhook::clock::Clock;
    /// use offhook::handlers::Http;
    ///
    /// let (url, seconds) = ("https://crm.example/events".parse()?, Duration::from_secs);
    /// let handler = Http::new("crm", url, seconds(10), seconds(2), Clock::system())?.batched(64);
    /// assert_eq!(handler.name(), "crm");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batched(self, most: usize) -> AnyHandler {
        if most > 1 { AnyHandler::in_pages(Batches::of(self, most)) } else { AnyHandler::new(self) }
    }

    /// Posts one event by itself.
    async fn post_one(&self, event: &Event) -> Outcome {
        let sent = Bytes::from(CloudEvent::of(event).to_json());
        self.post(CLOUD_EVENT, event.id().to_string(), sent).await
    }

    /// One request, known to its target as `id`.
    async fn post(&self, content_type: &'static str, id: String, sent: Bytes) -> Outcome {
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, content_type);
        if !self.keys.is_empty() {
            for (name, value) in signature::headers(&self.keys, &id, self.clock.now(), &sent) {
                request = request.header(name, value);
            }
        }
        let request = request.header("idempotency-key", id).body(sent.clone());
        match request.send().await {
            Ok(reply) => reply::outcome(reply, &sent, &self.clock).await,
            Err(error) => self.unanswered(&error),
        }
    }

    /// No answer came.
    fn unanswered(&self, error: &reqwest::Error) -> Outcome {
        if error.is_connect() {
            Outcome::pause(format!("cannot connect: {}", innermost(error)))
        } else if error.is_timeout() {
            Outcome::retry(format!("no answer within {:?}", self.timeout))
        } else {
            Outcome::pause(format!("the connection broke before an answer came: {}", innermost(error)))
        }
    }
}

impl Handler for Http {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        self.post_one(event).await
    }
}

impl fmt::Debug for Http {
    /// Without the URL, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("name", &self.name).field("timeout", &self.timeout).finish_non_exhaustive()
    }
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
