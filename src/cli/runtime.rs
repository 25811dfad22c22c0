//! The threads a command runs on, the signals that stop it, and the connections it may hold.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::Stop;
use crate::telemetry::{self, LogForm};

/// Starts logging what `RUST_LOG` names, or `levels` where it names nothing.
#[expect(clippy::disallowed_methods, reason = "a command may read its environment")]
pub(super) fn log(form: LogForm, levels: &str) {
    let chosen = std::env::var("RUST_LOG").ok().filter(|chosen| !chosen.trim().is_empty());
    telemetry::start(form, chosen.as_deref().unwrap_or(levels));
}

/// Asks for ordinary pages of memory, before any is used: a server at rest touches a little of many stretches, and a huge
/// page for each is ten times what it uses. Where that is refused, it takes what it gets.
pub(super) fn use_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Runs a server's work on all cores.
pub(super) fn on_all_cores<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("no threads to run on")?;
    let done = runtime.block_on(work);
    // What still waits for a disk that does not answer must not keep the process from ending.
    runtime.shutdown_timeout(ENDING);
    done
}

const ENDING: Duration = Duration::from_secs(1);

/// Runs a short command's work on this thread.
pub(super) fn on_this_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    Builder::new_current_thread().enable_all().build().context("no runtime to run on")?.block_on(work)
}

/// Waits for SIGTERM or SIGINT.
pub(super) async fn asked_to_stop() -> Stop {
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    tokio::select! {
        () = next(&mut terminate) => Stop::Gently,
        () = next(&mut interrupt) => Stop::AtOnce,
    }
}

/// Lets the process hold as many connections as the system permits it; the usual soft limit is for programs with few.
pub(super) fn allow_many_connections() {
    let limits = getrlimit(Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: limits.maximum, maximum: limits.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
