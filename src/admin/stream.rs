//! `GET /api/stream`: kept events whole, as they are kept, one JSON object a line; what `offhook listen` listens to.
//!
//! It speaks at least every [`BEAT`], so that a listener knows a dead line from a quiet one, and says with each line where
//! one who has it goes on. Unlike the inspector's stream it leaves nothing out and masks nothing: whoever may listen may
//! have all of it, and the log says that somebody does.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::Inspector;
use super::answer::{Answer, Problem};
use super::asked::Asked;
use super::follow::Follow;
use crate::event::{Event, EventId, EventParts};
use crate::journal::{Page, Position, Reader};
use crate::kind::{Family, Kind};
use crate::verdict::{Decision, Verdict};

/// A line comes at least so often.
pub const BEAT: Duration = Duration::from_secs(15);

/// Events that are read, and sent, at once: a body may have a MiB.
const TOGETHER: usize = 16;

/// One line.
///
/// ```
/// use offhook::admin::stream::Line;
///
/// let line: Line = serde_json::from_str(r#"{"beat":{"after":41}}"#)?;
/// assert_eq!(line, Line::Beat { after: 41, gone: Vec::new() });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first one.
    Hello {
        /// What comes is after this position.
        after: u64,
        /// The journal's last position. Before `after` where the journal is not the one that was listened to before;
        /// then `after` is 0.
        last: u64,
        /// A line comes at least every so many seconds.
        beat_seconds: u64,
    },
    /// An event that was wanted.
    Event(Box<Kept>),
    /// Nothing else is wanted up to here.
    Beat {
        /// The position.
        after: u64,
        /// What was there, and went by retention before it could be sent: first and last position of each stretch.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<(u64, u64)>,
    },
    /// The journal cannot be read; the stream ends with this line.
    Trouble(String),
}

/// A kept event, whole.
///
/// ```
/// use offhook::admin::stream::Kept;
///
/// let kept: Kept = serde_json::from_str(
///     r#"{"position":7,"id":"01a2006a-171b-717b-844e-363aa4bbb7c1","family":"yunxin.callback","kind":"call.start","app":"app",
///         "received":"2026-01-01T00:00:00Z","headers":"","body":"{\"eventType\":20,\"fromAccount\":\"mei\"}"}"#,
/// )?;
/// let event = kept.into_event().expect("a family that is known here");
/// assert_eq!((event.kind().name(), event.text().len()), ("call.start", 36));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its place in the journal: a listener that has it goes on after it.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// Its family, e.g. `yunxin.callback`.
    pub family: String,
    /// Its kind, e.g. `call.start`.
    pub kind: String,
    /// The app that proved it.
    pub app: String,
    /// When it was received: RFC 3339.
    pub received: String,
    /// The sender's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The answer's code: 20000 for an allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Who gave the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The signed headers, a line each.
    pub headers: String,
    /// The body, byte for byte: it is proven to be UTF-8.
    pub body: String,
}

impl Kept {
    fn of(position: Position, event: &Event) -> Self {
        let decision = event.decision();
        Self {
            position: position.get(),
            id: event.id(),
            family: event.family().name().to_owned(),
            kind: event.kind().name().to_owned(),
            app: event.app_key().to_string(),
            received: event.received().to_string(),
            sent_at: event.sent_at().map(str::to_owned),
            subject: event.subject().map(str::to_owned),
            code: decision.map(|decision| decision.verdict.code()),
            by: decision.map(|decision| decision.by.to_string()),
            headers: event.headers().to_owned(),
            body: event.text().to_owned(),
        }
    }

    /// The event again; of the verdict without what it changed. `None` where this version does not know the family, or
    /// the time is none.
    pub fn into_event(self) -> Option<Event> {
        let family = Family::named(&self.family)?;
        let decision = self.code.zip(self.by).map(|(code, by)| {
            let verdict = if code == Verdict::allow().code() { Verdict::allow() } else { Verdict::reject(code) };
            Decision { verdict, by: by.into() }
        });
        Some(Event::new(EventParts {
            id: self.id,
            kind: Kind::named(family, &self.kind),
            app_key: self.app.into(),
            received: self.received.parse().ok()?,
            sent_at: self.sent_at,
            subject: self.subject,
            headers: self.headers.into(),
            body: self.body.into(),
            decision,
        }))
    }
}

