//! How far each handler is, and which deliveries gave up.
//!
//! Written without a sync of its own, in batches: a position lost in a crash means a second delivery, never a missing one.
#![expect(unreachable_pub, reason = "one of two places; `place` shows it")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tokio::sync::watch;

use super::lanes_file::{State, is_for_want_of_space, load, set_aside};
use super::stretch::fold;
use super::{Keys, LaneError, OpenError, Position, attempts, files, lock, schema, sealing, standing};
use crate::event::EventId;
use crate::metrics::{HandlerLabel, Metrics};

/// How far each handler is.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Inner>);

/// A delivery that gave up and waits for a person.
///
/// ```
/// use offhook::journal::{Journal, ReadError};
///
/// /// What is parked, and why.
/// fn parked(journal: &Journal) -> Result<Vec<String>, ReadError> {
///     let parked = journal.reader().parked(None)?;
///     Ok(parked.iter().map(|parked| format!("{} {} {}: {}", parked.handler, parked.id, parked.kind, parked.why)).collect())
/// }
/// # let _ = parked;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Whose delivery.
    pub handler: String,
    /// Where the event stands.
    pub position: Position,
    /// The event.
    pub id: EventId,
    /// What happened.
    pub kind: String,
    /// Which app's.
    pub app_key: String,
    /// Why it gave up, in words.
    pub why: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it gave up.
    pub parked_at: Timestamp,
    /// Whether a person asked for another try, which is still to come.
    pub asked: bool,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Why something gave up, and whom orders are about, is encrypted with these.
    keys: Option<Keys>,
    durable: watch::Receiver<Position>,
    /// The end when the journal was opened.
    begun: Position,
    metrics: Arc<Metrics>,
    /// Held while SQLite writes; taken before `state` where both are needed. None until the disk has room for it.
    connection: Mutex<Option<Connection>>,
    state: Mutex<State>,
    bell: Condvar,
    told: standing::Told,
    attempts: attempts::Attempts,
}

impl Lanes {
    /// Opens `lanes.db` in `directory`. One that is damaged is set aside, and counts as lost. Where the disk has no room
    /// for opening it, that is tried again whenever somebody needs it.
    pub(super) fn open(
        directory: &Path,
        keys: Option<Keys>,
        durable: watch::Receiver<Position>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let path = directory.join(files::LANES);
        let end = *durable.borrow();
        let (connection, state) = match load(&path, end) {
            Err(OpenError::Database { error, .. }) if schema::is_damage(&error) => {
                set_aside(&path, &error)?;
                load(&path, end).map(|(connection, state)| (Some(connection), state))?
            }
            Err(error) if is_for_want_of_space(&error) => {
                tracing::error!(%error, "handlers get nothing until it can be opened; verdicts go on");
                (None, State::default())
            }
            other => other.map(|(connection, state)| (Some(connection), state))?,
        };
        for (handler, count) in &state.parked {
            show_parked(&metrics, handler, *count);
        }
        let (connection, state) = (Mutex::new(connection), Mutex::new(state));
        Ok(Self(Arc::new(Inner {
            path,
            keys,
            durable,
            begun: end,
            metrics,
            connection,
            state,
            bell: Condvar::new(),
            told: standing::Told::default(),
            attempts: attempts::Attempts::default(),
        })))
    }

    /// The handler's position. A name never seen before starts at the present end, synced to disk before this returns.
    ///
    /// # Errors
    /// [`LaneError`] when the start could not be written.
    pub fn register(&self, handler: &str) -> Result<Position, LaneError> {
        let registered = self.try_register(handler);
        let mut state = lock(&self.0.state);
        if registered.is_ok() {
            state.wanted.remove(handler);
        } else if !state.wanted.contains_key(handler) {
            state.wanted.insert(handler.to_owned(), self.end());
        }
        registered
    }

