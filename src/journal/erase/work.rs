//! Carries erasures out, file by file, a moment at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Row, params};

use super::Erasure;
use crate::clock::Clock;
use crate::event::{Event, EventId};
use crate::journal::files::{self, EventsFile};
use crate::journal::forwards::{CHUNK_ROWS, wanted};
use crate::journal::index::Indexer;
use crate::journal::lanes::{Lanes, stored};
use crate::journal::reader::Reader;
use crate::journal::record::COLUMNS;
use crate::journal::walk::{Rows, Way, walk};
use crate::journal::{Filter, LaneError, OpenError, Position, ReadError, Shadows, outbox, schema, stretch};

/// Carries erasures out; lives in the keeper.
#[derive(Debug)]
pub(in crate::journal) struct Eraser {
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
    /// It was begun before, and whatever was under way then may have been cut short.
    is_resumed: bool,
    /// The first positions of the files that are done.
    done: Vec<u64>,
    /// Those of which not everything could be read.
    damaged: Vec<u64>,
}

/// What is to be done for an erasure by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Wants {
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
    Open(#[from] OpenError),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("cannot write outbox.db: {0}")]
    Outbox(#[source] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Broken {
    /// Whether trying again cannot help, since an events file itself is damaged.
    fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) | Self::Open(OpenError::Database { error, .. }) => schema::is_damage(error),
            _ => false,
        }
    }
}

impl Eraser {
    pub(in crate::journal) fn new(
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
    pub(in crate::journal) fn step(&mut self, in_use: &[PathBuf], indexer: &mut Indexer) -> Wants {
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
            let is_done = match self.erase(file, next.first.saturating_sub(1), &mut work) {
                Err(error) if error.is_damage() => {
                    tracing::error!(
                        path = %file.path.display(), %error, erasure.id = work.erasure.id,
                        "an events file is damaged: what can be read of it is erased, and the erasure is over when \
                         the file is gone: it goes with its time, or move it away"
                    );
                    work.damaged.push(file.first);
                    true
                }
                other => other?,
            };
            if is_done {
                work.done.push(file.first);
            }
            if !is_done || begun.elapsed() > AT_ONCE {
                self.work = Some(work);
                return Ok(if is_done { Wants::Again } else { Wants::Nothing });
            }
        }
        if files.iter().any(|file| work.damaged.contains(&file.first)) {
            self.work = Some(work);
            return Ok(Wants::Nothing);
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
        let is_resumed = erasure.last > Position::default();
        if !is_resumed {
            // Read after the order was found: what was kept before it was asked for is meant.
            erasure.last = self.lanes.end();
            self.lanes.note_erasure(&erasure)?;
        }
        let filter = Filter { account: Some(account), app: erasure.app.clone(), ..Filter::default() };
        Ok(Some(Work { erasure, filter, is_resumed, done: Vec::new(), damaged: Vec::new() }))
    }

    /// Erases what is meant in a file whose last position is `end`; false where somebody reads it just now, and what was
    /// there may still be in its log.
    fn erase(&self, file: &EventsFile, end: u64, work: &mut Work) -> Result<bool, Broken> {
        let mut after = Position(file.first).before();
        let (mut has_changed, mut damage) = (false, None);
        let last = work.erasure.last.get().min(end);
        let mut connection = open(&file.path)?;
        // Every row is looked at: the index must not hide one.
        while after.get() < last {
            let mut events = Vec::new();
            let rows = Rows { first: after.get() + 1, last, way: Way::Forwards, most: CHUNK_ROWS };
            let walked = walk(&connection, COLUMNS, rows, &mut |at, row| {
                after = Position(at);
                has_changed |= work.is_resumed && was_erased(row)?;
                let meant = wanted(at, row, &work.filter, self.reader.keys())?;
                events.extend(meant.filter(|(_, event)| !event.is_erased()));
                Ok(events.len() < TOGETHER)
            })?;
            damage = damage.or(walked.damage);
            if !events.is_empty() {
                // First what tells of them: a restart in between finds the events again, and then that it is gone.
                self.lanes.erase_notes(&events, self.clock.now())?;
                self.shadows.forget(events.iter().map(|(_, event)| event.id()));
                erase_outbox(&self.directory, events.iter().map(|(_, event)| event.id())).map_err(Broken::Outbox)?;
                self.empty(&mut connection, &events)?;
                has_changed = true;
                work.erasure.events += events.len() as u64;
                self.lanes.note_erasure(&work.erasure)?;
            }
            if !walked.more {
                break;
            }
        }
        if let Some(damage) = damage {
            return Err(damage.into());
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

/// Whether the event in a row of [`COLUMNS`] was erased.
fn was_erased(row: &Row<'_>) -> rusqlite::Result<bool> {
    Ok(row.get_ref(17)?.as_str_or_null()?.is_some_and(|marks| marks.contains("\"erased\"")))
}

/// A connection that changes a finished file, and leaves nothing of what was there.
fn open(path: &Path) -> Result<Connection, Broken> {
    let connection = stretch::connect(path)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Whether events are in the spill file, or on their way back from there.
pub(in crate::journal) fn is_spilled(spill: &Path) -> bool {
    let holds = |path: &Path| fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() > 0);
    holds(spill) || holds(&files::beside(spill, ".importing"))
}

/// What was learnt outside about `events`; that something was done stays, so that it is not done twice.
fn erase_outbox(directory: &Path, events: impl Iterator<Item = EventId>) -> rusqlite::Result<()> {
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
    stretch::fold(&connection).map(drop)
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
