//! Erasing a person from the journal in NATS: each event that names the account is removed, and its bytes are overwritten.
//!
//! An erasure is an order in the bucket, carried out by one instance; where that dies, another one begins it again. What
//! stays is the order, with how many events it was about; it forgets the account when it is over.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use super::reader::{self, Wanted};
use super::state::{Found, State, json};
use super::turns::Turning;
use super::{NatsError, leader, notes, outbox, stream};
use crate::event::EventId;
use crate::journal::erase::{Erasure, is_spilled};
use crate::journal::{Filter, Page, Parked, Position, ReadError, sealing};

/// An erasure, as it is stored. Times are microseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    id: i64,
    asked_at: i64,
    last: u64,
    events: u64,
    ended_at: Option<i64>,
}

/// Whom it is about: a key of its own, which is written once and overwritten when it is over.
#[derive(Debug, Serialize, Deserialize)]
struct Whom {
    /// Encrypted where there are keys.
    account: String,
    app: Option<String>,
}

/// Carries out what was asked for, by this instance or by another one.
pub(super) struct Eraser {
    pub(super) publisher: Arc<Publisher>,
    pub(super) state: State,
    pub(super) turns: Arc<Turning>,
    /// What is in there could come back after its person was erased.
    pub(super) spill: PathBuf,
    /// Rung when somebody asked.
    pub(super) asked: Arc<Notify>,
}

/// Writes down that everything that names `account` is to be erased. The erasure's number. Blocking.
pub(super) fn ask(state: &State, account: &str, app: Option<&str>, now: Timestamp) -> Result<i64, NatsError> {
    let asked: Vec<Stored> = state.list("erasure".to_owned())?;
    let mut id = asked.iter().map(|erasure| erasure.id).max().unwrap_or(0) + 1;
    let whom = Whom { account: sealing::sealed_account(state.keys(), account), app: app.map(str::to_owned) };
    while state.swap(whom_of(id), &whom, 0)?.is_none() {
        id += 1;
    }
    let erasure = Stored { id, asked_at: now.as_microsecond(), last: 0, events: 0, ended_at: None };
    state.put(key(id), &erasure)?;
    Ok(id)
}

/// The erasure of this number; whom it is about stays encrypted where it cannot be read. Blocking.
pub(super) fn erasure(state: &State, id: i64) -> Result<Option<Erasure>, NatsError> {
    let Some(Found { value: erasure, .. }) = state.get::<Stored>(key(id))? else { return Ok(None) };
    let whom = state.get::<Whom>(whom_of(id))?.map(|whom| whom.value);
    let moment = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default();
    let opened = |stored: String| sealing::opened_account(state.keys(), stored.clone()).unwrap_or(stored);
    let (account, app) = whom.map_or((None, None), |whom| (Some(opened(whom.account)), whom.app));
    let (asked_at, ended_at) = (moment(erasure.asked_at), erasure.ended_at.map(moment));
    Ok(Some(Erasure { id, account, app, asked_at, last: Position(erasure.last), events: erasure.events, ended_at }))
}

impl Eraser {
    /// Until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = self.asked.notified() => {}
                () = sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            if !self.publisher.link.is_connected() {
                continue;
            }
            let worked = tokio::select! { worked = self.work() => worked, () = stop.cancelled() => return };
            if let Err(error) = &worked
                && !failing
            {
                tracing::error!(%error, "an erasure cannot go on; it is tried again");
            }
            failing = worked.is_err();
        }
    }

    async fn work(&self) -> Result<(), ReadError> {
        let mut open: Vec<Stored> = self.state.all("erasure").await?;
        open.retain(|erasure| erasure.ended_at.is_none());
        if open.is_empty() || is_spilled(&self.spill) || !self.turns.takes(TURN).await? {
            return Ok(());
        }
        open.sort_by_key(|erasure| erasure.id);
        for erasure in open {
            self.carry_out(erasure).await?;
        }
        Ok(self.turns.leaves(TURN).await?)
    }

    async fn carry_out(&self, mut erasure: Stored) -> Result<(), ReadError> {
        let Some(Found { value: Whom { account, app }, .. }) = self.state.read(&whom_of(erasure.id)).await? else {
            return self.end(erasure).await;
        };
        let account = sealing::opened_account(self.state.keys(), account)?;
        let link = &self.publisher.link;
        let stream = leader::the_stream(link).await?;
        if erasure.last == 0 {
            erasure.last = stream.cached_info().state.last_sequence;
            self.note(&erasure).await?;
        }
        let parked = notes::all_parked(&self.state).await?;
        let filter = Filter { account: Some(account.clone()), app, ..Filter::default() };
        let (wanted, cursor) = (Wanted { filter, keys: self.publisher.keys.clone() }, Mutex::default());
        let mut page = Page { events: Vec::new(), scanned: Position::default(), more: true };
        while page.more && page.scanned.get() < erasure.last {
            page.events.clear();
            reader::fill(link, &cursor, &mut page, TOGETHER, &wanted).await?;
            for (position, event) in page.events.iter().filter(|(position, _)| position.get() <= erasure.last) {
                // First what tells of it: after a crash the event is found again.
                self.forget(event.id(), &parked).await?;
                let removed = stream.delete_message(position.get()).await;
                removed.map_err(|error| link.failed("remove an event", stream::cause(&error)))?;
                erasure.events += 1;
            }
            if !page.events.is_empty() {
                self.note(&erasure).await?;
            }
        }
        notes::forget_replays(&self.state, &account).await?;
        self.end(erasure).await
    }

    /// Takes out what is noted about an event: what was parked of it leaves a trace.
    async fn forget(&self, id: EventId, parked: &[Parked]) -> Result<(), NatsError> {
        for parked in parked.iter().filter(|parked| parked.id == id) {
            let parked = Parked { why: "the event was erased".to_owned(), ..parked.clone() };
            notes::leave_trace(&self.state, &parked, self.publisher.clock.now()).await?;
        }
        outbox::forget(&self.state, id).await
    }

    async fn note(&self, erasure: &Stored) -> Result<(), NatsError> {
        self.state.write(&key(erasure.id), json(erasure)).await
    }

    async fn end(&self, erasure: Stored) -> Result<(), ReadError> {
        self.state.destroy::<Whom>(&whom_of(erasure.id)).await?;
        let ended_at = Some(self.publisher.clock.now().as_microsecond());
        let erasure = Stored { ended_at, ..erasure };
        self.note(&erasure).await?;
        let (number, events) = (erasure.id, erasure.events);
        tracing::warn!(erasure.id = number, events, "a person was erased from the journal, as was asked for");
        Ok(())
    }
}

fn key(id: i64) -> String {
    format!("erasure.{id}")
}

fn whom_of(id: i64) -> String {
    format!("whom.{id}")
}

/// No handler's turn is called so.
const TURN: &str = "=erasures";
/// How often it is looked whether another instance left an erasure undone.
const LOOK: Duration = Duration::from_secs(10);
/// Events removed between two notes of how far it is.
const TOGETHER: usize = 256;
