//! What is to be delivered again because a person asked: parked deliveries, and kept events as a replay.
//!
//! It stands in `lanes.db`, so that a restart forgets none of it.
#![expect(unreachable_pub, reason = "one of two places; `place` shows it")]

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::{Deserialize, Serialize};

use super::lanes::{Lanes, Parked, stored, unsigned};
use super::{Filter, Keys, LaneError, Position, sealing};
use crate::event::EventId;

/// Which parked deliveries are meant.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::journal::{Journal, LaneError, Which};
///
/// /// Has a parked delivery tried again.
/// fn try_again(journal: &Journal, handler: &str, id: EventId) -> Result<u64, LaneError> {
///     journal.lanes().ask_again(&Which { handler: Some(handler.to_owned()), ids: vec![id] })
/// }
/// # let _ = try_again;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Which {
    /// Only this handler's.
    pub handler: Option<String>,
    /// Only of these events; empty: of any.
    pub ids: Vec<EventId>,
}

/// Kept events that one handler gets again.
///
/// ```
/// use offhook::journal::{Filter, Journal};
///
/// /// Asks for everything again, ten events a second, and says how far that is.
/// fn replay(journal: &Journal, handler: &str) -> Result<Option<u64>, Box<dyn std::error::Error>> {
///     let number = journal.lanes().ask_replay(handler, &Filter::default(), Some(10.0))?;
///     Ok(journal.reader().replay(number)?.map(|replay| replay.delivered))
/// }
/// # let _ = replay;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Its number.
    pub id: i64,
    /// Who gets them.
    pub handler: String,
    /// Which events.
    pub filter: Filter,
    /// At most so many in a second.
    pub per_second: Option<f64>,
    /// Everything up to here is done.
    pub position: Position,
    /// The last event it is about: nothing that came after it was asked for.
    pub last: Position,
    /// How many were delivered.
    pub delivered: u64,
    /// How many gave up and are parked now.
    pub parked: u64,
    /// Whether it is over.
    pub ended: bool,
}

