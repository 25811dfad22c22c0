//! One event, whole: what was sent, how it was believed, decided and delivered. Masked, unless a person asks otherwise.
//!
//! What is not recorded is not told: the steps of an event's road are known only where somebody looked on as it went by.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::{Answer, Problem, json};
use super::asked::event_id;
use super::guard::{self, Shown};
use super::lanes::deliveries;
use super::list::Row;
use super::live::Steps;
use super::mask::{Show, mask_address, mask_digest, mask_json};
use super::{Inspector, commands};
use crate::event::{Event, EventId};
use crate::journal::{Failure, Parked, Position, ReadError, Reader, Shadow};
use crate::kind::Family;
use crate::verdict::Verdict;
use crate::yunxin::{self, Apps};

/// `GET /api/events/{id}`.
pub(super) async fn masked(State(inspector): State<Inspector>, Path(id): Path<String>) -> Answer {
    tell(&inspector, event_id(&id)?, Show::Masked).await
}

/// `POST /api/events/{id}/unmask`: the same with phone numbers, addresses and what was written. It is logged.
pub(super) async fn unmasked(State(inspector): State<Inspector>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let id = event_id(&id)?;
    let answer = tell(&inspector, id, Show::Whole).await?;
    log_unmasking(&inspector, &headers, "an event", Some(id));
    Ok(answer)
}

/// Says who saw what is usually masked.
pub(super) fn log_unmasking(inspector: &Inspector, headers: &HeaderMap, what: &str, id: Option<EventId>) {
    let who = match inspector.guard.shown(headers) {
        Some(Shown::OnThisMachine) => "somebody on this machine",
        Some(Shown::Token) => "somebody with the token",
        Some(Shown::SignedIn) => "somebody who signed in",
        None => "nobody",
    };
    let peer = headers.get(super::listener::PEER).and_then(|peer| peer.to_str().ok());
    let agent: Option<String> =
        guard::text(headers, axum::http::header::USER_AGENT).map(|agent| agent.chars().take(120).collect());
    let id = id.map(tracing::field::display);
    tracing::info!(event.id = id, who, peer, agent, "{what} was shown unmasked in the inspector");
}

/// Everything the journal has about one event.
struct Found {
    position: Position,
    event: Event,
    shadows: Vec<Shadow>,
    parked: Vec<Parked>,
    /// Why the platform could not use our answer.
    failure: Option<Failure>,
    /// Which answer's failure this copy tells of.
    tells_of: Option<Failure>,
}

fn find(reader: &Reader, id: EventId) -> Result<Option<Found>, ReadError> {
    let Some((position, event)) = reader.find(id)? else { return Ok(None) };
    let parked = reader.parked(None)?.into_iter().filter(|parked| parked.id == id).collect();
    let (failure, tells_of) = (reader.failure_of(id)?, reader.failure_told_by(id)?);
    Ok(Some(Found { position, event, shadows: reader.shadows()?.of(id)?, parked, failure, tells_of }))
}

async fn tell(inspector: &Inspector, id: EventId, show: Show) -> Answer {
    let found = inspector.read(move |reader| find(reader, id)).await?;
    let gone = || Problem::not_found("no such event in the journal; it may be older than `journal.keep`");
    let Found { position, event, shadows, parked, failure, tells_of } = found.ok_or_else(gone)?;
    let placed = (position, event);
    let row = Row::of(&placed);
    let event = &placed.1;
    let road = inspector.shown.edge.seen().road(id);
    let peer = road.as_ref().and_then(|road| road.peer);
    let peer = peer.map(|peer| if show == Show::Whole { peer.to_string() } else { mask_address(peer) });
    let data = mask_json(event.text(), show);
    let lanes = deliveries(&inspector.shown, position, event, &parked);
    let apps = inspector.shown.edge.families().yunxin_callback.apps();
    json(&json!({
        "masked": show == Show::Masked,
        "event": row,
        "subject": event.subject().filter(|_| show == Show::Whole),
        "sent_at": event.sent_at(),
        "source": format!("{}/{}", event.family().source(), event.app_key()),
        "decision": event.decision().map(|decision| json!({
            "verdict": decision.verdict.word(),
            "code": decision.verdict.code(),
            "by": decision.by,
            "ext": decision.verdict.ext(),
            "modify": modify(&decision.verdict, show),
        })),
        "data": data,
        "raw": (show == Show::Whole).then(|| event.text()),
        "headers": headers(event),
        "checks": checks(event, &apps),
        "road": road.as_ref().map(Steps::from),
        "peer": peer,
        "shadows": shadows.iter().map(shadow).collect::<Vec<_>>(),
        "deliveries": lanes,
        "failure": failure.map(|failure| json!({"why": Failure::word_of(failure.reason), "at": failure.at.as_millisecond(), "copy": failure.copy})),
        "tells_of": tells_of.map(|failure| json!({"why": Failure::word_of(failure.reason), "at": failure.at.as_millisecond(), "event": failure.event})),
        "curl": commands::curl(inspector, event, &data),
        "send": commands::send(inspector, event, &data),
    }))
}

/// What an allow changes, as JSON text.
fn modify(verdict: &Verdict, show: Show) -> Option<String> {
    match verdict {
        Verdict::Allow { modify, .. } if !modify.is_empty() => {
            serde_json::to_string(modify).ok().map(|text| mask_json(&text, show))
        }
        _ => None,
    }
}

fn shadow(shadow: &Shadow) -> Value {
    json!({"decider": shadow.decider, "verdict": shadow.verdict, "code": shadow.code, "by": shadow.by})
}

/// The signed headers, as name and value; of digests only the beginning.
fn headers(event: &Event) -> Vec<[String; 2]> {
    let pairs = event.headers().lines().filter_map(|line| line.split_once(':'));
    let opens = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["md5", "checksum", "sign", "nonce", "authorization"].contains(&&*name)
    };
    pairs
        .map(|(name, value)| {
            let (name, value) = (name.trim(), value.trim());
            [name.to_owned(), if opens(name) { mask_digest(value) } else { value.to_owned() }]
        })
        .collect()
}

/// How the event proves its sender: checked again now where it is a callback, with the secrets that are configured now
/// and the time at which it was received.
fn checks(event: &Event, apps: &Apps) -> Option<Value> {
    if event.family() != Family::YunxinCallback || event.kind().is_overruled() {
        return None;
    }
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers().lines().filter_map(|line| line.split_once(':')) {
        let name = axum::http::HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        headers.append(name, axum::http::HeaderValue::from_str(value.trim()).ok()?);
    }
    let body = Bytes::clone(event.body());
    let diagnosis = yunxin::diagnose(apps, &headers, &body, event.received());
    let sent = event.sent_at().and_then(|sent| sent.parse::<i64>().ok());
    Some(json!({
        "findings": diagnosis.findings.iter().map(|finding| json!({"check": finding.check, "passed": finding.passed, "text": finding.text})).collect::<Vec<_>>(),
        "cause": diagnosis.cause,
        // How long before its arrival the sender says to have sent it, in milliseconds.
        "age_ms": sent.map(|sent| event.received().as_millisecond() - sent),
    }))
}
