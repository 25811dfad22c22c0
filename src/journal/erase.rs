//! Erasing a person: what names an account goes out of the files for good, and a trace says that it did.
//!
//! An erasure is an order in `lanes.db`, carried out by the keeper, file by file; a restart goes on with it. A record keeps
//! its position, id, time, kind and verdict, so that nothing else moves. The account itself is forgotten at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::files::{self, EventsFile};
use super::index::Indexer;
use super::lanes::{stored, unsigned};
use super::{Filter, LaneError, Lanes, Page, Position, ReadError, Reader, Shadows, outbox, reader, stretch};
use crate::clock::Clock;
use crate::event::{Event, EventId};

/// An order to erase a person.
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
    pub fn ask_erasure(&self, account: &str, app: Option<&str>, now: Timestamp) -> Result<i64, LaneError> {
        let sql = "INSERT INTO erasures (account, app, asked_at, last) VALUES (?1, ?2, ?3, 0)";
        self.synced(|connection| {
            connection.execute(sql, params![account, app, now.as_microsecond()])?;
            Ok(connection.last_insert_rowid())
        })
    }

    fn next_erasure(&self) -> Result<Option<Erasure>, LaneError> {
        let sql = format!("{ERASURES} WHERE ended_at IS NULL ORDER BY id LIMIT 1");
        self.with(|connection| connection.prepare_cached(&sql)?.query_row([], read).optional())
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
            for (id, filter) in replays {
                let filter: Filter = serde_json::from_str(&filter).unwrap_or_default();
                if filter.account == erasure.account {
                    transaction.execute("UPDATE replays SET filter = '{}', ended = 1 WHERE id = ?1", [id])?;
                }
            }
            transaction.commit()?;
            stretch::fold(connection).map(drop)
        })
    }
}

/// The erasure of this number.
pub(super) fn erasure(connection: &Connection, id: i64) -> rusqlite::Result<Option<Erasure>> {
    connection.query_row(&format!("{ERASURES} WHERE id = ?1"), [id], read).optional()
}

const ERASURES: &str = "SELECT id, account, app, asked_at, last, events, ended_at FROM erasures";

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

/// Carries erasures out; lives in the keeper.
#[derive(Debug)]
pub(super) struct Eraser {
    pub directory: PathBuf,
    pub spill: PathBuf,
    pub reader: Reader,
    pub lanes: Lanes,
    pub shadows: Shadows,
    pub clock: Clock,
    work: Option<Work>,
    failing: bool,
}

#[derive(Debug)]
struct Work {
    erasure: Erasure,
    filter: Filter,
    /// The first positions of the files that are done.
    done: Vec<u64>,
}

/// What is to be done for an erasure by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    Nothing,
    /// A new file is to be begun, so that what was written may be changed.
    NewFile,
    /// There is more to do at once.
    Again,
}

