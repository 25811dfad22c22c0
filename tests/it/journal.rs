//! The journal keeps what it says it keeps: across restarts, repeats, full disks and damaged files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where it stopped")]

mod cast;
mod damage;
mod files;
mod finding;
mod keeping;
mod lanes;
mod privacy;
mod reading;
mod retention;
mod room;
mod sealed;
mod trouble;
