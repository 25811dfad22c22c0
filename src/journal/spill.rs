//! The spill file: where events go, one JSON line each, while the journal cannot keep them, and how they come back.
//!
//! Coming back is exactly once: a line tells which position was the last when it was written, so only what stands
//! after that can be the same event, left by a failed commit or by an import that a crash cut short.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files;
use super::record::Record;
use crate::event::EventId;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    /// The last durable position when it was written: the event stands nowhere up to here.
    after: u64,
    event: Record<'a>,
}

/// Writes the spill file.
#[derive(Debug)]
pub(super) struct Spill {
    path: PathBuf,
    open: Option<File>,
    /// The file may end in the middle of a line.
    torn: bool,
}

/// Reads a spill file back in, bit by bit. It was moved to `<spill>.importing` first, so that new lines never mix with it.
#[derive(Debug)]
pub(super) struct Import {
    path: PathBuf,
    spill: PathBuf,
    lines: BufReader<File>,
    /// Where the next line begins.
    at: u64,
    /// The last durable position when all this began.
    begun: u64,
    /// How far it was noted to have come.
    noted: u64,
    bad: Vec<u8>,
    /// Kept already by a commit that was taken for a failed one, or before a crash.
    kept: HashSet<EventId>,
    /// Read since the last note.
    lately: HashSet<EventId>,
}

/// How far an import had come: everything before `at` is durable, at positions after `begun` and not after `until`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Note {
    at: u64,
    begun: u64,
    until: u64,
}

impl Spill {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None, torn: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the records and syncs once. On an error some or none of them may be in the file.
    pub(super) fn append<'a>(&mut self, after: u64, records: impl Iterator<Item = Record<'a>>) -> io::Result<()> {
        let mut text = Vec::with_capacity(4096);
        for event in records {
            serde_json::to_writer(&mut text, &Line { after, event })?;
            text.push(b'\n');
        }
        let written = self.write(&text);
        if written.is_err() {
            self.torn = true;
            self.open = None;
        }
        written
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let file = match &mut self.open {
            Some(file) => file,
            none => {
                let file = files::make_private(&self.path)?;
                if file.metadata()?.is_file() {
                    self.torn |= ends_torn(&file)?;
                    files::sync_parent(&self.path)?;
                }
                none.insert(file)
            }
        };
        if self.torn {
            file.write_all(b"\n")?;
        }
        file.write_all(text)?;
        file.sync_data()?;
        self.torn = false;
        Ok(())
    }

    /// Moves what was spilled out of the way and begins to read it back, or goes on with it; `None` when there is nothing.
    /// The rest is as of [`Import::begin`].
    pub(super) fn import(
        &mut self,
        durable: u64,
        ids: impl Fn(u64, u64) -> io::Result<HashSet<EventId>>,
    ) -> io::Result<Option<Import>> {
        if self.move_away()? { Import::begin(&self.path, durable, ids).map(Some) } else { Ok(None) }
    }

    /// Moves what was spilled out of the way, where nothing stands there already; false when there is nothing to read back.
    pub(super) fn move_away(&mut self) -> io::Result<bool> {
        self.open = None;
        let path = files::beside(&self.path, IMPORTING);
        if path.exists() {
            return Ok(true);
        }
        let is_there = fs::metadata(&self.path).is_ok_and(|about| about.is_file() && about.len() > 0);
        if is_there {
            // One of an earlier import would say of this one that it has come further than it has.
            remove_note(&self.path)?;
            fs::rename(&self.path, &path)?;
            self.torn = false;
        }
        Ok(is_there)
    }

    /// Tells what is spilled now, the newest first by blocks, until a whole block was of no use to `tell` or a lot was
    /// read. False in the latter case: older ones were left out.
    pub(super) fn newest(&self, mut tell: impl FnMut(Record<'static>) -> bool) -> io::Result<bool> {
        let mut left = NEWEST_MOST;
        for path in [self.path.clone(), files::beside(&self.path, IMPORTING)] {
            let length = fs::metadata(&path).map_or(0, |about| if about.is_file() { about.len() } else { 0 });
            let mut end = length;
            while end > 0 {
                if left == 0 {
                    return Ok(false);
                }
                left -= 1;
                let begin = end.saturating_sub(BLOCK);
                if !block(&path, begin, end, &mut tell)? {
                    return Ok(true);
                }
                end = begin;
            }
        }
        Ok(true)
    }
}

/// How many bytes are moved away from the spill file `spill`, to be read back in.
pub(super) fn moved_away(spill: &Path) -> u64 {
    files::size(&files::beside(spill, IMPORTING))
}

