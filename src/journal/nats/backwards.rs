//! Reading the stream from the newest event to the oldest, as a person looks through it: in chunks, each read forwards.

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::time::sleep;

use super::NatsError;
use super::leader::{next_of, the_stream};
use super::link::Link;
use super::reader::{AT_ONCE, CATCHING_UP, PAGE_MESSAGES, SKEW, Wanted, consumer, fetch};
use crate::journal::{Filter, Page, Position, ReadError};

/// A message that stands in the stream.
struct Standing {
    position: u64,
    /// When NATS got it, in seconds since 1970.
    kept_at: i64,
    message: Message,
}

/// Adds to `page` what comes before `page.scanned`.
pub(super) async fn fill(link: &Link, page: &mut Page, limit: usize, wanted: &Wanted) -> Result<(), ReadError> {
    let stream = the_stream(link).await?;
    let state = &stream.cached_info().state;
    let first = state.first_sequence.max(1);
    let oldest = wanted.filter.since.map(|since| since.checked_sub(SKEW).unwrap_or(Timestamp::MIN).as_second());
    page.scanned = page.scanned.min(Position(state.last_sequence.saturating_add(1)));
    let mut budget = PAGE_MESSAGES;
    while page.scanned.get() > first {
        let left = limit.saturating_sub(page.events.len()).min(budget);
        if left == 0 {
            page.more = true;
            return Ok(());
        }
        let count = if wanted.filter == Filter::default() { left.min(AT_ONCE) } else { budget.min(AT_ONCE) };
        let last = page.scanned.get() - 1;
        let from = last.saturating_sub(count as u64 - 1).max(first);
        budget -= count;
        let chunk = chunk(link, &stream, from, last).await?;
        for Standing { position, kept_at, message } in chunk.into_iter().rev() {
            if oldest.is_some_and(|oldest| kept_at < oldest) {
                // Nothing is kept before it is received.
                page.more = false;
                return Ok(());
            }
            page.scanned = Position(position);
            if let Some(event) = wanted.of(&message)? {
                page.events.push((page.scanned, event));
            }
            if page.events.len() >= limit {
                break;
            }
        }
        if page.events.len() < limit {
            page.scanned = Position(from);
        }
    }
    page.more = false;
    Ok(())
}

/// What stands from `from` to `last`, oldest first.
async fn chunk(link: &Link, stream: &Stream, from: u64, last: u64) -> Result<Vec<Standing>, NatsError> {
    let failed = |error: async_nats::Error| link.failed("read the stream", error);
    let consumer = consumer(link, stream, DeliverPolicy::ByStartSequence { start_sequence: from }, false).await?;
    let (mut chunk, mut given) = (Vec::new(), 0);
    loop {
        let at = chunk.last().map_or(from, |standing: &Standing| standing.position + 1);
        let count = usize::try_from((last + 1).saturating_sub(at)).unwrap_or(AT_ONCE).min(AT_ONCE);
        if count == 0 {
            return Ok(chunk);
        }
        let mut batch = fetch(link, &consumer, count).await?;
        let mut pending = 0;
        while let Some(message) = batch.next().await {
            let message = message.map_err(failed)?;
            let info = message.info().map_err(failed)?;
            if info.consumer_sequence != given + 1 {
                return Err(link.failed("read the stream", "a message was lost on its way"));
            }
            (given, pending) = (info.consumer_sequence, info.pending);
            let (position, kept_at) = (info.stream_sequence, info.published.unix_timestamp());
            if position > last {
                return Ok(chunk);
            }
            chunk.push(Standing { position, kept_at, message });
        }
        if pending == 0 {
            let end = chunk.last().map_or(from.saturating_sub(1), |standing: &Standing| standing.position);
            if end < last && next_of(link, end).await?.is_some_and(|next| next <= last) {
                sleep(CATCHING_UP).await;
                return Err(link.failed("read the stream", "the server that answers is behind the others"));
            }
            return Ok(chunk);
        }
    }
}
