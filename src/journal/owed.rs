//! Who still needs an event: a lane that has not come to it, a delivery that is parked, a replay that is not over.
//!
//! Retention asks this before it deletes anything.

use std::fmt;

use jiff::Timestamp;
use rusqlite::params;

use super::lanes::Lanes;
use super::lanes::stored;
use super::{LaneError, Position};
use crate::event::EventId;

/// Why an event is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owed {
    /// It was not delivered yet.
    Lane { handler: String, position: Position, is_configured: bool },
    /// Its delivery waits for a person.
    Parked { handler: String },
    /// A person asked for it again.
    Replay { handler: String, number: i64 },
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lane { handler, position, is_configured: false } => write!(
                f,
                "handler `{handler}`, which is not configured any more, has not got what stands after position \
                 {position}; that holds it back until it is older than `journal.keep`"
            ),
            Self::Lane { handler, position, .. } => write!(
                f,
                "handler `{handler}` has not got what stands after position {position}: get its target going, or take \
                 the handler out of the configuration"
            ),
            Self::Parked { handler } => write!(
                f,
                "deliveries for handler `{handler}` are parked: `offhook parked retry` or `offhook parked drop` them"
            ),
            Self::Replay { handler, number } => {
                write!(f, "replay {number} for handler `{handler}` is not over: wait for it, or raise its rate")
            }
        }
    }
}

impl Lanes {
    /// Who still needs an event from `first` to `last`. With `is_old` only handlers count that are configured now.
    pub(super) fn owed(&self, first: Position, last: Position, is_old: bool) -> Result<Option<Owed>, LaneError> {
        // Before `lanes.db` could be read nobody seems to be owed anything.
        self.with(|_| Ok(()))?;
        let attended = self.attended();
        let is_configured = |handler: &str| attended.as_ref().is_none_or(|names| names.contains(handler));
        let counts = |handler: &str| !is_old || is_configured(handler);
        let positions = self.positions();
        let behind = positions.into_iter().filter(|(handler, position)| *position < last && counts(handler));
        // The slowest; of two equally slow ones always the same.
        if let Some((handler, position)) = behind.min_by_key(|(handler, position)| (*position, handler.clone())) {
            let is_configured = is_configured(&handler);
            return Ok(Some(Owed::Lane { handler, position, is_configured }));
        }
        for handler in self.parked_handlers().into_iter().filter(|handler| counts(handler)) {
            let sql = "SELECT 1 FROM parked WHERE handler = ?1 AND position BETWEEN ?2 AND ?3 LIMIT 1";
            let range = params![handler, stored(first), stored(last)];
            if self.with(|connection| connection.prepare_cached(sql)?.exists(range))? {
                return Ok(Some(Owed::Parked { handler }));
            }
        }
        let sql = "SELECT id, handler FROM replays WHERE ended = 0 AND position < ?2 AND last >= ?1 ORDER BY id";
        let pending = self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([stored(first), stored(last)], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<(i64, String)>, _>>()
        })?;
        let pending = pending.into_iter().find(|(_, handler)| counts(handler));
        Ok(pending.map(|(number, handler)| Owed::Replay { handler, number }))
    }

    /// Takes out what is noted about events that are no more: those of `gone`, those before `first`, and those whose
    /// ids come before `before`. What was parked there, for handlers that are gone too, leaves a trace, and traces
    /// written before `traces_until` go.
    pub(super) fn forget(
        &self,
        gone: &[(Position, Position)],
        first: Position,
        before: Option<EventId>,
        traces_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), LaneError> {
        let trace = "INSERT INTO dropped SELECT handler, position, id, \
                     'its handler is not configured any more, and the event is older than journal.keep', ?3 \
                     FROM parked WHERE position BETWEEN ?1 AND ?2";
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let old = params![stored(first), traces_until.as_microsecond()];
            transaction.execute("DELETE FROM dropped WHERE position < ?1 AND dropped_at < ?2", old)?;
            for (first, last) in gone {
                let range = [stored(*first), stored(*last)];
                transaction.execute(trace, params![range[0], range[1], now.as_microsecond()])?;
                transaction.execute("DELETE FROM parked WHERE position BETWEEN ?1 AND ?2", range)?;
            }
            transaction.execute("DELETE FROM replays WHERE ended = 1 AND last < ?1", [stored(first)])?;
            if let Some(before) = before {
                transaction.execute("DELETE FROM failures WHERE copy < ?1", [before.as_bytes()])?;
            }
            transaction.commit()
        })?;
        self.parked_handlers().iter().try_for_each(|handler| self.recount(handler))
    }
}
