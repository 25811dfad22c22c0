//! The journal's directory: what its files are called, and making them private and durable.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Guarded by `flock`: who holds it owns the directory.
pub(super) const LOCK: &str = "lock";
/// Where each handler is.
pub(super) const LANES: &str = "lanes.db";
/// An empty events file that waits for its name.
pub(super) const NEXT: &str = "next.db";

/// An events file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventsFile {
    /// The position of the first event that is, or will be, in it.
    pub first: u64,
    pub path: PathBuf,
}

/// The same, made by the writer itself where the other is not there yet.
pub(super) const BEGIN: &str = "begin.db";

/// The name of the events file that begins at `first`.
pub(super) fn events_file(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("events-{first:020}.db"))
}

/// The directory's events files, oldest first.
pub(super) fn events_files(directory: &Path) -> io::Result<Vec<EventsFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_prefix("events-")?.strip_suffix(".db")?.parse().ok());
        if let Some(first) = first {
            files.push(EventsFile { first, path: directory.join(name) });
        }
    }
    files.sort_unstable_by_key(|file| file.first);
    Ok(files)
}

/// The file that belongs to a database file under `suffix`, e.g. `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The bytes in a file; 0 where there is none.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// All bytes in the directory's files.
pub(super) fn total_size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
}

/// Makes a directory for its owner only, where there is none, and its name durable: else a power cut would take the
/// directory away, with everything that was synced in it.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if missing == 0 {
        // Whoever made it may have died before its name was synced. Its parent need not be ours to read, though.
        let _ = sync_parent(path);
    }
    path.ancestors().take(missing).try_for_each(sync_parent)
}

/// Makes an empty file for its owner only, where there is none. SQLite gives the files beside it the same mode.
pub(super) fn make_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Makes names in `directory` durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Removes what is left of a database that was never used.
pub(super) fn remove_database(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
