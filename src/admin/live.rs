//! The live stream: server-sent events with each event as it is kept, and the roads of recent ones.
//!
//! It resumes after the position in `Last-Event-ID`, gathers what comes within a moment into one message, and speaks now
//! and then when there is nothing, so that nobody listens to a dead line.

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

use super::Inspector;
use super::answer::{Answer, Problem};
use super::asked::Asked;
use super::follow::Follow;
use super::list::Row;
use crate::event::EventId;
use crate::journal::Position;
use crate::seen::{Onlooker, Road};

/// What comes within this time goes into one message.
const GATHERING: Duration = Duration::from_millis(100);

/// The same for who cannot follow: so much work for one reader is enough.
const CATCHING_UP: Duration = Duration::from_millis(250);

/// It speaks at least this often.
const BEAT: Duration = Duration::from_secs(5);

/// Events and roads in one message.
const TOGETHER: usize = 500;

/// Who is further behind than this is not told everything: it is told what it missed, and the newest.
const FAR_BEHIND: u64 = 5000;
const NEWEST: u64 = 500;

/// One stream.
struct Live {
    inspector: Inspector,
    follow: Follow,
    roads: u64,
    greeted: bool,
    /// Something was said just now: more of it may be about to come.
    lively: bool,
    /// There was more than one message holds.
    behind: bool,
    beat: Instant,
    _onlooker: Onlooker,
    _seat: OwnedSemaphorePermit,
}

/// The steps of a road, in microseconds from the request's first byte on.
#[derive(Serialize)]
pub(super) struct Steps {
    id: EventId,
    read: u64,
    understood: u64,
    decided: u64,
    answered: u64,
    waited: bool,
    kept: bool,
}

impl From<&Road> for Steps {
    fn from(road: &Road) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            id: road.id,
            read: micros(road.read),
            understood: micros(road.understood),
            decided: micros(road.decided),
            answered: micros(road.answered),
            waited: road.waited,
            kept: road.kept,
        }
    }
}

/// `GET /api/events/live`, with the filters of `GET /api/events`; `after`, or the header `Last-Event-ID`, says from where.
pub(super) async fn stream(
    State(inspector): State<Inspector>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let asked = Asked::read(query.as_deref(), &inspector.shown.clock)?;
    let seat = std::sync::Arc::clone(&inspector.streams).try_acquire_owned();
    let seat = seat.map_err(|_| Problem::busy("too many live streams are open; close one"))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok()).map(Position);
    let live = Live {
        follow: Follow::new(&inspector.shown.journal, asked.filter, resumed.or(asked.after)),
        roads: 0,
        greeted: false,
        lively: false,
        behind: false,
        beat: Instant::now() + BEAT,
        _onlooker: inspector.shown.edge.seen().look_on(),
        _seat: seat,
        inspector,
    };
    let messages = stream::unfold(live, |mut live| async move {
        let message = live.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(message)), live))
    });
    Ok(answer(Body::from_stream(messages)))
}

fn answer(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    // A proxy that gathers answers would make a live stream a dead one.
    (headers, [("x-accel-buffering", "no")], body).into_response()
}

impl Live {
    /// The next message; `None` where nothing will ever come.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.greeted, true) {
            let mut text = "retry: 1000\n".to_owned();
            say(&mut text, "hello", Some(self.follow.after), &json!({"last": self.follow.last().get()}));
            return Some(text);
        }
        loop {
            if self.lively {
                sleep(if self.behind { CATCHING_UP } else { GATHERING }).await;
            }
            let mut text = String::new();
            self.skip(&mut text);
            match self.follow.read(TOGETHER).await {
                Ok(page) if page.events.is_empty() => {}
                Ok(page) => {
                    let rows: Vec<_> = page.events.iter().map(Row::of).collect();
                    self.behind = page.more;
                    say(&mut text, "events", Some(page.scanned), &rows);
                }
                Err(error) => {
                    tracing::warn!(%error, "the inspector cannot read the journal");
                    say(&mut text, "trouble", None, &json!({"message": error.to_string()}));
                    sleep(BEAT).await;
                }
            }
            let (roads, next) = self.inspector.shown.edge.seen().roads_after(self.roads, TOGETHER);
            self.roads = next;
            if !roads.is_empty() {
                say(&mut text, "roads", None, &roads.iter().map(Steps::from).collect::<Vec<_>>());
            }
            let was_lively = std::mem::replace(&mut self.lively, !text.is_empty());
            if self.lively {
                self.beat = Instant::now() + BEAT;
                return Some(text);
            }
            if was_lively || self.follow.after < self.follow.last() {
                continue;
            }
            tokio::select! {
                grows = self.follow.grows() => if !grows { return None },
                () = sleep_until(self.beat) => {
                    self.beat = Instant::now() + BEAT;
                    let mut text = String::new();
                    say(&mut text, "beat", Some(self.follow.after), &json!({}));
                    return Some(text);
                }
            }
        }
    }

    /// Leaves out what nobody could read, and says so.
    fn skip(&mut self, text: &mut String) {
        let (after, last) = (self.follow.after.get(), self.follow.last().get());
        if last.saturating_sub(after) > FAR_BEHIND {
            self.follow.after = Position(last - NEWEST);
            say(text, "gap", None, &json!({"after": after, "until": self.follow.after.get()}));
        }
    }
}

/// Writes one message; its `id` is where a reader that has it can go on.
fn say(text: &mut String, event: &str, position: Option<Position>, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "event: {event}");
    if let Some(position) = position {
        let _ = writeln!(text, "id: {position}");
    }
    let _ = write!(text, "data: {data}\n\n");
}
