//! `index.db`: of each thousand events when they were received, and which words are in them, so that a reader passes over
//! what cannot be wanted.
//!
//! Made by the keeper, behind the writer, from what is durable. Nothing depends on it: what it does not cover is looked
//! through, a damaged one is made anew, and it is never asked what is there, only what is not.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::forwards::Looked;
use super::schema::{self, Schema};
use super::words::{self, Hash, Words};
use super::{Filter, Position, files, reader};

/// The file in the journal's directory.
const NAME: &str = "index.db";

/// How it looks. A block is about the positions after `after` up to `last`; times are microseconds since 1970. `key` is the
/// number of the key that its words are hidden with, 0 for none.
const INDEX: Schema = Schema {
    application_id: 0x6f66_6869,
    steps: &["CREATE TABLE blocks (
            last INTEGER PRIMARY KEY,
            after INTEGER NOT NULL,
            earliest INTEGER NOT NULL,
            latest INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE words (
            last INTEGER PRIMARY KEY,
            key INTEGER NOT NULL,
            words BLOB NOT NULL
        ) STRICT;"],
};

/// Events of a block.
const BLOCK: usize = 1024;

/// A block that was looked through.
struct Made {
    after: u64,
    last: u64,
    earliest: i64,
    latest: i64,
    words: Words,
    events: usize,
    /// There are events behind it.
    more: bool,
}

/// Makes it.
#[derive(Debug)]
pub(super) struct Indexer {
    path: PathBuf,
    reader: reader::Reader,
    key: (u32, Vec<u8>),
    connection: Option<Connection>,
    /// Everything up to here is covered.
    covered: u64,
    failing: bool,
}

impl Indexer {
    /// The one of the journal that `reader` reads, whose first key hides its words.
    pub(super) fn of(directory: &Path, reader: reader::Reader) -> Self {
        let path = directory.join(NAME);
        let key = reader.word_keys().into_iter().next().unwrap_or_default();
        Self { path, reader, key, connection: None, covered: 0, failing: false }
    }

    /// Adds at most so many blocks of what is durable, `end` being the last durable position.
    pub(super) fn advance(&mut self, end: Position, blocks: usize) {
        for _ in 0..blocks {
            match self.add(end) {
                Ok(true) => self.failing = false,
                Ok(false) => return,
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        let path = self.path.display();
                        tracing::warn!(%path, error, "the index of events cannot be written; looking for events takes longer");
                    }
                    self.connection = None;
                    return;
                }
            }
        }
    }

    /// Adds the next block; false where there is not enough for one yet.
    fn add(&mut self, end: Position) -> Result<bool, String> {
        self.open().map_err(|error| error.to_string())?;
        if end.get() < self.covered + BLOCK as u64 {
            return Ok(false);
        }
        let block = self.block(self.covered, u64::MAX)?;
        if block.last > end.get() || (block.events < BLOCK && !block.more) {
            return Ok(false);
        }
        self.write(&block).map_err(|error| error.to_string())?;
        self.covered = block.last;
        Ok(true)
    }

    /// What the index is to know of the events after `after`, up to `last`.
    fn block(&self, after: u64, last: u64) -> Result<Made, String> {
        let (mut words, mut earliest, mut latest, mut events) = (Words::default(), i64::MAX, i64::MIN, 0);
        let filter = Filter::default();
        let looked = self.reader.look(
            Position(after),
            BLOCK,
            &filter,
            &mut self.reader.finder(&filter),
            words::COLUMNS,
            &mut |at, row| {
                if at <= last {
                    words.of(row, self.reader.keys())?;
                    let received = row.get(2)?;
                    (earliest, latest) = (earliest.min(received), latest.max(received));
                    events += 1;
                }
                Ok(at < last)
            },
        );
        let Looked { scanned, more } = looked.map_err(|error| error.to_string())?;
        Ok(Made { after, last: scanned.get().min(last), earliest, latest, words, events, more })
    }

    fn write(&self, block: &Made) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let (last, after) = (reader::stored(block.last), reader::stored(block.after));
        let (number, key) = &self.key;
        let set = block.words.set(key);
        let transaction = connection.unchecked_transaction()?;
        let row = [last, after, block.earliest, block.latest];
        transaction.execute("INSERT OR REPLACE INTO blocks VALUES (?1, ?2, ?3, ?4)", row)?;
        transaction.execute("INSERT OR REPLACE INTO words VALUES (?1, ?2, ?3)", params![last, number, set])?;
        transaction.commit()
    }

    /// Makes the blocks anew, up to `end`, that seem to hold what `filter` wants: it was taken out of the events.
    pub(super) fn make_anew(&mut self, filter: &Filter, end: Position) {
        if let Err(error) = self.try_make_anew(filter, end) {
            tracing::debug!(error, "the index may still know a word of an event that was erased; it is made anew");
            self.connection = None;
            let _ = files::remove_database(&self.path);
        }
    }

    fn try_make_anew(&mut self, filter: &Filter, end: Position) -> Result<(), String> {
        self.open().map_err(|error| error.to_string())?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut finder = Finder::of(directory, filter, &self.reader.word_keys());
        let mut part = finder.next(0);
        while part.after < end.get().min(self.covered) {
            let covers = "SELECT after, last FROM blocks WHERE last > ?1 ORDER BY last LIMIT 1";
            let Some(connection) = &self.connection else { return Ok(()) };
            let block =
                connection.query_row(covers, [reader::stored(part.after)], |row| Ok((row.get(0)?, row.get(1)?)));
            let Some((after, last)) = block.optional().map_err(|error| error.to_string())? else { return Ok(()) };
            let (after, last) = (reader::position(after).get(), reader::position(last).get());
            let block = self.block(after, last)?;
            self.write(&Made { last, ..block }).map_err(|error| error.to_string())?;
            part = finder.next(last);
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        super::stretch::fold(connection).map(drop).map_err(|error| error.to_string())
    }

    /// Takes out what is about events before `first`.
    pub(super) fn forget_before(&mut self, first: u64) {
        let Some(connection) = &self.connection else { return };
        let first = reader::stored(first);
        let forgotten = connection.execute("DELETE FROM words WHERE last < ?1", [first]);
        let forgotten = forgotten.and_then(|_| connection.execute("DELETE FROM blocks WHERE last < ?1", [first]));
        if let Err(error) = forgotten {
            tracing::debug!(%error, "the index still tells of deleted events");
        }
    }

    fn open(&mut self) -> rusqlite::Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        let opened = open(&self.path).or_else(|error| {
            if !schema::is_damage(&error) {
                return Err(error);
            }
            tracing::warn!(path = %self.path.display(), "the index of events is damaged; it is made anew");
            let _ = files::remove_database(&self.path);
            open(&self.path)
        });
        let connection = opened?;
        let last = connection.query_row("SELECT max(last) FROM blocks", [], |row| row.get::<_, Option<i64>>(0))?;
        self.covered = last.map_or(0, |last| reader::position(last).get());
        self.connection = Some(connection);
        Ok(())
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let _ = files::make_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(reader::BUSY)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // What a crash takes away of it is made anew. What is erased from it must not be left in it.
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON")?;
    INDEX.migrate(&mut connection).map_err(|_| damage())?;
    Ok(connection)
}

