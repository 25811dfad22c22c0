//! The list of events: the newest first, a page at a time, without what they say.

use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::json;

use super::Inspector;
use super::answer::{Answer, json};
use super::asked::Asked;
use super::mask::mask_text;
use crate::event::{Event, EventId};
use crate::journal::Position;
use crate::kind::KINDS;

/// Rows in an answer where nothing else is asked for, and the most.
const ROWS: usize = 200;
const MOST_ROWS: usize = 1000;

/// An event as one line.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    position: u64,
    id: EventId,
    /// Unix time in milliseconds.
    time: i64,
    kind: &'a str,
    family: &'static str,
    app: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    bytes: usize,
}

impl<'a> Row<'a> {
    /// `event`, which stands at `position`.
    pub(super) fn of((position, event): &'a (Position, Event)) -> Self {
        let decision = event.decision();
        Self {
            position: position.get(),
            id: event.id(),
            time: event.received().as_millisecond(),
            kind: event.kind().name(),
            family: event.family().name(),
            app: event.app_key(),
            subject: event.subject().map(mask_text),
            verdict: decision.map(|decision| decision.verdict.word()),
            code: decision.map(|decision| decision.verdict.code()),
            by: decision.map(|decision| &*decision.by),
            bytes: event.body().len(),
        }
    }
}

/// `GET /api/events`: those before `before`, newest first. `next` is what to give as `before` for those before them;
/// `last` the newest position there is, to follow from.
pub(super) async fn events(State(inspector): State<Inspector>, RawQuery(query): RawQuery) -> Answer {
    let asked = Asked::read(query.as_deref(), &inspector.shown.clock)?;
    let last = *inspector.shown.journal.durable().borrow();
    let before = asked.before.unwrap_or(Position(last.get().saturating_add(1)));
    let limit = asked.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS);
    let page = inspector.read(move |reader| reader.page_before(before, limit, &asked.filter)).await?;
    let next = page.more.then_some(page.scanned.get());
    let rows: Vec<_> = page.events.iter().map(Row::of).collect();
    json(&json!({"events": rows, "next": next, "last": last.get()}))
}

/// `GET /api/kinds`: every documented kind with its titles.
pub(super) async fn kinds() -> Answer {
    let kinds: serde_json::Map<String, serde_json::Value> =
        KINDS.iter().map(|row| (row.name.to_owned(), json!([row.title, row.title_zh]))).collect();
    json(&kinds)
}