/// One stream.
struct Streaming {
    follow: Follow,
    hello: Option<Line>,
    over: bool,
    beat: Instant,
    _seat: OwnedSemaphorePermit,
}

/// `GET /api/stream?after=POSITION`, with the filters of `GET /api/events`; without `after` and `since` from now on.
pub(super) async fn stream(State(inspector): State<Inspector>, RawQuery(query): RawQuery) -> Answer {
    let asked = Asked::read(query.as_deref(), &inspector.shown.clock)?;
    let seat = std::sync::Arc::clone(&inspector.streams).try_acquire_owned();
    let seat = seat.map_err(|_| Problem::busy("too many live streams are open; close one"))?;
    let after = match (asked.after, asked.filter.since) {
        // Who begins with what is kept missed nothing that went before.
        (None, Some(_)) => Some(Position(inspector.read(Reader::first).await?.get().saturating_sub(1))),
        (after, _) => after,
    };
    let mut follow = Follow::new(&inspector.shown.journal, asked.filter, after);
    let last = follow.last();
    // Positions only grow: whoever has seen a later one has seen another journal.
    if follow.after > last {
        follow.after = Position::default();
    }
    tracing::info!(after = follow.after.get(), "somebody listens: events leave whole and unmasked");
    let hello = Line::Hello { after: follow.after.get(), last: last.get(), beat_seconds: BEAT.as_secs() };
    let streaming = Streaming { follow, hello: Some(hello), over: false, beat: Instant::now() + BEAT, _seat: seat };
    let lines = stream::unfold(streaming, |mut streaming| async move {
        let lines = streaming.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(lines)), streaming))
    });
    Ok(answer(Body::from_stream(lines)))
}

fn answer(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    // A proxy that gathers answers would make a live stream a dead one.
    (headers, [("x-accel-buffering", "no")], body).into_response()
}

impl Streaming {
    /// The next lines; `None` after the end.
    async fn next(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        if let Some(hello) = self.hello.take() {
            return Some(line(&hello));
        }
        loop {
            let before = self.follow.after;
            match self.follow.read_with_holes(TOGETHER).await {
                Ok((page, holes)) if !holes.is_empty() => {
                    self.beat = Instant::now() + BEAT;
                    // Who has the events, and not this line, must come to the same place again.
                    let after = if page.events.is_empty() { page.scanned } else { before };
                    let gone = holes.iter().map(|hole| (hole.first.get(), hole.last.get())).collect();
                    return Some(line(&Line::Beat { after: after.get(), gone }) + &lines(&page));
                }
                Ok((page, _)) if page.events.is_empty() && page.more => {}
                Ok((page, _)) if page.events.is_empty() => {
                    tokio::select! {
                        grows = self.follow.grows() => if !grows { return None },
                        () = sleep_until(self.beat) => {
                            self.beat = Instant::now() + BEAT;
                            return Some(line(&Line::Beat { after: self.follow.after.get(), gone: Vec::new() }));
                        }
                    }
                }
                Ok((page, _)) => {
                    self.beat = Instant::now() + BEAT;
                    return Some(lines(&page));
                }
                Err(error) => {
                    tracing::warn!(%error, "the journal cannot be read for somebody who listens");
                    self.over = true;
                    return Some(line(&Line::Trouble(error.to_string())));
                }
            }
        }
    }
}

/// A line for each event.
fn lines(page: &Page) -> String {
    let kept = page.events.iter().map(|(position, event)| Kept::of(*position, event));
    kept.map(|kept| line(&Line::Event(Box::new(kept)))).collect()
}

fn line(line: &Line) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
