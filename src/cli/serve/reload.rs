//! Reloading while requests are answered: on SIGHUP, and when the configuration's file, a list or a file with a secret has changed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{self, Lasting, Sources};
use crate::decide::Shared;
use crate::receiver::{Builder, Receiver};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long deliveries under way may take to finish.
const FINISHING: Duration = Duration::from_secs(10);

/// Reloads `file`, the `files` it names and the environment into `receiver`, for as long as it is polled.
pub(super) async fn whenever_asked(
    receiver: Arc<Receiver>,
    file: Option<PathBuf>,
    files: Vec<PathBuf>,
    lasting: Lasting,
    shared: Shared,
    clock: Clock,
) -> Infallible {
    let mut hang_up = signal(SignalKind::hangup()).ok();
    let mut watched: Vec<PathBuf> = file.iter().cloned().chain(files).collect();
    let mut seen = changed(&watched);
    loop {
        let asked = async {
            match &mut hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        let by_signal = tokio::select! {
            _ = asked => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = changed(&watched);
        if by_signal || now != seen {
            seen = now;
            if let Some(files) = reload(&receiver, file.clone(), &lasting, &shared, &clock).await {
                let now: Vec<PathBuf> = file.iter().cloned().chain(files).collect();
                if now != watched {
                    (watched, seen) = (now.clone(), changed(&now));
                }
            }
        }
    }
}

/// Reloads once; gives the files that are read for it now, where the new configuration is.
async fn reload(
    receiver: &Receiver,
    file: Option<PathBuf>,
    lasting: &Lasting,
    shared: &Shared,
    clock: &Clock,
) -> Option<Vec<PathBuf>> {
    let loaded = match config::load(&Sources::of_process(file), clock) {
        Ok(config) => config,
        Err(faults) => {
            tracing::error!("the new configuration is not used, the old one stays: {faults}");
            return None;
        }
    };
    let files = loaded.files();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if loaded.lasting() != *lasting {
        tracing::warn!(
            "[server], [admin], [journal] (but for `keep` and `max_size`) or [[endpoints]] changed; that takes effect at the next start"
        );
    }
    let retention = loaded.journal.retention;
    let builder = match super::builder(loaded, clock, shared) {
        Ok(builder) => builder,
        Err(error) => {
            tracing::error!("the new configuration is not used, the old one stays: {error:#}");
            return None;
        }
    };
    receiver.journal().retain(retention);
    let Builder { apps, tencent, policy, deciders, handlers, .. } = builder;
    match receiver.reload(apps, tencent, policy, deciders, handlers, FINISHING).await {
        Ok(()) => tracing::info!("reloaded: apps, secrets, verdicts, deciders and handlers are the new ones"),
        Err(error) => tracing::error!("the new configuration could not be taken over: {error}"),
    }
    Some(files)
}

/// When each of `files` was last written to, and how long it is.
fn changed(files: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    let seen = |file: &PathBuf| {
        let file = std::fs::metadata(file).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    files.iter().map(seen).collect()
}
