//! The tables of the journal's files, their versions, and how an older file is brought up to date.
//!
//! A step that was released is never edited: a change is a further step at the end of its list.

use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::{OpenError, ReadError};

/// What a kind of file looks like.
pub(super) struct Schema {
    /// Written into the file's header, so that `file` and we can tell it from other databases.
    pub application_id: i64,
    /// The SQL that leads from each version to the next; a file's version is how many of them it has seen.
    pub steps: &'static [&'static str],
}

/// The files that hold events.
///
/// `stretch` has one row: when the file was begun, and until when a repeat of anything in the files before it may
/// come, so that the repeat index is rebuilt from as few files as possible. `marks` is a JSON object of what is to be known
/// of a record (`event::Marks`); `sealed` is what is encrypted of it.
pub(super) const EVENTS: Schema = Schema {
    application_id: 0x6f66_6865,
    steps: &[
        "CREATE TABLE events (
            position INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            received INTEGER NOT NULL,
            family TEXT NOT NULL,
            kind TEXT NOT NULL,
            app TEXT NOT NULL,
            subject TEXT,
            sent_at TEXT,
            headers TEXT NOT NULL,
            body TEXT NOT NULL,
            verdict TEXT,
            code INTEGER,
            ext TEXT,
            modify TEXT,
            decided_by TEXT,
            repeat_key BLOB,
            repeat_until INTEGER
        ) STRICT;
        CREATE TABLE stretch (
            first INTEGER PRIMARY KEY,
            begun INTEGER NOT NULL,
            repeats_until INTEGER NOT NULL
        ) STRICT;",
        "ALTER TABLE events ADD COLUMN marks TEXT;
        ALTER TABLE events ADD COLUMN sealed BLOB;",
    ],
};

