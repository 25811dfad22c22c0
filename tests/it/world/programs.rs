//! Programs that offhook starts, and what is left of them afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A program of these lines of shell.
pub(crate) fn program(dir: &TempDir, lines: &str) -> PathBuf {
    let path = dir.path().join(format!("program-{}", lines.len()));
    fs::write(&path, format!("#!/bin/sh\n{lines}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
    path
}

/// Whether a process of this number is there and does anything.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    // A zombie does nothing any more.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// The numbers of its processes that a program noted in `file`, as soon as there are `count`.
pub(crate) async fn noted(file: &Path, count: usize) -> Vec<String> {
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.lines().count() >= count && text.ends_with('\n') {
            return text.lines().map(ToOwned::to_owned).collect();
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until none of them lives.
pub(crate) async fn are_gone(pids: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Some(pid) = pids.iter().find(|pid| lives(pid)) {
        assert!(Instant::now() < deadline, "{pid} of {pids:?} still lives");
        tokio::task::yield_now().await;
    }
}
