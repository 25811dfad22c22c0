//! Where `dev` leaves word of its scratch journal, so that a command in another shell finds it.
//!
//! The place belongs to the user alone: somebody else's word would lead us into somebody else's journal.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::getuid;

const WORD: &str = "dev-journal";

/// Word of a journal; gone when this is dropped.
#[derive(Debug)]
pub(super) struct Announced {
    file: PathBuf,
    journal: String,
}

/// Leaves word of `journal`. The `dev` that came last is found.
pub(super) fn announce(journal: &Path) -> io::Result<Announced> {
    let directory = directory();
    match DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if !is_ours(&directory) {
        return Err(io::Error::other(format!("{} belongs to somebody else", directory.display())));
    }
    let (file, journal) = (directory.join(WORD), journal.to_string_lossy().into_owned());
    fs::write(&file, &journal)?;
    Ok(Announced { file, journal })
}

/// The journal of the `dev` that runs, if one does.
pub(super) fn find() -> Option<PathBuf> {
    let directory = directory();
    let journal = fs::read_to_string(directory.join(WORD)).ok().filter(|_| is_ours(&directory))?;
    Some(PathBuf::from(journal)).filter(|journal| journal.is_dir())
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Another `dev` may have come since; its word stays.
        if fs::read_to_string(&self.file).is_ok_and(|journal| journal == self.journal) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("offhook-{}", getuid().as_raw()))
}

fn is_ours(directory: &Path) -> bool {
    let found = fs::symlink_metadata(directory);
    found.is_ok_and(|found| found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o077 == 0)
}
