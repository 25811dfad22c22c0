//! The disk that the journal lies on: whether it is one, and how long it takes to sync.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::report::{median, percentile};

const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;

/// Median and p99 of a 4 KiB write with fdatasync, in milliseconds.
pub(crate) struct SyncLatency {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// Refuses a directory in memory, where a sync costs nothing and every figure would be a lie.
pub(crate) fn demand_a_disk(directory: &Path) -> anyhow::Result<()> {
    let kind = rustix::fs::statfs(directory).with_context(|| format!("cannot look at {}", directory.display()))?.f_type;
    if [TMPFS, RAMFS].contains(&(kind as i64)) {
        bail!("{} lies in memory, where nothing is durable; give --scratch a directory on a disk", directory.display());
    }
    Ok(())
}

/// Measures 200 syncs in `directory`.
pub(crate) fn sync_latency(directory: &Path) -> anyhow::Result<SyncLatency> {
    let path = directory.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut took = Vec::new();
    for round in 0..200_u8 {
        let start = Instant::now();
        file.write_all(&[round; 4096])?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    Ok(SyncLatency { median: median(&took), p99: percentile(&took, 0.99) })
}
