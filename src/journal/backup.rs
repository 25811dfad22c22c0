//! A whole copy of a journal, made while a server writes it, that can be opened like any other.
//!
//! What is copied first may lack what comes later, never the other way round: positions of handlers before the events they
//! are about, spilled events before the files they come back into, and last what must not be done twice.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::reader::{self, Reader};
use super::schema::{EVENTS, LANES, OUTBOX, Schema};
use super::{Options, Position, ReadError, files, shadows};

/// What was copied.
///
/// Example: [`backup`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// How many files.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// The last event in the copy.
    pub last: Position,
}

/// Why a copy could not be made. What was made of it is under the name with `.partial` at its end.
///
/// Example: [`backup`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something already.
    #[error("{} is there already: a backup needs a name of its own", path.display())]
    Exists {
        /// What was given.
        path: PathBuf,
    },
    /// It is not on this machine.
    #[error(
        "the journal is {place}, and copied there: `nats stream backup` for it and for the bucket beside it (`KV_<stream>-state`); `offhook events export` writes its events as JSON lines"
    )]
    InNats {
        /// Where it is.
        place: String,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system refused.
    #[error("cannot write {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

/// Copies the journal that `options` mean into the new directory `to`. Blocking; works while a server writes it, and
/// holds nobody up. The copy is synced, and gets its name when it is whole.
///
/// ```
/// use std::path::Path;
/// use offhook::journal::{Backup, BackupError, Options, backup};
///
/// /// Copies a journal while it is written to.
/// fn copy(options: &Options) -> Result<u64, BackupError> {
///     let Backup { files, bytes, last } = backup(options, Path::new("backup-2026-01-01"))?;
///     println!("{files} files, {bytes} bytes, up to position {last}");
///     Ok(bytes)
/// }
/// # let _ = copy;
/// ```
///
/// # Errors
/// [`BackupError`].
pub fn backup(options: &Options, to: &Path) -> Result<Backup, BackupError> {
    if options.nats.is_some() {
        return Err(BackupError::InNats { place: options.to_string() });
    }
    let reader = Reader::open(&options.path)?;
    if to.exists() {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    let partial = files::beside(to, ".partial");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::Io { path, error }
    };
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(&partial)(error)),
        _ => {}
    }
    files::make_directory(&partial).map_err(io(&partial))?;
    let from = &options.path;
    for suffix in [".importing", ""] {
        let (spilled, copy) = (files::beside(&options.spill, suffix), partial.join(format!("spill.jsonl{suffix}")));
        if fs::metadata(&spilled).is_ok_and(|about| about.is_file()) {
            // Where it came back into the journal in this moment, its events are copied with the others.
            copy_file(&spilled, &copy).or_else(none_where_gone).map_err(io(&copy))?;
        }
    }
    copy_database(&from.join(files::LANES), &partial, &LANES)?;
    for file in reader.files()? {
        copy_events(&file.path, &partial)?;
    }
    copy_database(&from.join(shadows::NAME), &partial, &shadows::SHADOWS)?;
    copy_database(&from.join(super::outbox::FILE), &partial, &OUTBOX)?;
    let last = Reader::open(&partial)?.last()?;
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(&partial).map_err(io(&partial))? {
        let path = entry.map_err(io(&partial))?.path();
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(io(&path))?;
        (count, bytes) = (count + 1, bytes + files::size(&path));
    }
    let named = files::sync_directory(&partial).and_then(|()| fs::rename(&partial, to));
    named.and_then(|()| files::sync_parent(to)).map_err(io(to))?;
    Ok(Backup { files: count, bytes, last })
}

/// A finished file is copied as it is; one that is written, as it is at one moment.
fn copy_events(path: &Path, directory: &Path) -> Result<(), BackupError> {
    let state = || {
        let about = fs::metadata(path).ok()?;
        Some((about.len(), about.modified().ok()?, files::size(&files::beside(path, "-wal"))))
    };
    let before = state();
    if before.is_some_and(|(bytes, _, log)| bytes > 0 && log == 0) {
        let copy = directory.join(path.file_name().unwrap_or_default());
        let copied = copy_file(path, &copy).or_else(none_where_gone);
        copied.map_err(|error| BackupError::Io { path: copy.clone(), error })?;
        if state() == before || !path.exists() {
            return Ok(());
        }
        fs::remove_file(&copy).map_err(|error| BackupError::Io { path: copy, error })?;
    }
    copy_database(path, directory, &EVENTS)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    drop(files::make_private(to)?);
    fs::copy(from, to).map(drop)
}

/// A file that went in the meantime was too old, or its events are elsewhere by now.
fn none_where_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Copies a database as it is at one moment; nothing where there is none.
fn copy_database(path: &Path, directory: &Path, schema: &Schema) -> Result<(), BackupError> {
    if files::size(path) == 0 {
        return Ok(());
    }
    let copy = directory.join(path.file_name().unwrap_or_default());
    drop(files::make_private(&copy).map_err(|error| BackupError::Io { path: copy.clone(), error })?);
    let connection: Connection = match reader::connect(path, schema) {
        Err(_) if !path.exists() => return Ok(()),
        opened => opened?,
    };
    let vacuumed = connection.execute("VACUUM main INTO ?1", [copy.to_string_lossy()]);
    vacuumed.map_err(|error| ReadError::Database { path: path.to_owned(), error })?;
    Ok(())
}
