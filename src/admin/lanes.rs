//! Handlers and their lanes: how far each is, what it is stuck at, what it parked; and how one event fared with each.

use axum::extract::State;
use serde_json::{Value, json};

use super::answer::{Answer, json};
use super::{Inspector, Shown};
use crate::event::Event;
use crate::journal::{Attempt, AttemptEnd, Parked, Position, Standing, Trouble};

/// Parked deliveries that are listed, the newest.
const LISTED: usize = 500;

/// Attempts of one delivery that are told, the newest.
const TOLD: usize = 20;

/// `GET /api/lanes`.
pub(super) async fn lanes(State(inspector): State<Inspector>) -> Answer {
    let last = inspector.shown.journal.durable().borrow().get();
    let lanes: Vec<_> = present(&inspector.shown)
        .iter()
        .map(|standing| {
            let Standing { handler, position, parked, kinds, trouble } = standing;
            json!({
                "handler": handler,
                "position": position.get(),
                "behind": last.saturating_sub(position.get()),
                "parked": parked,
                "kinds": kinds,
                "trouble": trouble.as_ref().map(told),
            })
        })
        .collect();
    json(&json!({"last": last, "lanes": lanes}))
}

/// `GET /api/parked`: what gave up, the newest first.
pub(super) async fn parked(State(inspector): State<Inspector>) -> Answer {
    let parked = inspector.read(|reader| reader.parked(None)).await?;
    let rows: Vec<_> = parked.iter().rev().take(LISTED).map(row).collect();
    json(&json!({"parked": rows, "total": parked.len()}))
}

/// How an event fared with each handler there is, as far as that is known: attempts are remembered for a while only.
pub(super) fn deliveries(shown: &Shown, position: Position, event: &Event, parked: &[Parked]) -> Vec<Value> {
    let attempts = shown.journal.lanes().attempts_at(event.id());
    let arrived =
        |name: &str| attempts.iter().any(|(handler, attempt)| handler == name && attempt.ended == AttemptEnd::Done);
    let of = |standing: &Standing| {
        let handler = &standing.handler;
        if let Some(parked) = parked.iter().find(|parked| parked.handler == *handler) {
            return row(parked);
        }
        let kind = event.kind().name();
        let takes = |standing: &Standing| {
            standing
                .kinds
                .as_ref()
                .is_none_or(|kinds| kinds.is_empty() || kinds.iter().any(|pattern| pattern.matches(kind)))
        };
        let trouble = standing.trouble.as_ref().filter(|trouble| trouble.id == event.id());
        match trouble {
            _ if !takes(standing) => json!({"handler": handler, "state": "not_wanted"}),
            Some(trouble) => {
                let mut told = told(trouble);
                told["handler"] = handler.as_str().into();
                told["state"] = "failing".into();
                told
            }
            None if arrived(handler) => json!({"handler": handler, "state": "delivered"}),
            None if standing.position < position => json!({"handler": handler, "state": "waiting"}),
            // It arrived, or the handler was not there yet: the journal does not keep which.
            None => json!({"handler": handler, "state": "passed"}),
        }
    };
    let mut all: Vec<_> = present(shown).iter().map(of).collect();
    // Parked for a handler that is gone.
    let here: Vec<_> = shown.orders.handlers();
    all.extend(parked.iter().filter(|parked| !here.iter().any(|name| **name == *parked.handler)).map(row));
    for delivery in &mut all {
        let of_this = attempts.iter().filter(|(handler, _)| delivery["handler"] == *handler.as_str());
        let tries: Vec<_> = of_this.map(|(_, attempt)| tried(attempt)).collect();
        if delivery["state"] == "delivered" {
            delivery["attempts"] = tries.len().into();
        }
        delivery["tries"] = tries.into_iter().rev().take(TOLD).rev().collect();
    }
    all
}

fn tried(attempt: &Attempt) -> Value {
    json!({
        "at": attempt.at.as_millisecond(),
        "took_us": u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX),
        "ended": attempt.ended.word(),
        "answer": attempt.answer.as_deref(),
        "asked": attempt.asked,
    })
}

/// The lanes of the handlers there are.
fn present(shown: &Shown) -> Vec<Standing> {
    let here = shown.orders.handlers();
    let mut standings = shown.journal.lanes().standings();
    standings.retain(|standing| here.iter().any(|name| **name == *standing.handler));
    standings
}

fn told(trouble: &Trouble) -> Value {
    json!({
        "id": trouble.id,
        "why": trouble.why,
        "attempts": trouble.failures,
        "next_try": trouble.next_try.as_millisecond(),
    })
}

fn row(parked: &Parked) -> Value {
    json!({
        "handler": parked.handler,
        "state": "parked",
        "id": parked.id,
        "position": parked.position.get(),
        "kind": parked.kind,
        "app": parked.app_key,
        "why": parked.why,
        "attempts": parked.attempts,
        "at": parked.parked_at.as_millisecond(),
        "asked": parked.asked,
    })
}
