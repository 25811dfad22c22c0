//! What the repeat index is filled with again: the newest events files, and what is spilled.

use std::path::Path;
use std::time::Duration;

use super::files::EventsFile;
use super::repeats::{RepeatKey, Repeats};
use super::schema::EVENTS;
use super::spill::Spill;
use super::{ReadError, reader, record};
use crate::clock::Clock;

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
pub(super) fn from_files(repeats: &Repeats, found: &[EventsFile], since: Since) -> u32 {
    let mut until = 0;
    for file in found.iter().rev() {
        match from_file(repeats, &file.path, since) {
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
pub(super) fn from_spill(repeats: &Repeats, spill: &Spill, since: Since) -> u32 {
    let mut until = 0;
    let read = spill.newest(|record| {
        let Some((key, decision)) = record.repeat.and_then(|key| Some((since.still(key)?, record.decision()?))) else {
            return false;
        };
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
fn from_file(repeats: &Repeats, path: &Path, since: Since) -> Result<(u32, Option<u32>), ReadError> {
    let failed = |error| ReadError::Database { path: path.to_owned(), error };
    let connection = reader::connect(path, &EVENTS)?;
    let mut until = 0;
    let mut read = || {
        let sql = "SELECT repeat_key, repeat_until, verdict, code, ext, modify, decided_by FROM events \
                   WHERE repeat_until >= ?1";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([since.oldest()])?;
        while let Some(row) = rows.next()? {
            let stored = row.get_ref(0)?.as_blob_or_null()?;
            let valid_until = row.get(1)?;
            let key = stored.and_then(|stored| RepeatKey::read(stored, valid_until));
            let Some(key) = key.and_then(|key| since.still(key)) else { continue };
            until = until.max(key.valid_until);
            let text = |column: usize| row.get_ref(column).map(|value| value.as_str_or_null().ok().flatten());
            let decision = record::decision(text(2)?, row.get(3)?, text(4)?, text(5)?, text(6)?);
            if let Some(decision) = decision {
                repeats.settle(std::iter::once((key, Some(&decision))), None);
            }
        }
        let mut before = connection.prepare("SELECT repeats_until FROM stretch")?;
        let mut rows = before.query([])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    };
    let before = read().map_err(failed)?;
    Ok((until, before))
}
