//! Reads the stream by position, in pages, from any machine.
//!
//! A consumer that remembers nothing and acknowledges nothing: it goes by itself when it is not used.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::datetime::{DateTime, from_nanos};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::leader::{message_at, next_of, the_stream};
use super::link::{Link, Unreached};
use super::state::State;
use super::{NatsError, NatsSettings, backwards, message, stream};
use crate::event::{Event, EventId};
use crate::journal::record::Record;
use crate::journal::{Filter, Keys, Page, Position, ReadError, lock};

/// Reads the journal in NATS.
#[derive(Debug)]
pub(in crate::journal) struct Reader {
    link: Arc<Link>,
    /// Where this machine's own files are.
    directory: PathBuf,
    /// What is encrypted is read with these.
    keys: Option<Keys>,
    open: Arc<Mutex<Option<Cursor>>>,
}

/// A consumer that stands behind `at`.
#[derive(Debug)]
pub(super) struct Cursor {
    at: u64,
    /// What it gave so far: a gap means that something was lost on its way.
    given: u64,
    consumer: Consumer<pull::Config>,
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self::over(&self.link, &self.directory, self.keys.clone())
    }
}

impl Reader {
    /// Connects. Blocking.
    pub(in crate::journal) fn open(settings: &NatsSettings, directory: &Path) -> Result<Self, NatsError> {
        let link = Link::open(settings, Unreached::Fails)?;
        let asking = Arc::clone(&link);
        let found = link.wait("find the stream", async move { stream::find(&asking).await })?;
        if found.is_none() {
            let name = &settings.stream;
            let error = format!("there is no stream `{name}`: `offhook serve` makes it at its first start");
            return Err(link.failed("read the journal", error));
        }
        Ok(Self::over(&link, directory, None))
    }

    pub(super) fn over(link: &Arc<Link>, directory: &Path, keys: Option<Keys>) -> Self {
        Self { link: Arc::clone(link), directory: directory.to_owned(), keys, open: Arc::default() }
    }

    pub(in crate::journal) fn with_keys(self, keys: Option<Keys>) -> Self {
        Self { keys, ..self }
    }

    pub(in crate::journal) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(in crate::journal) fn state(&self) -> State {
        State::over(&self.link, self.keys.clone())
    }

