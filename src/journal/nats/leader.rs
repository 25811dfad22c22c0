//! What is asked of the stream's leader itself: any other server may be one that came back and is behind.

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};

use super::link::Link;
use super::{NatsError, message, stream};
use crate::journal::record::Record;

/// The stream.
pub(super) async fn the_stream(link: &Link) -> Result<Stream, NatsError> {
    let found = stream::find(link).await?;
    found.ok_or_else(|| link.failed("read the stream", "it is gone"))
}

/// What the message says that NATS has at `position`; `None` where that is none of this id.
pub(super) async fn record_of(link: &Link, id: &str, position: u64) -> Result<Option<Record<'static>>, NatsError> {
    if position == 0 {
        return Ok(None);
    }
    // Nothing needs to be known of the stream for this, and a cluster takes longer to say it than to read a message.
    let stream = link.context().get_stream_no_info(&link.settings().stream).await;
    let stream = stream.map_err(|error| link.failed("read the stream", stream::cause(&error)))?;
    let found = message_at(link, &stream, position).await?;
    let is_it = |found: &StreamMessage| found.headers.get(NATS_MESSAGE_ID).is_some_and(|found| found.as_str() == id);
    Ok(found.filter(is_it).and_then(|found| message::decode(Some(&found.headers), &found.payload)))
}

/// What stands at `position`.
pub(super) async fn message_at<Info>(
    link: &Link,
    stream: &Stream<Info>,
    position: u64,
) -> Result<Option<StreamMessage>, NatsError> {
    match stream.get_raw_message(position).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(link.failed("read an event", stream::cause(&error))),
    }
}

/// The position of what stands next after `position`, as the stream's leader has it: the server that gives messages may be
/// one that came back and is behind.
pub(super) async fn next_of(link: &Link, position: u64) -> Result<Option<u64>, NatsError> {
    let stream = the_stream(link).await?;
    if stream.cached_info().state.last_sequence <= position {
        return Ok(None);
    }
    let subjects = stream::subjects(&link.settings().stream);
    match stream.get_first_raw_message_by_subject(subjects, position + 1).await {
        Ok(found) => Ok(Some(found.sequence)),
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(link.failed("read the stream", stream::cause(&error))),
    }
}
