//! What stands in the bucket about deliveries and answers: what is parked, what was given up, replays, and failures told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::NatsError;
use super::state::{Found, State, json, word};
use crate::event::EventId;
use crate::journal::{Failure, Filter, Keys, Parked, Position, Replay, Which, sealing};

/// A parked delivery, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredParked {
    handler: String,
    position: u64,
    id: EventId,
    kind: String,
    app: String,
    why: String,
    attempts: u32,
    /// Microseconds since 1970.
    parked_at: i64,
    asked: bool,
}

/// A replay, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredReplay {
    id: i64,
    handler: String,
    filter: Filter,
    per_second: Option<f64>,
    position: u64,
    last: u64,
    delivered: u64,
    parked: u64,
    ended: bool,
}

/// What the platform said of an answer, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredFailure {
    copy: EventId,
    event: Option<EventId>,
    app: String,
    reason: Option<i64>,
    at: i64,
}

/// `parked` gave up, or is noted otherwise than before. Blocking.
pub(super) fn park(state: &State, parked: &Parked) -> Result<(), NatsError> {
    state.put(key(parked), &StoredParked::of(parked, state.keys()))
}

/// A parked delivery arrived after all. Blocking.
pub(super) fn unpark(state: &State, parked: &Parked) -> Result<(), NatsError> {
    state.remove(key(parked))
}

/// Deliveries that gave up, oldest first. Blocking.
pub(super) fn parked(state: &State, handler: Option<&str>) -> Result<Vec<Parked>, NatsError> {
    let stored: Vec<StoredParked> = state.list(handler.map_or("parked".to_owned(), parked_of))?;
    let mut parked: Vec<Parked> = stored.into_iter().map(|stored| stored.opened(state.keys())).collect();
    parked.sort_by_key(|parked| (parked.parked_at, parked.position));
    Ok(parked)
}

/// Those of them that are meant. Blocking.
pub(super) fn meant(state: &State, which: &Which) -> Result<Vec<Parked>, NatsError> {
    let mut parked = parked(state, which.handler.as_deref())?;
    parked.retain(|parked| which.ids.is_empty() || which.ids.contains(&parked.id));
    Ok(parked)
}

/// How many are parked for `handler`.
pub(super) async fn count_parked(state: &State, handler: &str) -> Result<u64, NatsError> {
    state.count(&parked_of(handler)).await
}

/// All of them, waiting on a task.
pub(super) async fn all_parked(state: &State) -> Result<Vec<Parked>, NatsError> {
    let stored: Vec<StoredParked> = state.all("parked").await?;
    Ok(stored.into_iter().map(|stored| stored.opened(state.keys())).collect())
}

/// Gives `parked` up, and leaves a trace of it.
pub(super) async fn leave_trace(state: &State, parked: &Parked, now: Timestamp) -> Result<(), NatsError> {
    let trace = StoredParked { parked_at: now.as_microsecond(), ..StoredParked::of(parked, state.keys()) };
    let name = format!("dropped.{}.{}", word(&parked.handler), parked.position);
    state.write(&name, json(&trace)).await?;
    state.purge(&key(parked)).await
}

/// Ends the replays that ask for `account`, and forgets what they ask for.
pub(super) async fn forget_replays(state: &State, account: &str) -> Result<(), NatsError> {
    let replays: Vec<StoredReplay> = state.all("replay").await?;
    let asks_for = |replay: &StoredReplay| replay.filter.clone().opened_with(state.keys()).ok()?.account;
    for replay in replays.into_iter().filter(|replay| asks_for(replay).as_deref() == Some(account)) {
        let key = format!("replay.{}", replay.id);
        let replay = StoredReplay { filter: Filter::default(), ended: true, ..replay };
        state.write(&key, json(&replay)).await?;
    }
    Ok(())
}

/// A new replay; false where its number is taken. Blocking.
pub(super) fn add_replay(state: &State, replay: &Replay) -> Result<bool, NatsError> {
    let added = state.swap(format!("replay.{}", replay.id), &StoredReplay::of(replay, state.keys()), 0)?;
    Ok(added.is_some())
}

