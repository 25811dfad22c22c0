//! Whose turn it is to deliver again for a handler: what a person asks for is done by one instance, not by all.
//!
//! A turn that is not renewed passes to whoever asks next, so a dead instance holds nothing up for long.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::NatsError;
use super::state::{Found, State, json, word};
use crate::clock::Clock;
use crate::event::EventId;
use crate::journal::lock;

/// The turns of this process.
#[derive(Debug)]
pub(super) struct Turns {
    shared: Arc<Turning>,
    _renewing: DropGuard,
}

/// Takes turns on a task.
#[derive(Debug)]
pub(super) struct Turning {
    state: State,
    clock: Clock,
    /// This process among all instances.
    me: String,
    ours: Mutex<BTreeSet<String>>,
}

/// A turn, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Turn {
    owner: String,
    /// Until when, in milliseconds since 1970.
    until: i64,
}

impl Turns {
    pub(super) fn new(state: &State, clock: &Clock) -> Self {
        let me = EventId::at(clock.now()).to_string();
        let shared = Arc::new(Turning { state: state.clone(), clock: clock.clone(), me, ours: Mutex::default() });
        let stop = CancellationToken::new();
        let (renewing, stopped) = (Arc::clone(&shared), stop.clone());
        state.link().spawn(async move {
            loop {
                tokio::select! { () = tokio::time::sleep(RENEW) => {}, () = stopped.cancelled() => return }
                let ours: Vec<String> = lock(&renewing.ours).iter().cloned().collect();
                for handler in ours {
                    if let Err(error) = renewing.takes(&handler).await {
                        tracing::debug!(%error, "a turn could not be renewed");
                    }
                }
            }
        });
        Self { shared, _renewing: stop.drop_guard() }
    }

    /// The same, for tasks.
    pub(super) fn turning(&self) -> Arc<Turning> {
        Arc::clone(&self.shared)
    }

    /// Takes the turn of `handler`, or keeps it; false where another instance has it. Blocking.
    pub(super) fn take(&self, handler: &str) -> Result<bool, NatsError> {
        if lock(&self.shared.ours).contains(handler) {
            return Ok(true);
        }
        let (shared, name) = (Arc::clone(&self.shared), handler.to_owned());
        self.shared.state.link().wait("take a turn", async move { shared.takes(&name).await })
    }

    /// Lets another instance have it. Blocking.
    pub(super) fn leave(&self, handler: &str) -> Result<(), NatsError> {
        let (shared, name) = (Arc::clone(&self.shared), handler.to_owned());
        if !lock(&shared.ours).contains(handler) {
            return Ok(());
        }
        self.shared.state.link().wait("leave a turn", async move { shared.leaves(&name).await })
    }
}

impl Turning {
    /// As [`Turns::take`].
    pub(super) async fn takes(&self, handler: &str) -> Result<bool, NatsError> {
        let (key, now) = (key(handler), self.clock.now());
        let over = match self.state.read::<Turn>(&key).await? {
            None => 0,
            Some(Found { value, .. }) if value.owner != self.me && value.until > now.as_millisecond() => {
                lock(&self.ours).remove(handler);
                return Ok(false);
            }
            Some(Found { revision, .. }) => revision,
        };
        let until = now.checked_add(TURN).unwrap_or(Timestamp::MAX).as_millisecond();
        let turn = Turn { owner: self.me.clone(), until };
        let taken = self.state.swapped(&key, json(&turn), over).await?.is_some();
        if taken {
            lock(&self.ours).insert(handler.to_owned());
        } else {
            lock(&self.ours).remove(handler);
        }
        Ok(taken)
    }

    /// As [`Turns::leave`].
    pub(super) async fn leaves(&self, handler: &str) -> Result<(), NatsError> {
        let was_ours = lock(&self.ours).remove(handler);
        if was_ours { self.state.purge(&key(handler)).await } else { Ok(()) }
    }
}

fn key(handler: &str) -> String {
    format!("turn.{}", word(handler))
}

/// How long a turn lasts that is not renewed: longer than clocks should differ.
const TURN: SignedDuration = SignedDuration::from_secs(60);
const RENEW: Duration = Duration::from_secs(15);
