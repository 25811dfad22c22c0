//! The connection to NATS, and the threads on which everything about it runs.
//!
//! The journal's callers are partly blocking and partly on runtimes of their own; here is the one place where they meet.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::NatsSettings;
use crate::nats::ConnectError;

/// Something that did not work with NATS.
///
/// ```
/// use offhook::journal::NatsError;
///
/// let error = NatsError {
///     doing: "read the stream",
///     servers: "nats://nats-1:4222".to_owned(),
///     error: "no answer".to_owned(),
/// };
/// assert!(error.to_string().contains("nats://nats-1:4222"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {doing} (NATS at {servers}): {error}")]
pub struct NatsError {
    /// What was tried, as a verb.
    pub doing: &'static str,
    /// Which servers.
    pub servers: String,
    /// What it said.
    pub error: String,
}

/// A connection. It goes on trying for ever once it was made, with a pause before each try.
#[derive(Debug)]
pub(in crate::journal) struct Link {
    runtime: Option<Runtime>,
    client: Client,
    context: Context,
    settings: NatsSettings,
    /// Rung when it went or came.
    changed: Arc<Notify>,
}

/// What to do where no server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreached {
    /// Say so.
    Fails,
    /// Go on trying, and say nothing.
    Waits,
}

impl Link {
    /// Connects. Blocking, for some seconds at most.
    pub(super) fn open(settings: &NatsSettings, unreached: Unreached) -> Result<Arc<Self>, NatsError> {
        let failed = |error: String| NatsError { doing: "connect", servers: settings.servers.to_string(), error };
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("journal-nats").enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let changed = Arc::new(Notify::new());
        let connecting = {
            let (settings, changed) = (settings.clone(), Arc::clone(&changed));
            async move {
                let servers = &settings.servers;
                let options = || options(&settings, Arc::clone(&changed)).map_err(|error| error.to_string());
                // A name may take long to look up, and there may be many servers.
                let tried = timeout(OPENING, options()?.connect(servers.urls())).await;
                let error = match tried {
                    Ok(Ok(client)) => return Ok(client),
                    Ok(Err(error)) if !is_unreached(error.kind()) => return Err(servers.refused(&error).to_string()),
                    Ok(Err(error)) => servers.refused(&error).to_string(),
                    Err(_) => format!("no server took us within {OPENING:?}"),
                };
                if unreached == Unreached::Fails {
                    return Err(error);
                }
                let waiting = options()?.retry_on_initial_connect().connect(servers.urls()).await;
                waiting.map_err(|error| servers.refused(&error).to_string())
            }
        };
        let client = wait_on(runtime.handle(), connecting).unwrap_or_else(|| Err("the threads ended".to_owned()));
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                // Dropping it could block, which the caller's thread may not do.
                runtime.shutdown_background();
                return Err(failed(error));
            }
        };
        // It starts a task of its own.
        let inside = runtime.enter();
        let context = jetstream::ContextBuilder::new()
            .timeout(ASKING)
            .ack_timeout(settings.patience)
            .max_ack_inflight(IN_FLIGHT)
            .build(client.clone());
        drop(inside);
        Ok(Arc::new(Self { runtime: Some(runtime), client, context, settings: settings.clone(), changed }))
    }

    pub(super) fn settings(&self) -> &NatsSettings {
        &self.settings
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether a server is connected right now. The client itself is asked: of its events it drops those that nobody takes
    /// soon enough, so what they told last may not be so any more.
    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Resolves when the connection went or came.
    pub(super) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Waits until everything said so far has left.
    pub(super) async fn flush(&self) {
        if let Err(error) = self.client.flush().await {
            tracing::debug!(%error, "not everything was said to NATS");
        }
    }

    /// The most bytes that one message may have, headers and all.
    pub(super) fn largest(&self) -> usize {
        match self.client.max_payload() {
            0 => usize::MAX,
            most => most,
        }
    }

    /// Runs `work` beside the caller.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    /// Runs `work` to its end while the caller's thread waits.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, NatsError>> + Send + 'static,
    ) -> Result<T, NatsError> {
        let done = self.runtime.as_ref().and_then(|runtime| wait_on(runtime.handle(), work));
        done.unwrap_or_else(|| Err(self.failed(doing, "it was cut short")))
    }

    /// The error of `doing`.
    pub(super) fn failed(&self, doing: &'static str, error: impl std::fmt::Display) -> NatsError {
        NatsError { doing, servers: self.settings.servers.to_string(), error: error.to_string() }
    }
}

impl Drop for Link {
    /// May happen on any thread, also on one that must not block.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs `work` on `handle` and waits for it. `Handle::block_on` would not do: callers may be on a runtime's thread.
fn wait_on<T: Send + 'static>(handle: &Handle, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::sync_channel(1);
    handle.spawn(async move {
        // Nobody listens any more where the caller's thread ended.
        let _ = tell.send(work.await);
    });
    told.recv().ok()
}

/// The connection's own habits, and who hears when it goes or comes.
fn options(settings: &NatsSettings, changed: Arc<Notify>) -> Result<ConnectOptions, ConnectError> {
    let options = settings.servers.options("offhook", CONNECTING)?;
    Ok(options
        .ping_interval(PING)
        .request_timeout(Some(ASKING))
        .client_capacity(IN_FLIGHT)
        .reconnect_delay_callback(|attempt| {
            RECONNECT_MOST.min(Duration::from_millis(20).saturating_mul(u32::try_from(attempt).unwrap_or(u32::MAX)))
        })
        .event_callback(move |event| {
            let changed = Arc::clone(&changed);
            async move {
                match event {
                    Event::Connected | Event::Disconnected | Event::Closed => {}
                    Event::ServerError(error) => tracing::warn!(%error, "NATS says"),
                    Event::ClientError(error) => tracing::debug!(%error, "the client of NATS says"),
                    other => return tracing::debug!(event = %other, "the client of NATS says"),
                }
                changed.notify_waiters();
            }
        }))
}

/// Whether trying again may help without anybody changing anything.
fn is_unreached(kind: ConnectErrorKind) -> bool {
    matches!(kind, ConnectErrorKind::Dns | ConnectErrorKind::TimedOut | ConnectErrorKind::Io)
}

/// For all attempts to connect when the journal opens.
const OPENING: Duration = Duration::from_secs(15);
/// For one attempt to connect.
const CONNECTING: Duration = Duration::from_secs(2);
/// A server that does not answer two of these is left.
const PING: Duration = Duration::from_secs(2);
/// For what is not an event: settings, positions, what is parked.
const ASKING: Duration = Duration::from_secs(3);
const RECONNECT_MOST: Duration = Duration::from_millis(500);
/// Events that may be on their way at once.
const IN_FLIGHT: usize = 8192;
