//! Erasing a person: what names an account goes out of the files for good, and a trace says that it did.
//!
//! An erasure is an order in `lanes.db`, carried out by the keeper, file by file; a restart goes on with it. A record keeps
//! its position, id, time, kind and verdict, so that nothing else moves. The account itself is forgotten at the end; until
//! then it is encrypted where there are keys.

mod work;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) use work::{Eraser, Wants, is_spilled};

use super::lanes::{Lanes, stored, unsigned};
use super::{Filter, Keys, LaneError, Position, sealing, stretch};
use crate::event::Event;

/// An order to erase a person.
///
/// ```
/// use offhook::journal::{Erasure, Journal};
///
/// /// Has everything about a person erased, and says how far that is.
/// fn erase(journal: &Journal, account: &str) -> Result<Option<Erasure>, Box<dyn std::error::Error>> {
///     let number = journal.lanes().ask_erasure(account, None, jiff::Timestamp::now())?;
///     Ok(journal.reader().erasure(number)?)
/// }
/// # let _ = erase;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its number.
    pub id: i64,
    /// Who; forgotten once it is over.
    pub account: Option<String>,
    /// Only this app's.
    pub app: Option<String>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The last event it is about; 0 while it has not begun.
    pub last: Position,
    /// How many events were erased.
    pub events: u64,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

impl Lanes {
    /// Everything that names `account` is to be erased; synced before this returns. The number of the erasure.
    ///
    /// # Errors
    /// [`LaneError`] when it could not be written.
    pub(super) fn ask_erasure(&self, account: &str, app: Option<&str>, now: Timestamp) -> Result<i64, LaneError> {
        let sql = "INSERT INTO erasures (account, app, asked_at, last) VALUES (?1, ?2, ?3, 0)";
        let account = sealing::sealed_account(self.keys(), account);
        self.synced(|connection| {
            connection.execute(sql, params![account, app, now.as_microsecond()])?;
            Ok(connection.last_insert_rowid())
        })
    }

    fn next_erasure(&self) -> Result<Option<Erasure>, LaneError> {
        let sql = format!("{ERASURES} WHERE ended_at IS NULL ORDER BY id LIMIT 1");
        let found = self.with(|connection| connection.prepare_cached(&sql)?.query_row([], read).optional())?;
        let Some(erasure) = found else { return Ok(None) };
        let account = erasure.account.map(|account| sealing::opened_account(self.keys(), account)).transpose()?;
        Ok(Some(Erasure { account, ..erasure }))
    }

    fn note_erasure(&self, erasure: &Erasure) -> Result<(), LaneError> {
        let sql = "UPDATE erasures SET last = ?2, events = ?3 WHERE id = ?1";
        let values = params![erasure.id, stored(erasure.last), stored(Position(erasure.events))];
        self.with(|connection| connection.execute(sql, values)).map(drop)
    }

    /// Takes out what is noted about `events`: what was parked of them leaves a trace.
    fn erase_notes(&self, events: &[(Position, Event)], now: Timestamp) -> Result<(), LaneError> {
        let why = "the event was erased";
        self.with(|connection| {
            connection.pragma_update(None, "secure_delete", "ON")?;
            let transaction = connection.unchecked_transaction()?;
            for (_, event) in events {
                let id = event.id();
                let id = id.as_bytes();
                transaction.execute("UPDATE dropped SET why = ?2 WHERE id = ?1", params![id, why])?;
                let trace = "INSERT INTO dropped SELECT handler, position, id, ?2, ?3 FROM parked WHERE id = ?1";
                transaction.execute(trace, params![id, why, now.as_microsecond()])?;
                transaction.execute("DELETE FROM parked WHERE id = ?1", [id])?;
            }
            transaction.commit()
        })?;
        self.parked_handlers().iter().try_for_each(|handler| self.recount(handler))
    }

    /// It is over: forgets whom it was about, also in the filters of replays, and takes that off the disk.
    fn end_erasure(&self, erasure: &Erasure, now: Timestamp) -> Result<(), LaneError> {
        self.synced(|connection| {
            connection.pragma_update(None, "secure_delete", "ON")?;
            let transaction = connection.unchecked_transaction()?;
            let end = "UPDATE erasures SET account = NULL, app = NULL, ended_at = ?2 WHERE id = ?1";
            transaction.execute(end, params![erasure.id, now.as_microsecond()])?;
            let replays: Vec<(i64, String)> = {
                let mut replays = transaction.prepare("SELECT id, filter FROM replays")?;
                let rows = replays.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<Result<_, _>>()?
            };
            let asks_for = |filter: &str| -> Option<String> {
                serde_json::from_str::<Filter>(filter).ok()?.opened_with(self.keys()).ok()?.account
            };
            for (id, filter) in replays {
                if erasure.account.is_some() && asks_for(&filter) == erasure.account {
                    transaction.execute("UPDATE replays SET filter = '{}', ended = 1 WHERE id = ?1", [id])?;
                }
            }
            transaction.commit()?;
            stretch::fold(connection).map(drop)
        })
    }
}

/// The erasure of this number. How far it is can be told without the key; whom it is about stays encrypted then.
pub(super) fn erasure(connection: &Connection, id: i64, keys: Option<&Keys>) -> rusqlite::Result<Option<Erasure>> {
    let mut found = connection.query_row(&format!("{ERASURES} WHERE id = ?1"), [id], read).optional()?;
    if let Some(account) = found.as_mut().and_then(|erasure| erasure.account.as_mut()) {
        *account = sealing::opened_account(keys, account.clone()).unwrap_or_else(|_| account.clone());
    }
    Ok(found)
}

const ERASURES: &str = "SELECT id, account, app, asked_at, last, events, ended_at FROM erasures";

/// An erasure as it is stored.
fn read(row: &Row<'_>) -> rusqlite::Result<Erasure> {
    let moment = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default();
    Ok(Erasure {
        id: row.get(0)?,
        account: row.get(1)?,
        app: row.get(2)?,
        asked_at: moment(row.get(3)?),
        last: Position(unsigned(row.get(4)?)),
        events: unsigned(row.get(5)?),
        ended_at: row.get::<_, Option<i64>>(6)?.map(moment),
    })
}
