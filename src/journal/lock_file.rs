//! One directory belongs to one process: the file `lock`, held by `flock` for as long as the process lives.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{OpenError, files};

/// Holds the directory until it is dropped; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing alone would not do where a child process was begun just now: until it runs its own program it holds the
    /// same open file.
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::debug!(%error, "the lock is let go of by closing its file");
        }
    }
}

/// Takes the lock of `directory`.
pub(super) fn take(directory: &Path) -> Result<Lock, OpenError> {
    let path = directory.join(files::LOCK);
    let failed = |doing, error| OpenError::Io { doing, path: path.clone(), error };
    let mut file = files::make_private(&path).map_err(|error| failed("make", error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::InUse { path: directory.to_owned(), pid });
        }
        Err(error) => return Err(failed("lock", error.into())),
    }
    let told = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = told {
        // It only makes a message better; on a full disk the verdicts must go on all the same.
        tracing::debug!(%error, "the lock file does not tell this process's number");
    }
    Ok(Lock(file))
}