impl Lanes {
    /// Another try is wanted for `which`; synced before this returns. How many that are.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn ask_again(&self, which: &Which) -> Result<u64, LaneError> {
        self.synced(|connection| change(connection, "UPDATE parked SET asked = 1 WHERE", which))
    }

    /// The first parked delivery of `handler` for which another try is wanted.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be read.
    pub fn asked_again(&self, handler: &str) -> Result<Option<Parked>, LaneError> {
        let sql = format!("{PARKED} WHERE handler = ?1 AND asked = 1 ORDER BY position LIMIT 1");
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_row([handler], |row| read_parked(row, self.keys())).optional()
        })
    }

    /// A parked delivery arrived after all.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: it may be delivered once more then.
    pub fn unpark(&self, parked: &Parked) -> Result<(), LaneError> {
        let sql = "DELETE FROM parked WHERE handler = ?1 AND position = ?2";
        self.with(|connection| connection.execute(sql, params![parked.handler, stored(parked.position)]))?;
        self.recount(&parked.handler)
    }

    /// Gives up `which` for good, and leaves a trace of each in the table `dropped`; synced before this returns. How
    /// many that are.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written; then nothing is given up.
    pub fn drop_parked(&self, which: &Which, now: Timestamp) -> Result<u64, LaneError> {
        let at = now.as_microsecond();
        let trace = format!("INSERT INTO dropped SELECT handler, position, id, why, {at} FROM parked WHERE");
        let dropped = self.synced(|connection| {
            let transaction = connection.unchecked_transaction()?;
            change(&transaction, &trace, which)?;
            let dropped = change(&transaction, "DELETE FROM parked WHERE", which)?;
            transaction.commit().map(|()| dropped)
        })?;
        self.parked_handlers().iter().try_for_each(|handler| self.recount(handler))?;
        Ok(dropped)
    }

    /// `handler` is to get again what `filter` wants of the events up to the last durable one; synced before this
    /// returns. The replay's number.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub fn ask_replay(&self, handler: &str, filter: &Filter, per_second: Option<f64>) -> Result<i64, LaneError> {
        let filter = serde_json::to_string(&filter.sealed_with(self.keys())).unwrap_or_default();
        let last = stored(self.end());
        let sql = "INSERT INTO replays (handler, filter, per_second, position, last) VALUES (?1, ?2, ?3, 0, ?4)";
        self.synced(|connection| {
            connection.execute(sql, params![handler, filter, per_second, last])?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// The first replay of `handler` that is not over.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be read.
    pub fn next_replay(&self, handler: &str) -> Result<Option<Replay>, LaneError> {
        let sql = format!("{REPLAYS} WHERE handler = ?1 AND ended = 0 ORDER BY id LIMIT 1");
        let found =
            self.with(|connection| connection.prepare_cached(&sql)?.query_row([handler], read_replay).optional())?;
        let Some(replay) = found else { return Ok(None) };
        Ok(Some(Replay { filter: replay.filter.opened_with(self.keys())?, ..replay }))
    }

    /// Writes down how far a replay is.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written: some of it may be delivered once more then.
    pub fn advance_replay(&self, replay: &Replay) -> Result<(), LaneError> {
        let sql = "UPDATE replays SET position = ?2, delivered = ?3, parked = ?4, ended = ?5 WHERE id = ?1";
        let (delivered, parked) = (counted(replay.delivered), counted(replay.parked));
        let values = params![replay.id, stored(replay.position), delivered, parked, replay.ended];
        self.with(|connection| connection.prepare_cached(sql)?.execute(values)).map(drop)
    }
}

/// Deliveries that gave up, oldest first.
pub(super) fn parked(
    connection: &Connection,
    handler: Option<&str>,
    keys: Option<&Keys>,
) -> rusqlite::Result<Vec<Parked>> {
    let sql = format!("{PARKED} WHERE ?1 IS NULL OR handler = ?1 ORDER BY parked_at, position");
    connection.prepare(&sql)?.query_map([handler], |row| read_parked(row, keys))?.collect()
}

/// The replay of this number. How far it is can be told without the key; whom it asks for stays encrypted then.
pub(super) fn replay(connection: &Connection, id: i64, keys: Option<&Keys>) -> rusqlite::Result<Option<Replay>> {
    let found = connection.query_row(&format!("{REPLAYS} WHERE id = ?1"), [id], read_replay).optional()?;
    Ok(found
        .map(|replay| Replay { filter: replay.filter.clone().opened_with(keys).unwrap_or(replay.filter), ..replay }))
}

const PARKED: &str = "SELECT handler, position, id, kind, app, why, attempts, parked_at, asked FROM parked";
const REPLAYS: &str = "SELECT id, handler, filter, per_second, position, last, delivered, parked, ended FROM replays";

/// Does `sql`, which ends in `WHERE`, to `which`. How many rows that were.
fn change(connection: &Connection, sql: &str, which: &Which) -> rusqlite::Result<u64> {
    let Which { handler, ids } = which;
    if ids.is_empty() {
        let sql = format!("{sql} (?1 IS NULL OR handler = ?1)");
        return connection.execute(&sql, [handler]).map(|rows| rows as u64);
    }
    let sql = format!("{sql} (?1 IS NULL OR handler = ?1) AND id = ?2");
    let mut changing = connection.prepare(&sql)?;
    let mut changed = 0;
    for id in ids {
        changed += changing.execute([handler as &dyn ToSql, id.as_bytes()])? as u64;
    }
    Ok(changed)
}

fn read_parked(row: &Row<'_>, keys: Option<&Keys>) -> rusqlite::Result<Parked> {
    let id = EventId::from_bytes(row.get(2)?);
    Ok(Parked {
        handler: row.get(0)?,
        position: Position(unsigned(row.get(1)?)),
        id,
        kind: row.get(3)?,
        app_key: row.get(4)?,
        why: sealing::opened_note(keys, id, row.get(5)?),
        attempts: row.get(6)?,
        parked_at: Timestamp::from_microsecond(row.get(7)?).unwrap_or_default(),
        asked: row.get(8)?,
    })
}

/// A replay as it is stored.
fn read_replay(row: &Row<'_>) -> rusqlite::Result<Replay> {
    let filter: String = row.get(2)?;
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error));
    Ok(Replay {
        id: row.get(0)?,
        handler: row.get(1)?,
        filter: serde_json::from_str(&filter).map_err(unreadable)?,
        per_second: row.get(3)?,
        position: Position(unsigned(row.get(4)?)),
        last: Position(unsigned(row.get(5)?)),
        delivered: unsigned(row.get(6)?),
        parked: unsigned(row.get(7)?),
        ended: row.get(8)?,
    })
}

fn counted(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
