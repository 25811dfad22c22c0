//! Where the journal lives and when it stops taking more.

use std::path::PathBuf;

/// The journal's settings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory; made where it does not exist.
    pub path: PathBuf,
    /// Below this many free bytes on its disk nothing more is written to it.
    pub min_free: u64,
    /// Where events go, one JSON line each, while the journal cannot keep them.
    pub spill: PathBuf,
}

impl Options {
    /// A journal in the directory `path`, spilling into `spill.jsonl` beside it, that leaves 1 GiB of the disk free.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { spill: path.join("spill.jsonl"), path, min_free: 1 << 30 }
    }
}