impl Import {
    /// Begins to read back what was moved away from the spill file `spill`, or goes on with it. `durable` is the last durable
    /// position, and `ids` tells which events stand after one position and up to another.
    pub(super) fn begin(
        spill: &Path,
        durable: u64,
        ids: impl Fn(u64, u64) -> io::Result<HashSet<EventId>>,
    ) -> io::Result<Self> {
        let path = files::beside(spill, IMPORTING);
        let note = fs::read(files::beside(spill, NOTE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let note: Option<Note> = note.filter(|note: &Note| note.at <= files::size(&path));
        let at = note.map_or(0, |note| note.at);
        let kept = match (first_line(&path, at)?, note) {
            (None, _) => HashSet::new(),
            (Some(line), None) => ids(line.after, u64::MAX)?,
            (Some(line), Some(note)) => {
                let mut kept = ids(line.after, note.begun)?;
                kept.extend(ids(note.until, u64::MAX)?);
                kept
            }
        };
        Ok(Self {
            lines: lines_from(&path, at)?,
            path,
            spill: spill.to_owned(),
            at,
            begun: note.map_or(durable, |note| note.begun),
            noted: at,
            bad: Vec::new(),
            kept,
            lately: HashSet::new(),
        })
    }

    /// The next records that are not kept yet; empty at the end.
    pub(super) fn next_records(&mut self) -> io::Result<Vec<Record<'static>>> {
        let (mut records, mut bytes, mut line) = (Vec::new(), 0, Vec::new());
        // Not empty before the end, however many lines are known already: an empty chunk ends the import.
        while records.is_empty() || (records.len() < CHUNK_LINES && bytes < CHUNK_BYTES) {
            let read = next_line(&mut self.lines, &mut line)?;
            if read == 0 {
                break;
            }
            bytes += read;
            self.at += read as u64;
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line<'static>>(&line) {
                Ok(Line { event, .. }) => {
                    if !self.kept.contains(&event.id) && self.lately.insert(event.id) {
                        records.push(event);
                    }
                }
                Err(_) => {
                    self.bad.extend_from_slice(line.trim_ascii());
                    self.bad.push(b'\n');
                    if self.bad.len() > CHUNK_BYTES {
                        self.set_aside()?;
                    }
                }
            }
        }
        Ok(records)
    }

    /// `record` can never be kept there: it goes where the lines go that are none.
    pub(super) fn reject(&mut self, record: &Record<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.bad, &Line { after: 0, event: record.clone() })?;
        self.bad.push(b'\n');
        Ok(())
    }

    /// Everything that was read is durable, at positions up to `until`. Noted now and then: then a crash, or another
    /// failure, costs neither the time nor the memory for all of it once more.
    pub(super) fn kept_up_to(&mut self, until: u64) {
        if self.at - self.noted < NOTE_EVERY {
            return;
        }
        let note = Note { at: self.at, begun: self.begun, until };
        if let Err(error) = self.set_aside().and_then(|()| write_note(&self.spill, note)) {
            tracing::debug!(%error, "how far the spill file was read back in is not noted");
        }
        self.noted = self.at;
        self.lately.clear();
    }

    /// Everything is durable elsewhere: empties the spill, after setting aside the lines that are none.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.set_aside()?;
        // Its note goes first: it would be taken for one of the next import.
        remove_note(&self.spill)?;
        fs::remove_file(&self.path)?;
        files::sync_parent(&self.path)
    }

    fn set_aside(&mut self) -> io::Result<()> {
        if self.bad.is_empty() {
            return Ok(());
        }
        let path = files::beside(&self.spill, BAD);
        let mut file = files::make_private(&path)?;
        file.write_all(&self.bad)?;
        file.sync_data()?;
        self.bad.clear();
        tracing::warn!(
            path = %path.display(),
            "the spill file held lines that are not whole, as a crash leaves them, or events that cannot be kept; they are set aside"
        );
        Ok(())
    }
}

/// A note that is not whole, or older than the last one, only costs time: it needs no sync.
fn write_note(spill: &Path, note: Note) -> io::Result<()> {
    let (fresh, path) = (files::beside(spill, NOTE_FRESH), files::beside(spill, NOTE));
    fs::write(&fresh, serde_json::to_vec(&note)?)?;
    fs::rename(&fresh, &path)
}

fn remove_note(spill: &Path) -> io::Result<()> {
    match fs::remove_file(files::beside(spill, NOTE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => files::sync_parent(spill),
    }
}

/// Whether a file's last byte is not the end of a line.
fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [0];
    Ok(length > 0 && file.read_at(&mut last, length - 1)? == 1 && last != *b"\n")
}

/// The first whole line at or after `at`, where a line begins.
fn first_line(path: &Path, at: u64) -> io::Result<Option<Line<'static>>> {
    let (mut lines, mut line) = (lines_from(path, at)?, Vec::new());
    while next_line(&mut lines, &mut line)? > 0 {
        if let Ok(read) = serde_json::from_slice(&line) {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

/// Tells the lines that begin at `begin` or after it and before `end`; whether one of them was of use.
fn block(path: &Path, begin: u64, end: u64, tell: &mut impl FnMut(Record<'static>) -> bool) -> io::Result<bool> {
    let mut line = Vec::new();
    // A line that begins exactly there is the first after the end of the one before.
    let mut at = begin.saturating_sub(1);
    let mut lines = lines_from(path, at)?;
    if begin > 0 {
        at += next_line(&mut lines, &mut line)? as u64;
    }
    let mut useful = false;
    while at < end {
        let read = next_line(&mut lines, &mut line)?;
        if read == 0 {
            break;
        }
        at += read as u64;
        if let Ok(Line { event, .. }) = serde_json::from_slice::<Line<'static>>(&line) {
            useful |= tell(event);
        }
    }
    Ok(useful)
}

fn lines_from(path: &Path, at: u64) -> io::Result<BufReader<File>> {
    let mut file = File::open(path)?;
    file.seek(io::SeekFrom::Start(at))?;
    Ok(BufReader::with_capacity(64 << 10, file))
}

/// Reads one line, or as much of it as a line may have; how many bytes that were, 0 at the end.
fn next_line(lines: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    lines.by_ref().take(LINE_MOST).read_until(b'\n', line)
}

const IMPORTING: &str = ".importing";
const BAD: &str = ".bad";
/// How far an import has come.
const NOTE: &str = ".imported";
const NOTE_FRESH: &str = ".imported-";
/// After so many bytes that is noted.
const NOTE_EVERY: u64 = 16 << 20;
/// Lines that one transaction takes over.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;
/// The longest line that is read whole.
const LINE_MOST: u64 = 256 << 20;
/// How much is read at once from the end,
const BLOCK: u64 = 4 << 20;
/// and how many times at most.
const NEWEST_MOST: u32 = 16;
