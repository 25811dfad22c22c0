//! How far a listener is, in a file, so that it goes on there after a restart.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::cli::output;

/// A place in somebody else's journal.
#[derive(Debug)]
pub(super) struct Bookmark {
    file: Option<PathBuf>,
    written: Written,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// What is listened to, with which filters, for which target: a listener with other flags has another place.
    listens: [String; 3],
    after: Option<u64>,
}

impl Bookmark {
    /// The one in `file`, or else in a file of its own for `listens`.
    pub(super) fn find(file: Option<&Path>, listens: [String; 3]) -> anyhow::Result<Self> {
        let file = match file {
            Some(file) => Some(file.to_owned()),
            None => own_file(&listens),
        };
        let nothing = Written { listens: listens.clone(), after: None };
        let Some(file) = file else {
            output::talk(
                "$XDG_STATE_HOME and $HOME are unset: give --state FILE, or a restart does not go on where this stopped",
            );
            return Ok(Self { file: None, written: nothing });
        };
        let written: Written = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is no state of `listen`: remove it, or give another --state", file.display())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => nothing,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        if written.listens != listens {
            let (file, other) = (file.display(), written.listens.join(" "));
            bail!("{file} belongs to a `listen` with other flags ({}): give each a --state of its own", other.trim());
        }
        Ok(Self { file: Some(file), written })
    }

    /// Everything up to here was heard; `None` where nothing was yet.
    pub(super) fn position(&self) -> Option<u64> {
        self.written.after
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.written.after = None;
    }

    /// Everything up to `position` was heard.
    pub(super) fn moves_to(&mut self, position: u64) -> anyhow::Result<()> {
        if self.written.after == Some(position) {
            return Ok(());
        }
        self.written.after = Some(position);
        let Some(file) = &self.file else { return Ok(()) };
        // Renamed into place: whoever is killed meanwhile leaves the old one.
        let new = file.with_extension(format!("{}.new", std::process::id()));
        let text = serde_json::to_vec(&self.written)?;
        let made = file.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, file))
            .with_context(|| format!("cannot write {}, so a restart could not go on here", file.display()))
    }
}

/// The file that listeners with these flags share.
fn own_file(listens: &[String; 3]) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    listens.hash(&mut hasher);
    let name = format!("listen-{:016x}.json", hasher.finish());
    state_directory().map(|directory| directory.join("offhook").join(name))
}

/// Where programs of this user keep what they need not share.
fn state_directory() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
}