    /// As [`crate::journal::Reader::page`].
    pub(in crate::journal) fn page(&self, after: Position, limit: usize, filter: &Filter) -> Result<Page, ReadError> {
        let (link, open, wanted) = (Arc::clone(&self.link), Arc::clone(&self.open), self.wanted(filter));
        self.link.wait("read the stream", async move {
            let mut page = Page { events: Vec::new(), scanned: after, more: false };
            for attempt in 1.. {
                match fill(&link, &open, &mut page, limit, &wanted).await {
                    Ok(()) => break,
                    Err(ReadError::Nats(_)) if attempt < TRIES => {
                        *lock(&open) = None;
                        sleep(CATCHING_UP).await;
                    }
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(page))
        })?
    }

    /// As [`crate::journal::Reader::page_before`].
    pub(in crate::journal) fn page_before(
        &self,
        before: Position,
        limit: usize,
        filter: &Filter,
    ) -> Result<Page, ReadError> {
        let (link, wanted) = (Arc::clone(&self.link), self.wanted(filter));
        self.link.wait("read the stream", async move {
            let mut page = Page { events: Vec::new(), scanned: before, more: false };
            for attempt in 1.. {
                match backwards::fill(&link, &mut page, limit, &wanted).await {
                    Ok(()) => break,
                    Err(ReadError::Nats(_)) if attempt < TRIES => sleep(CATCHING_UP).await,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(page))
        })?
    }

    fn wanted(&self, filter: &Filter) -> Wanted {
        Wanted { filter: filter.clone(), keys: self.keys.clone() }
    }

    /// As [`crate::journal::Reader::find`].
    pub(in crate::journal) fn find(&self, id: EventId) -> Result<Option<(Position, Event)>, ReadError> {
        let (link, keys) = (Arc::clone(&self.link), self.keys.clone());
        let made = id.made_at().and_then(|made| made.checked_sub(SKEW).ok()).unwrap_or(Timestamp::MIN);
        self.link.wait("look for an event", async move {
            let mut found = None;
            let looked = heads(&link, made, |position, _, head| {
                found = (head.id == id).then_some(position);
                if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            looked.await?;
            let Some(position) = found else { return Ok(Ok(None)) };
            Ok(at(&link, &the_stream(&link).await?, position, keys.as_ref()).await)
        })?
    }

    /// The first position that is still there.
    pub(in crate::journal) fn first(&self) -> Result<Position, NatsError> {
        let link = Arc::clone(&self.link);
        self.link.wait("ask for the journal's beginning", async move {
            let stream = the_stream(&link).await?;
            Ok(Position(stream.cached_info().state.first_sequence.max(1)))
        })
    }

    /// The last position.
    pub(in crate::journal) fn last(&self) -> Result<Position, NatsError> {
        let link = Arc::clone(&self.link);
        self.link.wait("ask for the journal's end", async move {
            let stream = the_stream(&link).await?;
            Ok(Position(stream.cached_info().state.last_sequence))
        })
    }
}

/// What is wanted, and what it is read with.
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) keys: Option<Keys>,
}

impl Wanted {
    /// The event of a message, where it is wanted.
    pub(super) fn of(&self, message: &Message) -> Result<Option<Event>, ReadError> {
        wanted(message.headers.as_ref(), &message.payload, &self.filter, self.keys.as_ref())
    }
}

/// The event at this position.
async fn at(
    link: &Link,
    stream: &Stream,
    position: u64,
    keys: Option<&Keys>,
) -> Result<Option<(Position, Event)>, ReadError> {
    let Some(found) = message_at(link, stream, position).await? else { return Ok(None) };
    let event = wanted(Some(&found.headers), &found.payload, &Filter::default(), keys)?;
    Ok(event.map(|event| (Position(position), event)))
}

/// What is known of the events that NATS got from `since` until `until`: told one after the other.
pub(super) async fn heads_between(
    link: &Link,
    since: Timestamp,
    until: Timestamp,
    mut tell: impl FnMut(Record<'static>),
) -> Result<(), NatsError> {
    heads(link, since, |_, kept_at, head| {
        if kept_at > until.as_second() {
            return ControlFlow::Break(());
        }
        tell(head);
        ControlFlow::Continue(())
    })
    .await
}

/// Tells where each event stands that NATS got since `since`, when it did in seconds since 1970, and what is known of it,
/// until that is enough. Where something goes wrong it begins again, so something may be told twice.
async fn heads(
    link: &Link,
    since: Timestamp,
    mut tell: impl FnMut(u64, i64, Record<'static>) -> ControlFlow<()>,
) -> Result<(), NatsError> {
    for _ in 1..TRIES {
        match heads_at_once(link, since, &mut tell).await {
            Ok(()) => return Ok(()),
            Err(_) => sleep(CATCHING_UP).await,
        }
    }
    heads_at_once(link, since, &mut tell).await
}

async fn heads_at_once(
    link: &Link,
    since: Timestamp,
    tell: &mut impl FnMut(u64, i64, Record<'static>) -> ControlFlow<()>,
) -> Result<(), NatsError> {
    let failed = |error: async_nats::Error| link.failed("read the stream", error);
    let stream = the_stream(link).await?;
    // What comes while this is read is not looked for: a stream that grows as fast would have no end.
    let last = stream.cached_info().state.last_sequence;
    let start = started_at(since).map_or(DeliverPolicy::All, by_time);
    let consumer = consumer(link, &stream, start, true).await?;
    let (mut at, mut given, mut left) = (0, 0, consumer.cached_info().num_pending);
    while left > 0 && at < last {
        let mut batch = fetch(link, &consumer, HEADS_AT_ONCE).await?;
        let begun = given;
        while let Some(message) = batch.next().await {
            let message = message.map_err(failed)?;
            let info = message.info().map_err(failed)?;
            if info.consumer_sequence != given + 1 {
                return Err(link.failed("read the stream", "a message was lost on its way"));
            }
            (at, given, left) = (info.stream_sequence, info.consumer_sequence, info.pending);
            let head = message.headers.as_ref().and_then(message::head);
            if at > last || head.is_some_and(|head| tell(at, info.published.unix_timestamp(), head).is_break()) {
                return Ok(());
            }
        }
        if given == begun {
            return Err(link.failed("read the stream", "the server that has messages gives none"));
        }
    }
    if (1..last).contains(&at) && next_of(link, at).await?.is_some_and(|next| next <= last) {
        return Err(link.failed("read the stream", "the server that answers is behind the others"));
    }
    Ok(())
}

/// Adds to `page` what comes after `page.scanned`.
pub(super) async fn fill(
    link: &Link,
    open: &Mutex<Option<Cursor>>,
    page: &mut Page,
    limit: usize,
    wanted: &Wanted,
) -> Result<(), ReadError> {
    let (filter, begun) = (&wanted.filter, page.scanned);
    let taken = lock(open).take().filter(|cursor| cursor.at == page.scanned.get());
    let mut cursor = match taken {
        Some(cursor) => cursor,
        None => {
            let stream = the_stream(link).await?;
            let start = match filter.since.and_then(|since| started_at(since - SKEW)) {
                Some(time) if page.scanned == Position::default() => by_time(time),
                _ => DeliverPolicy::ByStartSequence { start_sequence: page.scanned.get() + 1 },
            };
            Cursor { at: page.scanned.get(), given: 0, consumer: consumer(link, &stream, start, false).await? }
        }
    };
    let mut budget = PAGE_MESSAGES;
    loop {
        let left = limit.saturating_sub(page.events.len()).min(budget);
        if left == 0 {
            page.more = true;
            break;
        }
        // What is read beyond the limit would be read again.
        let count = if *filter == Filter::default() { left.min(AT_ONCE) } else { budget.min(AT_ONCE) };
        let mut batch = fetch(link, &cursor.consumer, count).await?;
        let mut seen = 0;
        while let Some(message) = batch.next().await {
            let message = message.map_err(|error| link.failed("read the stream", error))?;
            let info = message.info().map_err(|error| link.failed("read the stream", error))?;
            if info.consumer_sequence != cursor.given + 1 {
                return Err(link.failed("read the stream", "a message was lost on its way").into());
            }
            (cursor.given, cursor.at) = (info.consumer_sequence, info.stream_sequence);
            page.scanned = Position(info.stream_sequence);
            page.more = info.pending > 0;
            seen += 1;
            budget -= budget.min(1);
            if let Some(event) = wanted.of(&message)? {
                page.events.push((page.scanned, event));
            }
            if page.events.len() >= limit {
                // The rest of this batch stays unread; the next page begins anew.
                page.more |= seen < count;
                if seen == count {
                    *lock(open) = Some(cursor);
                }
                return Ok(());
            }
        }
        if seen == 0 {
            page.more = false;
            break;
        }
        if !page.more {
            break;
        }
    }
    // Where reading began by time, nothing seen is nothing there.
    let began_by_time = filter.since.is_some() && page.scanned == Position::default();
    if !page.more && !began_by_time && next_of(link, page.scanned.get()).await?.is_some() {
        page.more = true;
        if page.scanned == begun {
            // Another server may have caught up.
            sleep(CATCHING_UP).await;
            return Ok(());
        }
    }
    *lock(open) = Some(cursor);
    Ok(())
}

/// The event of a message, where it is wanted.
pub(super) fn wanted(
    headers: Option<&HeaderMap>,
    payload: &Bytes,
    filter: &Filter,
    keys: Option<&Keys>,
) -> Result<Option<Event>, ReadError> {
    let Some(record) = message::decode(headers, payload) else { return Ok(None) };
    let record = record.opened_with(keys)?;
    Ok(if filter.wants_record(&record) { record.into_event() } else { None })
}

pub(super) async fn consumer(
    link: &Link,
    stream: &Stream,
    start: DeliverPolicy,
    headers_only: bool,
) -> Result<Consumer<pull::Config>, NatsError> {
    let config = pull::Config {
        description: Some("offhook reads".to_owned()),
        deliver_policy: start,
        ack_policy: AckPolicy::None,
        headers_only,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(30),
        ..pull::Config::default()
    };
    let made = stream.create_consumer(config).await;
    made.map_err(|error| link.failed("read the stream", stream::cause(&error)))
}

pub(super) async fn fetch(
    link: &Link,
    consumer: &Consumer<pull::Config>,
    count: usize,
) -> Result<pull::Batch, NatsError> {
    let fetched = consumer.fetch().max_messages(count).expires(PATIENCE).messages().await;
    fetched.map_err(|error| link.failed("read the stream", stream::cause(&error)))
}

fn started_at(time: Timestamp) -> Option<DateTime> {
    from_nanos(time.as_nanosecond()).ok()
}

fn by_time(start_time: DateTime) -> DeliverPolicy {
    DeliverPolicy::ByStartTime { start_time }
}

/// What clocks may differ by.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// How long a server may take to give what it has.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that are asked for at once, and looked at for one page at most.
pub(super) const AT_ONCE: usize = 512;
pub(super) const PAGE_MESSAGES: usize = 8 * 1024;
/// The same, of messages without their bodies.
const HEADS_AT_ONCE: usize = 1000;
/// A consumer may have gone meanwhile, or be on a server that is behind.
const TRIES: u32 = 5;
/// How long a server is given to catch up with the others.
pub(super) const CATCHING_UP: Duration = Duration::from_millis(100);
