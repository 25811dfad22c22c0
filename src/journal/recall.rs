//! What the repeat index is filled with again: the newest events files, and what is spilled.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row};

use super::files::EventsFile;
use super::repeats::{RepeatKey, Repeats};
use super::schema::{self, EVENTS};
use super::spill::Spill;
use super::walk::{Rows, Way, walk};
use super::{Keys, ReadError, reader, record, sealing};
use crate::clock::Clock;
use crate::event::EventId;

/// Which events a repeat may still come of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    /// Seconds since 1970.
    now: u32,
    /// How many seconds after its own time a request is still taken. It may be more than it was when they were kept.
    tolerance: u32,
}

impl Since {
    pub(super) fn tolerating(tolerance: Duration, clock: &Clock) -> Self {
        let tolerance = u32::try_from(tolerance.as_secs()).unwrap_or(u32::MAX);
        Self { now: u32::try_from(clock.now().as_second()).unwrap_or(0), tolerance }
    }

    /// What was stale before this is so under any tolerance.
    fn oldest(self) -> u32 {
        self.now.saturating_sub(self.tolerance)
    }

    /// `key` as it counts now, unless no repeat of it can come.
    fn still(self, key: RepeatKey) -> Option<RepeatKey> {
        Some(key.valid_for(self.tolerance)).filter(|key| key.valid_until >= self.now)
    }
}

/// Reads the newest files, as far back as a repeat may still come. Tells until when one may, in seconds since 1970.
pub(super) fn from_files(repeats: &Repeats, found: &[EventsFile], keys: Option<&Keys>, since: Since) -> u32 {
    let mut until = 0;
    for file in found.iter().rev() {
        match from_file(repeats, file, keys, since) {
            Ok((in_file, before)) => {
                until = until.max(in_file).max(before.unwrap_or(0));
                if before.is_some_and(|before| before < since.oldest()) {
                    break;
                }
            }
            Err(error) => {
                tracing::error!(path = %file.path.display(), %error, "repeats of events in this file may be taken for new ones");
            }
        }
    }
    until
}

/// The same with what is spilled.
pub(super) fn from_spill(repeats: &Repeats, spill: &Spill, keys: Option<&Keys>, since: Since) -> u32 {
    let mut until = 0;
    let read = spill.newest(|record| {
        let Some(key) = record.repeat.and_then(|key| since.still(key)) else { return false };
        let Some(decision) = record.decision_with(keys) else { return false };
        until = until.max(key.valid_until);
        repeats.settle(std::iter::once((key, Some(&decision))), None);
        true
    });
    let path = spill.path().display();
    match read {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(%path, "much is spilled; repeats of the older part may be taken for new ones until it is read back in");
        }
        Err(error) => tracing::error!(%path, %error, "repeats of spilled events may be taken for new ones"),
    }
    until
}

/// Tells until when repeats of this file's events may come, and the same of all files before it, where it says so.
fn from_file(
    repeats: &Repeats,
    file: &EventsFile,
    keys: Option<&Keys>,
    since: Since,
) -> Result<(u32, Option<u32>), ReadError> {
    let failed = |error| ReadError::Database { path: file.path.clone(), error };
    let connection = reader::connect(&file.path, &EVENTS)?;
    let mut until = 0;
    let mut take = |row: &Row<'_>| {
        let (stored, valid_until) = (row.get_ref(1)?.as_blob_or_null()?, row.get::<_, Option<u32>>(2)?);
        let key = stored.zip(valid_until).and_then(|(stored, valid_until)| RepeatKey::read(stored, valid_until));
        let Some(key) = key.and_then(|key| since.still(key)) else { return Ok(true) };
        until = until.max(key.valid_until);
        let text = |column: usize| row.get_ref(column).map(|value| value.as_str_or_null().ok().flatten());
        let is_sealed: bool = row.get(8)?;
        // What of an answer cannot be decrypted is left out: the verdict still holds.
        let answer = |column: usize| -> rusqlite::Result<_> {
            Ok(match text(column)? {
                Some(text) if is_sealed && !text.is_empty() => {
                    let id = EventId::from_bytes(row.get(9)?);
                    sealing::opened_answer(keys, id, text).ok().map(Cow::Owned)
                }
                text => text.map(Cow::Borrowed),
            })
        };
        let (ext, modify) = (answer(5)?, answer(6)?);
        let decision = record::decision(text(3)?, row.get(4)?, ext.as_deref(), modify.as_deref(), text(7)?);
        if let Some(decision) = decision {
            repeats.settle(std::iter::once((key, Some(&decision))), None);
        }
        Ok(true)
    };
    let mut read = || {
        let sql = format!("SELECT {WHAT} FROM events WHERE repeat_until >= ?1");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([since.oldest()])?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    };
    // Past damage it takes longer, since each row is looked at here.
    match read() {
        Err(error) if schema::is_damage(&error) => {
            tracing::error!(path = %file.path.display(), %error, "repeats of events on damaged pages may be taken for new ones");
            let all = Rows { first: file.first, last: u64::MAX, way: Way::Forwards, most: usize::MAX };
            walk(&connection, WHAT, all, &mut |_, row| take(row)).map_err(failed)?;
        }
        read => read.map_err(failed)?,
    }
    let before = connection.query_row("SELECT repeats_until FROM stretch", [], |row| row.get(0)).optional();
    Ok((until, before.map_err(failed)?))
}

/// What is read of each event.
const WHAT: &str = "position, repeat_key, repeat_until, verdict, code, ext, modify, decided_by, sealed IS NOT NULL, id";
