//! The bucket beside the stream: what is parked, asked for, told of our answers, and done outside.
//!
//! One key a thing, its value JSON. Whoever must be the only one writes only over what it has read.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link::Link;
use super::{NatsError, stream};
use crate::journal::Keys;

/// The bucket.
#[derive(Debug, Clone)]
pub(in crate::journal) struct State {
    link: Arc<Link>,
    /// Why something gave up, and whom orders are about, is encrypted with these.
    keys: Option<Keys>,
}

/// A value and its revision, without which it cannot be written over.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) revision: u64,
}

impl State {
    pub(super) fn over(link: &Arc<Link>, keys: Option<Keys>) -> Self {
        Self { link: Arc::clone(link), keys }
    }

    pub(super) fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The value of `key`. Blocking.
    pub(super) fn get<T: DeserializeOwned + Send + 'static>(&self, key: String) -> Result<Option<Found<T>>, NatsError> {
        let state = self.clone();
        self.link.wait("read the journal's state", async move { state.read(&key).await })
    }

    /// Writes `value`, whatever was there. Blocking.
    pub(super) fn put(&self, key: String, value: &impl Serialize) -> Result<(), NatsError> {
        let (state, value) = (self.clone(), json(value));
        self.link.wait("write the journal's state", async move { state.write(&key, value).await })
    }

    /// The same, waiting on a task.
    pub(super) async fn write(&self, key: &str, value: Bytes) -> Result<(), NatsError> {
        let written = self.store().await?.put(key, value).await;
        written.map(drop).map_err(|error| self.link.failed("write the journal's state", stream::cause(&error)))
    }

    /// Writes `value` over revision `over`, 0 where there must be nothing. The new revision; `None` where something
    /// else is there. Blocking.
    pub(super) fn swap(&self, key: String, value: &impl Serialize, over: u64) -> Result<Option<u64>, NatsError> {
        let (state, value) = (self.clone(), json(value));
        self.link.wait("write the journal's state", async move { state.swapped(&key, value, over).await })
    }

    /// The same, waiting on a task.
    pub(super) async fn swapped(&self, key: &str, value: Bytes, over: u64) -> Result<Option<u64>, NatsError> {
        let store = self.store().await?;
        match store.update(key, value, over).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(self.link.failed("write the journal's state", stream::cause(&error))),
        }
    }

    /// Removes `key`. Blocking.
    pub(super) fn remove(&self, key: String) -> Result<(), NatsError> {
        let state = self.clone();
        self.link.wait("write the journal's state", async move { state.purge(&key).await })
    }

    /// The same, waiting on a task.
    pub(super) async fn purge(&self, key: &str) -> Result<(), NatsError> {
        let store = self.store().await?;
        let purged = store.stream.purge().filter(format!("{}{key}", store.prefix)).await;
        purged.map(drop).map_err(|error| self.link.failed("write the journal's state", stream::cause(&error)))
    }

    /// Removes `key` so that its bytes are overwritten.
    pub(super) async fn destroy<T: DeserializeOwned>(&self, key: &str) -> Result<(), NatsError> {
        let Some(Found { revision, .. }) = self.read::<T>(key).await? else { return Ok(()) };
        let removed = self.store().await?.stream.delete_message(revision).await;
        removed.map(drop).map_err(|error| self.link.failed("write the journal's state", stream::cause(&error)))
    }

    /// Every value whose key begins with `prefix` and a dot, in the order in which they were first written; without
    /// those that cannot be read. Blocking.
    pub(super) fn list<T: DeserializeOwned + Send + 'static>(&self, prefix: String) -> Result<Vec<T>, NatsError> {
        let state = self.clone();
        self.link.wait("read the journal's state", async move { state.all(&prefix).await })
    }

    async fn store(&self) -> Result<Store, NatsError> {
        let name = stream::bucket(&self.link.settings().stream);
        let store = self.link.context().get_key_value(name).await;
        store.map_err(|error| self.link.failed("find the bucket of the journal's state", stream::cause(&error)))
    }

    /// Asks the leader, never a copy that may be behind.
    pub(super) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Found<T>>, NatsError> {
        let store = self.store().await?;
        let subject = format!("{}{key}", store.prefix);
        match store.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                let value = serde_json::from_slice(&message.payload);
                let value = value.map_err(|error| self.link.failed("read the journal's state", error))?;
                Ok(Some(Found { value, revision: message.sequence }))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(error) => Err(self.link.failed("read the journal's state", stream::cause(&error))),
        }
    }

    /// As [`State::list`], waiting on a task.
    pub(super) async fn all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, NatsError> {
        let entries = self.entries(&format!("{prefix}.>")).await?;
        Ok(entries.into_iter().map(|(_, value)| value).collect())
    }

    /// How many keys begin with `prefix` and a dot.
    pub(super) async fn count(&self, prefix: &str) -> Result<u64, NatsError> {
        let consumer = self.consumer(&self.store().await?, &format!("{prefix}.>")).await?;
        Ok(consumer.cached_info().num_pending)
    }

    /// Every key that is as `pattern` says, with its value; without those that cannot be read.
    pub(super) async fn entries<T: DeserializeOwned>(&self, pattern: &str) -> Result<Vec<(String, T)>, NatsError> {
        let failed = |error: String| self.link.failed("read the journal's state", error);
        let store = self.store().await?;
        let consumer = self.consumer(&store, pattern).await?;
        let mut left = usize::try_from(consumer.cached_info().num_pending).unwrap_or(usize::MAX);
        let mut values = Vec::new();
        while left > 0 {
            let batch = consumer.fetch().max_messages(left.min(AT_ONCE)).expires(PATIENCE).messages().await;
            let mut batch = batch.map_err(|error| failed(stream::cause(&error)))?;
            let mut seen = 0;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| failed(error.to_string()))?;
                seen += 1;
                let key = message.subject.strip_prefix(&*store.prefix).unwrap_or_default().to_owned();
                values.extend(serde_json::from_slice(&message.payload).ok().map(|value| (key, value)));
            }
            if seen == 0 {
                break;
            }
            left = left.saturating_sub(seen);
        }
        Ok(values)
    }

    /// Gives the values whose keys are as `pattern` says; it goes by itself.
    async fn consumer(&self, store: &Store, pattern: &str) -> Result<Consumer<pull::Config>, NatsError> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::LastPerSubject,
            ack_policy: AckPolicy::None,
            filter_subject: format!("{}{pattern}", store.prefix),
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(10),
            ..pull::Config::default()
        };
        let made = store.stream.create_consumer(config).await;
        made.map_err(|error| self.link.failed("read the journal's state", stream::cause(&error)))
    }
}

/// A name as one word of a key.
pub(super) fn word(name: &str) -> String {
    let mut word = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => word.push(char::from(byte)),
            other => word.push_str(&format!("={other:02X}")),
        }
    }
    word
}

pub(super) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}

const AT_ONCE: usize = 500;
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart_and_become_one_word() {
        assert_eq!(word("billing-2_x"), "billing-2_x");
        assert_eq!(word("a.b *"), "a=2Eb=20=2A");
        assert_eq!(word("账单").len(), 18);
        assert_ne!(word("a=2E"), word("a."));
    }
}
