//! The spill file: where events go, one JSON line each, while the journal cannot keep them, and how they come back.
//!
//! Coming back is exactly once: a line tells which position was the last when it was written, so only what stands
//! after that can be the same event, left by a failed commit or by an import that a crash cut short.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
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

/// Reads a spill file back in. It was moved to `<spill>.importing` first, so that new lines never mix with it.
#[derive(Debug)]
pub(super) struct Import {
    path: PathBuf,
    bad_path: PathBuf,
    lines: BufReader<File>,
    bad: Vec<u8>,
    known: HashSet<EventId>,
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

    /// Moves what was spilled out of the way and begins to read it back; `None` when there is nothing.
    /// `ids_after` tells which events stand after a position.
    pub(super) fn import(
        &mut self,
        ids_after: impl FnOnce(u64) -> io::Result<HashSet<EventId>>,
    ) -> io::Result<Option<Import>> {
        self.open = None;
        let path = files::beside(&self.path, ".importing");
        if !path.exists() {
            let is_there = fs::metadata(&self.path).is_ok_and(|about| about.is_file() && about.len() > 0);
            if !is_there {
                return Ok(None);
            }
            fs::rename(&self.path, &path)?;
            self.torn = false;
        }
        let after = first_line(&path)?.map_or(u64::MAX, |line| line.after);
        let known = if after == u64::MAX { HashSet::new() } else { ids_after(after)? };
        let lines = BufReader::new(File::open(&path)?);
        let bad_path = files::beside(&self.path, ".bad");
        Ok(Some(Import { path, bad_path, lines, bad: Vec::new(), known }))
    }

    /// Everything that is spilled now, for the repeat index.
    pub(super) fn each(&self, mut tell: impl FnMut(Record<'static>)) -> io::Result<()> {
        for path in [files::beside(&self.path, ".importing"), self.path.clone()] {
            if fs::metadata(&path).is_ok_and(|about| about.is_file()) {
                for_each_line(&path, |line| {
                    tell(line.event);
                    true
                })?;
            }
        }
        Ok(())
    }
}

impl Import {
    /// The next records that are not kept yet; empty at the end.
    pub(super) fn next_records(&mut self) -> io::Result<Vec<Record<'static>>> {
        let (mut records, mut bytes, mut line) = (Vec::new(), 0, Vec::new());
        // Not empty before the end, however many lines are known already: an empty chunk ends the import.
        while records.is_empty() || (records.len() < CHUNK_LINES && bytes < CHUNK_BYTES) {
            line.clear();
            if self.lines.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            bytes += line.len();
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line<'static>>(&line) {
                Ok(Line { event, .. }) => {
                    if self.known.insert(event.id) {
                        records.push(event);
                    }
                }
                Err(_) => {
                    self.bad.extend_from_slice(line.trim_ascii());
                    self.bad.push(b'\n');
                }
            }
        }
        Ok(records)
    }

    /// Everything is durable elsewhere: empties the spill, after setting aside the lines that are none.
    pub(super) fn finish(self) -> io::Result<()> {
        if !self.bad.is_empty() {
            let mut file = files::make_private(&self.bad_path)?;
            file.write_all(&self.bad)?;
            file.sync_data()?;
            tracing::warn!(
                path = %self.bad_path.display(),
                "the spill file held lines that are not whole, as a crash leaves them; they are set aside"
            );
        }
        fs::remove_file(&self.path)?;
        files::sync_parent(&self.path)
    }
}

/// Whether a file's last byte is not the end of a line.
fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [0];
    Ok(length > 0 && file.read_at(&mut last, length - 1)? == 1 && last != *b"\n")
}

fn first_line(path: &Path) -> io::Result<Option<Line<'static>>> {
    let mut first = None;
    for_each_line(path, |line| {
        first = Some(line);
        false
    })?;
    Ok(first)
}

/// Tells every whole line until `tell` says that it has enough.
fn for_each_line(path: &Path, mut tell: impl FnMut(Line<'static>) -> bool) -> io::Result<()> {
    let (mut lines, mut line) = (BufReader::new(File::open(path)?), Vec::new());
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Ok(read) = serde_json::from_slice(&line)
            && !tell(read)
        {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// Lines that one transaction takes over.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 4 << 20;