    fn try_register(&self, handler: &str) -> Result<Position, LaneError> {
        // A handler with nothing parked is told of too: a missing number looks like a missing handler.
        self.recount(handler)?;
        if let Some(position) = lock(&self.0.state).positions.get(handler) {
            return Ok(*position);
        }
        self.synced(|connection| {
            let state = lock(&self.0.state);
            if let Some(position) = state.positions.get(handler) {
                return Ok(*position);
            }
            let (lost, wanted) = (state.lost, state.wanted.get(handler).copied());
            drop(state);
            let start = if lost { Position::default() } else { wanted.unwrap_or_else(|| self.end()) };
            if lost {
                tracing::warn!(
                    handler,
                    "lanes.db was lost, so it is not known what this handler was given: it gets every kept event again"
                );
            }
            write(connection, std::iter::once((handler, start)))?;
            lock(&self.0.state).positions.insert(handler.to_owned(), start);
            Ok(start)
        })
    }

    /// Everything up to `position` is done for `handler`. Cheap: in memory until the next flush (every 100 ms or so,
    /// and at close). A position before the present one changes nothing.
    pub fn advance(&self, handler: &str, position: Position) {
        let mut state = lock(&self.0.state);
        let Some(present) = state.positions.get_mut(handler) else {
            tracing::error!(handler, "a handler that was not registered cannot advance");
            return;
        };
        if *present >= position {
            return;
        }
        *present = position;
        let ring = state.dirty.is_empty();
        match state.dirty.get_mut(handler) {
            Some(dirty) => *dirty = position,
            None => {
                state.dirty.insert(handler.to_owned(), position);
            }
        }
        drop(state);
        if ring {
            self.0.bell.notify_one();
        }
    }

    /// `parked.position` gave up for `parked.handler`. Written before this returns. Parking the same one again replaces it.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: the lane must not go past it then.
    pub fn park(&self, parked: Parked) -> Result<(), LaneError> {
        let row = params![
            parked.handler,
            stored(parked.position),
            parked.id.as_bytes(),
            parked.kind,
            parked.app_key,
            sealing::sealed_note(self.keys(), parked.id, &parked.why),
            parked.attempts,
            parked.parked_at.as_microsecond(),
        ];
        let insert = "INSERT OR REPLACE INTO parked (handler, position, id, kind, app, why, attempts, parked_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.with(|connection| connection.prepare_cached(insert)?.execute(row))?;
        self.recount(&parked.handler)
    }

    /// How many of `handler`'s deliveries are parked.
    pub(super) fn parked_count(&self, handler: &str) -> u64 {
        lock(&self.0.state).parked.get(handler).copied().unwrap_or(0)
    }

    pub(super) fn keys(&self) -> Option<&Keys> {
        self.0.keys.as_ref()
    }

    /// The last durable position.
    pub(super) fn end(&self) -> Position {
        *self.0.durable.borrow()
    }

    /// The furthest position of any handler.
    pub(super) fn furthest(&self) -> Position {
        lock(&self.0.state).positions.values().copied().max().unwrap_or_default()
    }