/// `lanes.db`: where each handler is, what gave up, what is to be delivered again, and which answers the platform
/// could not use.
///
/// `erasures` is who is to be erased, and the trace of it, which names nobody any more.
/// `parked.asked` is 1 where a person asked for another try; `dropped` is the trace of what a person gave up.
pub(super) const LANES: Schema = Schema {
    application_id: 0x6f66_686c,
    steps: &[
        "CREATE TABLE lanes (
            handler TEXT PRIMARY KEY,
            position INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE parked (
            handler TEXT NOT NULL,
            position INTEGER NOT NULL,
            id BLOB NOT NULL,
            kind TEXT NOT NULL,
            app TEXT NOT NULL,
            why TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            parked_at INTEGER NOT NULL,
            PRIMARY KEY (handler, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE lost (
            last INTEGER PRIMARY KEY
        ) STRICT;",
        "ALTER TABLE parked ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE dropped (
            handler TEXT NOT NULL,
            position INTEGER NOT NULL,
            id BLOB NOT NULL,
            why TEXT NOT NULL,
            dropped_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE replays (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            handler TEXT NOT NULL,
            filter TEXT NOT NULL,
            per_second REAL,
            position INTEGER NOT NULL,
            last INTEGER NOT NULL,
            delivered INTEGER NOT NULL DEFAULT 0,
            parked INTEGER NOT NULL DEFAULT 0,
            ended INTEGER NOT NULL DEFAULT 0
        ) STRICT;",
        "CREATE TABLE failures (
            copy BLOB PRIMARY KEY,
            event BLOB,
            app TEXT NOT NULL,
            reason INTEGER,
            at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX failures_of_event ON failures (event);",
        "CREATE TABLE erasures (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account TEXT,
            app TEXT,
            asked_at INTEGER NOT NULL,
            last INTEGER NOT NULL,
            events INTEGER NOT NULL DEFAULT 0,
            ended_at INTEGER
        ) STRICT;",
    ],
};

/// `outbox.db`: what was done outside for an event, by which handler, and how far that is.
pub(super) const OUTBOX: Schema = Schema {
    application_id: 0x6f66_686f,
    steps: &["CREATE TABLE outbox (
            handler TEXT NOT NULL,
            id BLOB NOT NULL,
            stage TEXT NOT NULL,
            note TEXT NOT NULL,
            at INTEGER NOT NULL,
            PRIMARY KEY (handler, id)
        ) STRICT, WITHOUT ROWID;"],
};

/// Why a file's schema is not the one wanted.
#[derive(Debug)]
pub(super) enum SchemaFault {
    /// Written by a newer offhook.
    Newer { found: i64, known: i64 },
    /// Not a file of ours.
    Foreign,
    /// SQLite refused.
    Sqlite(rusqlite::Error),
}

impl Schema {
    /// The newest version this build knows.
    pub(super) fn newest(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    /// Brings a file up to date, a new one from nothing. Each step is a transaction.
    pub(super) fn migrate(&self, connection: &mut Connection) -> Result<(), SchemaFault> {
        let version = self.check(connection)?;
        let done = usize::try_from(version).unwrap_or(0);
        for (step, sql) in self.steps.iter().enumerate().skip(done) {
            // Two who open a new file at once must not both take the step.
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            if self.check(&transaction)? > i64::try_from(step).unwrap_or(i64::MAX) {
                continue;
            }
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "application_id", self.application_id)?;
            transaction.pragma_update(None, "user_version", i64::try_from(step + 1).unwrap_or(i64::MAX))?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// The version in the header of a file that nobody has open; `None` where it has no such header.
    pub(super) fn peek(&self, path: &Path) -> std::io::Result<Option<i64>> {
        let mut header = [0; 72];
        let length = std::fs::File::open(path)?.read_at(&mut header, 0)?;
        let number = |at: usize| header[at..].first_chunk().map(|bytes| i64::from(u32::from_be_bytes(*bytes)));
        Ok(number(60).filter(|_| length == header.len() && number(68) == Some(self.application_id)))
    }

    /// A file's version: 0 for a new one.
    pub(super) fn check(&self, connection: &Connection) -> Result<i64, SchemaFault> {
        let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let (version, application_id) = (number("user_version")?, number("application_id")?);
        let known = self.newest();
        if application_id != self.application_id {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            let is_new = application_id == 0 && version == 0 && tables == 0;
            return if is_new { Ok(0) } else { Err(SchemaFault::Foreign) };
        }
        if version > known { Err(SchemaFault::Newer { found: version, known }) } else { Ok(version) }
    }
}

impl SchemaFault {
    pub(super) fn opening(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::Newer { found, known } => OpenError::Newer { path, found, known },
            Self::Foreign => OpenError::Foreign { path },
            Self::Sqlite(error) => OpenError::Database { path, error },
        }
    }

    pub(super) fn reading(self, path: &Path) -> ReadError {
        let path = path.to_owned();
        match self {
            Self::Newer { found, known } => ReadError::Newer { path, found, known },
            Self::Foreign => ReadError::NotAJournal { path },
            Self::Sqlite(error) => ReadError::Database { path, error },
        }
    }
}

impl From<rusqlite::Error> for SchemaFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Whether `error` says that the file itself is damaged, so that trying again cannot help.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_STEPS: Schema = Schema {
        application_id: 7,
        steps: &["CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 5"],
    };

    #[test]
    fn an_older_file_gets_the_steps_it_lacks() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = Schema { steps: &["CREATE TABLE a (x INTEGER)"], ..TWO_STEPS };
        first.migrate(&mut connection).unwrap();
        connection.execute("INSERT INTO a (x) VALUES (1)", []).unwrap();
        TWO_STEPS.migrate(&mut connection).unwrap();
        let y: i64 = connection.query_row("SELECT y FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(y, 5);
        TWO_STEPS.migrate(&mut connection).unwrap();
        assert!(matches!(first.migrate(&mut connection), Err(SchemaFault::Newer { found: 2, known: 1 })));
    }

    #[test]
    fn a_database_of_another_program_is_told_apart() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(TWO_STEPS.migrate(&mut connection), Err(SchemaFault::Foreign)));
    }
}