fn damage() -> rusqlite::Error {
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    rusqlite::Error::SqliteFailure(corrupt, None)
}

/// A part of the journal in which something wanted may be: after the one position, up to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub after: u64,
    pub last: u64,
}

/// Where in the journal to look for what a filter wants.
#[derive(Debug)]
pub(super) struct Finder {
    /// Where the index is; nowhere for a filter that it cannot help.
    path: Option<PathBuf>,
    connection: Option<Connection>,
    since: i64,
    until: i64,
    /// By the key that words may be hidden with.
    needed: Vec<(u32, Vec<Vec<Hash>>)>,
}

struct Block {
    last: u64,
    after: u64,
    earliest: i64,
    latest: i64,
}

impl Finder {
    /// For `filter`, in the journal in `directory` whose words are hidden with one of `keys`.
    pub(super) fn of(directory: &Path, filter: &Filter, keys: &[(u32, Vec<u8>)]) -> Self {
        let needed = keys.iter().map(|(number, key)| (*number, words::needed(filter, key)));
        let needed: Vec<_> = needed.filter(|(_, needed)| !needed.is_empty()).collect();
        let since = filter.since.map_or(i64::MIN, Timestamp::as_microsecond);
        let until = filter.until.map_or(i64::MAX, Timestamp::as_microsecond);
        let is_of_use = !needed.is_empty() || filter.since.is_some() || filter.until.is_some();
        let path = is_of_use.then(|| directory.join(NAME));
        Self { path, connection: None, since, until, needed }.looked_for_again()
    }

