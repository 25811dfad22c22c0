//! `type = "nats"`: publishes each event as a structured CloudEvent to a subject of NATS.

mod subject;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, client};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::OnceCell;
use tokio::time::timeout;

pub use subject::Subject;

use crate::cloud_event::CloudEvent;
use crate::deliver::{Handler, Outcome, answered};
use crate::event::Event;
use crate::nats::{ConnectError, Servers};

const TOO_LARGE: &str = "larger than the server takes (max_payload)";
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";

/// How events are published.
///
/// ```
/// use std::time::Duration;
/// use offhook::Receiver;
/// use offhook::handlers::{Nats, NatsSettings, Subject};
/// use offhook::nats::Servers;
///
/// let settings = NatsSettings {
///     servers: Servers::parse("nats://127.0.0.1:4222")?,
///     subject: Subject::parse(Subject::DEFAULT)?,
///     jetstream: true,
///     timeout: Duration::from_secs(5),
/// };
/// let receiver = Receiver::builder().handler(Nats::new("bus", settings));
/// # let _ = receiver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// The servers.
    pub servers: Servers,
    /// Where to.
    pub subject: Subject,
    /// Whether a stream must have stored an event before it is done.
    pub jetstream: bool,
    /// For one attempt, connecting included.
    pub timeout: Duration,
}

/// Publishes each event.
///
/// With `jetstream` it is done when a stream acknowledged it, and not before; the header `Nats-Msg-Id` holds the event's
/// id, so that a stream knows a repeat. A replay, which a person asked for, has no such header: the stream shall take it
/// once more. Without `jetstream` it is done when the server has taken it, and who did not listen then never gets it.
/// `idempotency-key` holds the id either way.
///
/// No connection, no stream for the subject, no acknowledgement in time are the target's trouble: the lane pauses. What
/// the server cannot take for its size is parked; what a stream refuses otherwise is tried again, then parked.
///
/// Example: [`NatsSettings`].
pub struct Nats {
    name: Arc<str>,
    settings: NatsSettings,
    connection: OnceCell<Connection>,
}

/// What is published over; it restores itself once it was there.
struct Connection {
    client: Client,
    streams: Context,
}

impl Nats {
    /// A handler that publishes as `settings` say. It connects with the first event.
    pub fn new(name: impl Into<Arc<str>>, settings: NatsSettings) -> Self {
        Self { name: name.into(), settings, connection: OnceCell::new() }
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let NatsSettings { servers, timeout, .. } = &self.settings;
        let client = servers.connect(&format!("offhook {}", self.name), *timeout).await?;
        let mut streams = jetstream::new(client.clone());
        streams.set_timeout(*timeout);
        Ok(Connection { client, streams })
    }

    async fn publish(&self, event: &Event) -> Outcome {
        let Connection { client, streams } = match self.connection.get_or_try_init(|| self.connect()).await {
            Ok(connection) => connection,
            Err(error) => return Outcome::pause(error.to_string()),
        };
        // It would wait in memory until the server is there again.
        if client.connection_state() != State::Connected {
            return Outcome::pause(format!("the connection to NATS at {} is lost", self.settings.servers));
        }
        let id = event.id().to_string();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", CLOUD_EVENT);
        headers.insert("idempotency-key", &*id);
        if self.settings.jetstream && !event.is_replayed() {
            headers.insert(NATS_MESSAGE_ID, &*id);
        }
        let (subject, payload) = (self.settings.subject.of(event), Bytes::from(CloudEvent::of(event).to_json()));
        if self.settings.jetstream {
            self.store(streams, subject, headers, payload).await
        } else {
            send(client, subject, headers, payload).await
        }
    }

    /// Publishes and waits until a stream has it.
    async fn store(&self, streams: &Context, subject: String, headers: HeaderMap, payload: Bytes) -> Outcome {
        let stored = match streams.publish_with_headers(subject.clone(), headers, payload).await {
            Ok(acknowledged) => acknowledged.await,
            Err(error) => Err(error),
        };
        let error = match stored {
            Ok(stored) => {
                answered(format!("stored in {} at {}", stored.stream, stored.sequence));
                return Outcome::Done;
            }
            Err(error) => error,
        };
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Outcome::give_up(TOO_LARGE),
            PublishErrorKind::StreamNotFound => {
                Outcome::pause(format!("no JetStream stream stores `{subject}`: add one, or set `jetstream = false`"))
            }
            PublishErrorKind::TimedOut => {
                Outcome::pause(format!("no acknowledgement within {:?}", self.settings.timeout))
            }
            PublishErrorKind::BrokenPipe | PublishErrorKind::MaxAckPending => Outcome::pause(error.to_string()),
            _ => refused(&error),
        }
    }
}

/// What it means that a stream answered with an error.
fn refused(error: &PublishError) -> Outcome {
    let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    let why = format!("the stream did not take it: {}", said.map_or_else(|| error.to_string(), ToString::to_string));
    match said.map(|said| (said.code(), said.error_code())) {
        Some((_, ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)) => Outcome::give_up(why),
        // It is full, or has no leader.
        Some((503, _)) => Outcome::pause(why),
        _ => Outcome::retry(why),
    }
}

/// Publishes, and waits until the server has it: on one connection it takes things in order, so that a message to
/// ourselves comes back after the event was taken.
async fn send(client: &Client, subject: String, headers: HeaderMap, payload: Bytes) -> Outcome {
    let broken = |error: &dyn std::error::Error| Outcome::pause(format!("the connection broke: {error}"));
    let inbox = client.new_inbox();
    let mut echo = match client.subscribe(inbox.clone()).await {
        Ok(echo) => echo,
        Err(error) => return broken(&error),
    };
    if let Err(error) = client.publish_with_headers(subject, headers, payload).await {
        return match error.kind() {
            client::PublishErrorKind::MaxPayloadExceeded => Outcome::give_up(TOO_LARGE),
            _ => broken(&error),
        };
    }
    if let Err(error) = client.publish(inbox, Bytes::new()).await {
        return broken(&error);
    }
    match echo.next().await {
        Some(_) => Outcome::Done,
        None => Outcome::pause("the connection broke before the server took it"),
    }
}

impl Handler for Nats {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        // A little more than its parts may take, whose reasons say more.
        let within = self.settings.timeout + self.settings.timeout / 4;
        timeout(within, self.publish(event))
            .await
            .unwrap_or_else(|_| Outcome::pause(format!("the server did not take it within {within:?}")))
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("name", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}