/// How far a replay is. Blocking.
pub(super) fn note_replay(state: &State, replay: &Replay) -> Result<(), NatsError> {
    state.put(format!("replay.{}", replay.id), &StoredReplay::of(replay, state.keys()))
}

/// All replays; whom one asks for stays encrypted where it cannot be read. Blocking.
pub(super) fn replays(state: &State) -> Result<Vec<Replay>, NatsError> {
    let stored: Vec<StoredReplay> = state.list("replay".to_owned())?;
    Ok(stored.into_iter().map(|stored| stored.opened(state.keys())).collect())
}

/// The replay of this number, in the same way. Blocking.
pub(super) fn replay(state: &State, id: i64) -> Result<Option<Replay>, NatsError> {
    let found: Option<Found<StoredReplay>> = state.get(format!("replay.{id}"))?;
    Ok(found.map(|found| found.value.opened(state.keys())))
}

/// Notes `failure`; false where its copy was noted before. Blocking.
pub(super) fn add_failure(state: &State, failure: &Failure) -> Result<bool, NatsError> {
    let Failure { copy, event, app_key, reason, at } = failure.clone();
    let stored = StoredFailure { copy, event, app: app_key, reason, at: at.as_millisecond() };
    Ok(state.swap(format!("failure.{copy}"), &stored, 0)?.is_some())
}

/// What was told of our answers. Blocking.
pub(super) fn failures(state: &State) -> Result<Vec<Failure>, NatsError> {
    let stored: Vec<StoredFailure> = state.list("failure".to_owned())?;
    Ok(stored.into_iter().map(Failure::from).collect())
}

/// What the copy of this id told. Blocking.
pub(super) fn failure(state: &State, copy: EventId) -> Result<Option<Failure>, NatsError> {
    let found: Option<Found<StoredFailure>> = state.get(format!("failure.{copy}"))?;
    Ok(found.map(|found| found.value.into()))
}

fn parked_of(handler: &str) -> String {
    format!("parked.{}", word(handler))
}

fn key(parked: &Parked) -> String {
    format!("{}.{}", parked_of(&parked.handler), parked.position)
}

impl StoredParked {
    fn of(parked: &Parked, keys: Option<&Keys>) -> Self {
        let Parked { handler, position, id, kind, app_key, why, attempts, parked_at, asked } = parked.clone();
        let (position, parked_at, why) =
            (position.get(), parked_at.as_microsecond(), sealing::sealed_note(keys, id, &why));
        Self { handler, position, id, kind, app: app_key, why, attempts, parked_at, asked }
    }

    fn opened(self, keys: Option<&Keys>) -> Parked {
        let Self { handler, position, id, kind, app, why, attempts, parked_at, asked } = self;
        let (position, why) = (Position(position), sealing::opened_note(keys, id, why));
        let parked_at = Timestamp::from_microsecond(parked_at).unwrap_or_default();
        Parked { handler, position, id, kind, app_key: app, why, attempts, parked_at, asked }
    }
}

impl From<StoredFailure> for Failure {
    fn from(StoredFailure { copy, event, app, reason, at }: StoredFailure) -> Self {
        let at = Timestamp::from_millisecond(at).unwrap_or_default();
        Self { copy, event, app_key: app, reason, at }
    }
}

impl StoredReplay {
    fn of(replay: &Replay, keys: Option<&Keys>) -> Self {
        let Replay { id, handler, filter, per_second, position, last, delivered, parked, ended } = replay.clone();
        let (filter, position, last) = (filter.sealed_with(keys), position.get(), last.get());
        Self { id, handler, filter, per_second, position, last, delivered, parked, ended }
    }

    fn opened(self, keys: Option<&Keys>) -> Replay {
        let Self { id, handler, filter, per_second, position, last, delivered, parked, ended } = self;
        let (position, last) = (Position(position), Position(last));
        let filter = filter.clone().opened_with(keys).unwrap_or(filter);
        Replay { id, handler, filter, per_second, position, last, delivered, parked, ended }
    }
}
