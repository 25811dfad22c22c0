//! Destroys a page of a journal that nobody has open.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Of SQLite's files here; a page of `lanes.db` is half of it.
const PAGE: usize = 8192;

/// The head of a write-ahead log.
const LOG_HEAD: usize = 32;

/// Destroys a page of an events file, of its log, of `lanes.db` or of the log of that. The positions of what may be lost.
pub(super) fn destroys_one(journal: &Path, mut draw: impl FnMut(Range<usize>) -> usize) -> Range<u64> {
    let mut files: Vec<PathBuf> = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let starts: Vec<u64> =
        files.iter().filter(|file| name(file).ends_with(".db")).filter_map(|file| first(file)).collect();
    let is_one = |file: &PathBuf| {
        let name = name(file);
        let is_known = name.starts_with("events-") || name.starts_with("lanes.db");
        is_known && (name.ends_with(".db") || name.ends_with("-wal")) && size(file) > PAGE
    };
    files.retain(is_one);
    let file = &files[draw(0..files.len())];
    let begin = if name(file).ends_with("-wal") { LOG_HEAD } else { 0 };
    let page = draw(0..(size(file) - begin) / PAGE);
    let open = fs::OpenOptions::new().write(true).open(file).unwrap();
    open.write_all_at(&[0xa5; PAGE], (begin + page * PAGE) as u64).unwrap();
    match first(file) {
        Some(first) => first..starts.iter().copied().find(|next| *next > first).unwrap_or(u64::MAX),
        None => 0..0,
    }
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn size(file: &Path) -> usize {
    usize::try_from(fs::metadata(file).unwrap().len()).unwrap()
}

/// The first position of an events file, or of a log's.
fn first(file: &Path) -> Option<u64> {
    name(file).strip_prefix("events-")?.split('.').next()?.parse().ok()
}