    /// The same, with the index where there was none before.
    pub(super) fn looked_for_again(mut self) -> Self {
        if let (None, Some(path)) = (&self.connection, &self.path)
            && path.exists()
        {
            self.connection = open_to_read(path);
        }
        self
    }

    /// The first part behind `after` that is worth looking through.
    pub(super) fn next(&mut self, after: u64) -> Part {
        self.forward(after).unwrap_or_else(|error| self.give_up(&error, Part { after, last: u64::MAX }))
    }

    /// The last part before `before` that is worth looking through.
    pub(super) fn previous(&mut self, before: u64) -> Part {
        let all = Part { after: 0, last: before.saturating_sub(1) };
        self.backward(before).unwrap_or_else(|error| self.give_up(&error, all))
    }

    fn give_up(&mut self, error: &rusqlite::Error, all: Part) -> Part {
        tracing::debug!(%error, "the index of events is not used");
        self.connection = None;
        all
    }

    fn forward(&self, mut after: u64) -> rusqlite::Result<Part> {
        let Some(connection) = &self.connection else { return Ok(Part { after, last: u64::MAX }) };
        let sql = "SELECT last, after, earliest, latest FROM blocks WHERE last > ?1 ORDER BY last";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([reader::stored(after)])?;
        while let Some(row) = rows.next()? {
            let block = read(row)?;
            if block.after > after {
                return Ok(Part { after, last: block.after });
            }
            if self.may_hold(connection, &block)? {
                return Ok(Part { after, last: block.last });
            }
            after = block.last;
        }
        Ok(Part { after, last: u64::MAX })
    }

    fn backward(&self, before: u64) -> rusqlite::Result<Part> {
        let mut last = before.saturating_sub(1);
        let Some(connection) = &self.connection else { return Ok(Part { after: 0, last }) };
        let around = "SELECT last, after, earliest, latest FROM blocks WHERE last >= ?1 ORDER BY last LIMIT 1";
        let around = connection.prepare_cached(around)?.query_row([reader::stored(last)], read).optional()?;
        if let Some(block) = around.filter(|block| block.after < last) {
            if self.may_hold(connection, &block)? {
                return Ok(Part { after: block.after, last });
            }
            last = block.after;
        }
        let sql = "SELECT last, after, earliest, latest FROM blocks WHERE last <= ?1 ORDER BY last DESC";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([reader::stored(last)])?;
        while let Some(row) = rows.next()? {
            let block = read(row)?;
            if block.last < last {
                return Ok(Part { after: block.last, last });
            }
            if self.may_hold(connection, &block)? {
                return Ok(Part { after: block.after, last });
            }
            last = block.after;
        }
        Ok(Part { after: 0, last })
    }

    fn may_hold(&self, connection: &Connection, block: &Block) -> rusqlite::Result<bool> {
        if block.latest < self.since || block.earliest >= self.until {
            return Ok(false);
        }
        if self.needed.is_empty() {
            return Ok(true);
        }
        let mut words = connection.prepare_cached("SELECT words, key FROM words WHERE last = ?1")?;
        let holds = words.query_row([reader::stored(block.last)], |row| {
            let set = row.get_ref(0)?.as_blob()?;
            let key: u32 = row.get(1)?;
            // Words hidden with a key that is not known here tell nothing.
            let needed = self.needed.iter().find(|(number, _)| *number == key);
            Ok(needed.is_none_or(|(_, all)| all.iter().all(|any| any.iter().any(|word| word.may_be_in(set)))))
        });
        Ok(holds.optional()?.unwrap_or(true))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Block> {
    let position = |at: usize| row.get(at).map(|stored| reader::position(stored).get());
    Ok(Block { last: position(0)?, after: position(1)?, earliest: row.get(2)?, latest: row.get(3)? })
}

/// Nothing where it cannot be read, or is being made.
fn open_to_read(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    connection.busy_timeout(reader::BUSY).ok()?;
    (INDEX.check(&connection).ok()? == INDEX.newest()).then_some(connection)
}