    /// From now on these handlers are the configured ones. What another one was not given is held back only as long as
    /// events are kept anyway.
    pub fn attended_by<'a>(&self, handlers: impl IntoIterator<Item = &'a str>) {
        lock(&self.0.state).attended = Some(handlers.into_iter().map(str::to_owned).collect());
    }

    /// The configured handlers; `None` before anybody has said which.
    pub(super) fn attended(&self) -> Option<HashSet<String>> {
        lock(&self.0.state).attended.clone()
    }

    /// How far every handler is that ever registered.
    pub(super) fn positions(&self) -> HashMap<String, Position> {
        lock(&self.0.state).positions.clone()
    }

    /// What the lanes have told of themselves.
    pub(super) fn told(&self) -> &standing::Told {
        &self.0.told
    }

    pub(super) fn attempts(&self) -> &attempts::Attempts {
        &self.0.attempts
    }

    /// The handlers that have or had something parked.
    pub(super) fn parked_handlers(&self) -> Vec<String> {
        lock(&self.0.state).parked.keys().cloned().collect()
    }

    /// Counts again what is parked for `handler`.
    pub(super) fn recount(&self, handler: &str) -> Result<(), LaneError> {
        let count = self.with(|connection| count_parked(connection, handler))?;
        show_parked(&self.0.metrics, handler, count);
        lock(&self.0.state).parked.insert(handler.to_owned(), count);
        Ok(())
    }

    /// Does something with the file.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LaneError> {
        let mut connection = lock(&self.0.connection);
        let connection = match &mut *connection {
            Some(connection) => connection,
            none => {
                let (opened, state) = load(&self.0.path, self.0.begun)?;
                let mut present = lock(&self.0.state);
                let State { wanted, attended, stop, .. } = std::mem::take(&mut *present);
                *present = State { wanted, attended, stop, ..state };
                tracing::info!(path = %self.0.path.display(), "handlers' positions can be read now");
                none.insert(opened)
            }
        };
        work(connection).map_err(|error| self.failed(error))
    }

    /// The same, synced to disk before this returns, and moved into the file itself where that works: a log that is
    /// damaged one day loses all that is behind the damage, and nobody could tell.
    pub(super) fn synced<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LaneError> {
        self.with(|connection| {
            connection.execute_batch("PRAGMA synchronous = FULL")?;
            let done = work(connection);
            if done.is_ok()
                && let Err(error) = fold(connection)
            {
                tracing::debug!(path = %self.0.path.display(), %error, "what was asked for stays in the log for now");
            }
            connection.execute_batch("PRAGMA synchronous = NORMAL")?;
            done
        })
    }

    /// Writes the positions that are not written yet.
    pub(super) fn flush(&self) -> Result<(), LaneError> {
        let connection = lock(&self.0.connection);
        let dirty = std::mem::take(&mut lock(&self.0.state).dirty);
        // Only who has registered has a position to be written, and that takes the file.
        let Some(connection) = connection.as_ref().filter(|_| !dirty.is_empty()) else { return Ok(()) };
        let written = write(connection, dirty.iter().map(|(handler, position)| (&**handler, *position)));
        written.map_err(|error| {
            let mut state = lock(&self.0.state);
            for (handler, position) in dirty {
                state.dirty.entry(handler).or_insert(position);
            }
            drop(state);
            self.failed(error)
        })
    }

    /// The handlers there are have registered, and this process ends well: new names are new again.
    pub(super) fn forget_loss(&self) -> Result<(), LaneError> {
        let state = lock(&self.0.state);
        if !state.lost || state.positions.is_empty() {
            return Ok(());
        }
        drop(state);
        self.with(|connection| connection.execute("DELETE FROM lost", [])).map(drop)
    }

    /// Flushes in batches until [`Lanes::stop`]; runs in a thread of its own.
    pub(super) fn run(&self) {
        let mut failing = false;
        loop {
            let mut state = lock(&self.0.state);
            while state.dirty.is_empty() && !state.stop {
                state = self.0.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if !state.stop {
                let pause = if failing { FLUSH_RETRY } else { FLUSH_EVERY };
                state = self
                    .0
                    .bell
                    .wait_timeout_while(state, pause, |state| !state.stop)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            let stop = state.stop;
            drop(state);
            let flushed = self.flush();
            if let Err(error) = &flushed
                && !failing
            {
                tracing::error!(%error, "how far handlers are cannot be written; after a restart they may get events again");
            }
            failing = flushed.is_err();
            if stop {
                return;
            }
        }
    }

    pub(super) fn stop(&self) {
        lock(&self.0.state).stop = true;
        self.0.bell.notify_all();
    }

    fn failed(&self, error: rusqlite::Error) -> LaneError {
        LaneError::Database { path: self.0.path.clone(), error }
    }
}

fn write<'a>(connection: &Connection, positions: impl Iterator<Item = (&'a str, Position)>) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO lanes VALUES (?1, ?2)")?;
        for (handler, position) in positions {
            insert.execute(params![handler, stored(position)])?;
        }
    }
    transaction.commit()
}

fn count_parked(connection: &Connection, handler: &str) -> rusqlite::Result<u64> {
    let mut count = connection.prepare_cached("SELECT count(*) FROM parked WHERE handler = ?1")?;
    count.query_row([handler], |row| row.get(0)).map(unsigned)
}

fn show_parked(metrics: &Metrics, handler: &str, count: u64) {
    let label = HandlerLabel { handler: Arc::from(handler) };
    metrics.parked.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
}

pub(super) fn stored(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const FLUSH_EVERY: Duration = Duration::from_millis(100);
const FLUSH_RETRY: Duration = Duration::from_secs(1);