/// Why it stopped; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Lane(#[from] LaneError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Open(#[from] super::OpenError),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Eraser {
    pub(super) fn new(
        directory: &Path,
        spill: &Path,
        reader: Reader,
        lanes: &Lanes,
        shadows: &Shadows,
        clock: &Clock,
    ) -> Self {
        Self {
            directory: directory.to_owned(),
            spill: spill.to_owned(),
            reader,
            lanes: lanes.clone(),
            shadows: shadows.clone(),
            clock: clock.clone(),
            work: None,
            failing: false,
        }
    }

    /// Goes on for a moment; `end` is the last durable position, and files `in_use` must not be changed.
    pub(super) fn step(&mut self, in_use: &[PathBuf], indexer: &mut Indexer) -> Wants {
        match self.try_step(in_use, indexer) {
            Ok(wants) => {
                self.failing = false;
                wants
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "an erasure cannot go on; it is tried again");
                }
                self.work = None;
                Wants::Nothing
            }
        }
    }

    fn try_step(&mut self, in_use: &[PathBuf], indexer: &mut Indexer) -> Result<Wants, Broken> {
        if self.work.is_none() {
            self.work = self.next()?;
        }
        let Some(mut work) = self.work.take() else { return Ok(Wants::Nothing) };
        let (begun, files) = (Instant::now(), files::events_files(&self.directory)?);
        for (index, file) in files.iter().enumerate() {
            if file.first > work.erasure.last.get() || work.done.contains(&file.first) {
                continue;
            }
            let Some(next) = files.get(index + 1).filter(|_| !in_use.contains(&file.path)) else {
                // Written still, or its log is not folded yet.
                let wants = if index + 1 == files.len() { Wants::NewFile } else { Wants::Nothing };
                self.work = Some(work);
                return Ok(wants);
            };
            let is_done = self.erase(file, next.first.saturating_sub(1), &mut work)?;
            if is_done {
                work.done.push(file.first);
            }
            if !is_done || begun.elapsed() > AT_ONCE {
                self.work = Some(work);
                return Ok(if is_done { Wants::Again } else { Wants::Nothing });
            }
        }
        self.end(&work, indexer)?;
        Ok(Wants::Again)
    }

    /// The next order, with all that is spilled back in the journal.
    fn next(&self) -> Result<Option<Work>, Broken> {
        let Some(mut erasure) = self.lanes.next_erasure()? else { return Ok(None) };
        let Some(account) = erasure.account.clone() else {
            self.lanes.end_erasure(&erasure, self.clock.now())?;
            return Ok(None);
        };
        if is_spilled(&self.spill) {
            return Ok(None);
        }
        if erasure.last == Position::default() {
            // Read after the order was found: what was kept before it was asked for is meant.
            erasure.last = self.lanes.end();
            self.lanes.note_erasure(&erasure)?;
        }
        let filter = Filter { account: Some(account), app: erasure.app.clone(), ..Filter::default() };
        Ok(Some(Work { erasure, filter, done: Vec::new() }))
    }

    /// Erases what is meant in a file whose last position is `end`; false where somebody reads it just now, and what was
    /// there may still be in its log.
    fn erase(&self, file: &EventsFile, end: u64, work: &mut Work) -> Result<bool, Broken> {
        let mut after = Position(file.first).before();
        let mut has_changed = false;
        let last = work.erasure.last.get().min(end);
        let mut connection = open(&file.path)?;
        // Every row is looked at: neither the index nor a file that a reader would pass over may hide one.
        while after.get() < last {
            let mut page = Page { events: Vec::new(), scanned: after, more: false };
            let (filter, keys) = (&work.filter, self.reader.keys());
            let seen = reader::scan(&connection, &mut page, last, reader::CHUNK_ROWS, TOGETHER, filter, keys)?;
            let is_meant = |(position, event): &(Position, Event)| position.get() <= last && !event.is_erased();
            let events: Vec<_> = page.events.into_iter().filter(is_meant).collect();
            if !events.is_empty() {
                // First what tells of them: a restart in between finds the events again, and then that it is gone.
                self.lanes.erase_notes(&events, self.clock.now())?;
                self.shadows.forget(events.iter().map(|(_, event)| event.id()));
                erase_outbox(&self.directory, events.iter().map(|(_, event)| event.id()))?;
                self.empty(&mut connection, &events)?;
                has_changed = true;
                work.erasure.events += events.len() as u64;
                self.lanes.note_erasure(&work.erasure)?;
            }
            after = page.scanned;
            if seen < reader::CHUNK_ROWS {
                break;
            }
        }
        if !has_changed && files::size(&files::beside(&file.path, "-wal")) == 0 {
            return Ok(true);
        }
        // What was moved from page to page while rows shrank may have left copies behind: the file is written anew.
        connection.execute_batch("VACUUM")?;
        Ok(stretch::fold(&connection)?)
    }

    /// Takes out of the rows what they were about.
    fn empty(&self, connection: &mut Connection, events: &[(Position, Event)]) -> Result<(), Broken> {
        let sql = "UPDATE events SET subject = NULL, sent_at = NULL, headers = '', body = '{}', ext = NULL, \
                   modify = NULL, sealed = NULL, marks = ?2 WHERE position = ?1";
        let transaction = connection.transaction()?;
        {
            let mut update = transaction.prepare(sql)?;
            for (position, event) in events {
                let mut marks = event.marks().cloned().unwrap_or_default();
                marks.erased = Some(self.clock.now());
                marks.left_out.clear();
                let marks = serde_json::to_string(&marks).unwrap_or_default();
                update.execute(params![stored(*position), marks])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn end(&self, work: &Work, indexer: &mut Indexer) -> Result<(), Broken> {
        indexer.make_anew(&work.filter, work.erasure.last);
        clean(&files::beside(&self.spill, ".bad"), work.filter.account.as_deref().unwrap_or_default())?;
        self.lanes.end_erasure(&work.erasure, self.clock.now())?;
        let (number, events) = (work.erasure.id, work.erasure.events);
        tracing::warn!(erasure.id = number, events, "a person was erased from the journal, as was asked for");
        Ok(())
    }
}

/// A connection that changes a finished file, and leaves nothing of what was there.
fn open(path: &Path) -> Result<Connection, Broken> {
    let connection = stretch::connect(path)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Whether events are in the spill file, or on their way back from there.
fn is_spilled(spill: &Path) -> bool {
    let holds = |path: &Path| fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() > 0);
    holds(spill) || holds(&files::beside(spill, ".importing"))
}

/// What was learnt outside about `events`; that something was done stays, so that it is not done twice.
fn erase_outbox(directory: &Path, events: impl Iterator<Item = EventId>) -> Result<(), Broken> {
    let path = directory.join(outbox::FILE);
    if !path.exists() {
        return Ok(());
    }
    let connection = Connection::open(&path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    for id in events {
        connection.execute("UPDATE outbox SET note = '' WHERE id = ?1", [id.as_bytes()])?;
    }
    Ok(stretch::fold(&connection).map(drop)?)
}

/// Takes the lines out of a file that name `account`.
fn clean(path: &Path, account: &str) -> std::io::Result<()> {
    let Ok(text) = fs::read(path) else { return Ok(()) };
    let names = |line: &[u8]| line.windows(account.len().max(1)).any(|part| part == account.as_bytes());
    let kept: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').filter(|line| !names(line)).collect();
    let kept = kept.concat();
    if kept.len() == text.len() {
        return Ok(());
    }
    let whole = files::beside(path, ".new");
    drop(files::make_private(&whole)?);
    fs::write(&whole, kept)?;
    fs::rename(&whole, path)?;
    files::sync_parent(path)
}

/// Events emptied in one transaction.
const TOGETHER: usize = 256;
/// The keeper has more to do than this.
const AT_ONCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(5);
