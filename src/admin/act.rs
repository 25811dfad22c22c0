//! What the page may change where `[admin] write` allows it: deliver again, try parked deliveries again, give them up.

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;

use super::Inspector;
use super::answer::{Answer, Problem, json};
use crate::deliver::Order;
use crate::event::EventId;
use crate::journal::{Filter, Which};

/// Which delivery of which event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    handler: String,
    id: EventId,
}

/// `POST /api/replays` with `{"handler": …, "id": …}`: that handler gets that event again.
pub(super) async fn replay(State(inspector): State<Inspector>, body: Bytes) -> Answer {
    let Meant { handler, id } = meant(&inspector, &body)?;
    let event = inspector.read(move |reader| reader.find(id)).await?;
    let (_, event) = event.ok_or_else(|| Problem::not_found("no such event in the journal"))?;
    let received = event.received();
    let margin = jiff::SignedDuration::from_secs(1);
    let filter = Filter {
        ids: vec![id],
        // So that the files of other days are not gone through.
        since: received.checked_sub(margin).ok(),
        until: received.checked_add(margin).ok(),
        ..Filter::default()
    };
    order(&inspector, Order::Replay { handler, filter, per_second: None }).await
}

/// `GET /api/replays/{number}`: how a replay stands.
pub(super) async fn how_far(State(inspector): State<Inspector>, Path(number): Path<String>) -> Answer {
    let number = number.parse().map_err(|_| Problem::wrong(format!("`{number}` is no number of a replay")))?;
    let replay = inspector.read(move |reader| reader.replay(number)).await?;
    let replay = replay.ok_or_else(|| Problem::not_found("no such replay"))?;
    json(
        &json!({"handler": replay.handler, "ended": replay.ended, "delivered": replay.delivered, "parked": replay.parked}),
    )
}

/// `POST /api/parked/retry` with `{"handler": …, "id": …}`.
pub(super) async fn retry(State(inspector): State<Inspector>, body: Bytes) -> Answer {
    let Meant { handler, id } = meant(&inspector, &body)?;
    order(&inspector, Order::Retry(Which { handler: Some(handler), ids: vec![id] })).await
}

/// `POST /api/parked/drop` with `{"handler": …, "id": …}`: given up for good.
pub(super) async fn give_up(State(inspector): State<Inspector>, body: Bytes) -> Answer {
    let Meant { handler, id } = meant(&inspector, &body)?;
    order(&inspector, Order::Drop(Which { handler: Some(handler), ids: vec![id] })).await
}

fn meant(inspector: &Inspector, body: &Bytes) -> Result<Meant, Problem> {
    if !inspector.write {
        let message = "this inspector only reads; set `write = true` in [admin] and restart, or use `offhook replay` and `offhook parked`";
        return Err(Problem::forbidden("read_only", message));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::wrong(format!(r#"{{"handler": "…", "id": "…"}} expected: {error}"#)))
}

async fn order(inspector: &Inspector, order: Order) -> Answer {
    let orders = inspector.shown.orders.clone();
    let taken = tokio::task::spawn_blocking(move || orders.take(&order)).await.map_err(Problem::ours)?;
    let taken = taken.map_err(|error| Problem::wrong(error.to_string()))?;
    json(&json!({"count": taken.count, "replay": taken.replay}))
}
