//! Where `dev` leaves word of its scratch journal, so that other commands of the same user find it without flags.
//!
//! It is a directory that only this user may look into, with a link to the journal of the `dev` that was started last.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Word of a journal; taken back when this is dropped.
#[derive(Debug)]
pub(super) struct Word {
    link: PathBuf,
    journal: PathBuf,
}

/// The journal of the `dev` that this user runs, where one left word of it.
pub(in crate::cli) fn dev_journal() -> Option<PathBuf> {
    let place = place();
    is_ours(&place).ok().filter(|ours| *ours)?;
    fs::read_link(place.join(LINK)).ok().filter(|journal| journal.is_dir())
}

/// Leaves word that the journal is at `journal`.
pub(super) fn leave_word(journal: &Path) -> anyhow::Result<Word> {
    let place = place();
    match DirBuilder::new().mode(0o700).create(&place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make {}", place.display()));
        }
        _ => {}
    }
    if !is_ours(&place).with_context(|| format!("cannot look at {}", place.display()))? {
        bail!("{} belongs to another user, or others may look into it; remove it", place.display());
    }
    // Renamed into place, so that there is never a moment without word.
    let (link, new) = (place.join(LINK), place.join(format!("{LINK}.{}", std::process::id())));
    let _ = fs::remove_file(&new);
    symlink(journal, &new)
        .and_then(|()| fs::rename(&new, &link))
        .with_context(|| format!("cannot write {}", link.display()))?;
    Ok(Word { link, journal: journal.to_owned() })
}

impl Drop for Word {
    fn drop(&mut self) {
        // Another `dev` may have left its own in the meantime.
        if fs::read_link(&self.link).is_ok_and(|journal| journal == self.journal) {
            let _ = fs::remove_file(&self.link);
        }
    }
}

const LINK: &str = "journal";

/// The directory, of which there is one for each user.
#[expect(clippy::disallowed_methods, reason = "a command may read its environment")]
fn place() -> PathBuf {
    match std::env::var("XDG_RUNTIME_DIR") {
        Ok(runtime) if Path::new(&runtime).is_dir() => Path::new(&runtime).join("offhook-dev"),
        _ => std::env::temp_dir().join(format!("offhook-dev-{}", rustix::process::getuid().as_raw())),
    }
}

/// Whether it is a real directory of this user, closed to all others.
fn is_ours(place: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(place)?;
    Ok(found.is_dir() && found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o077 == 0)
}
