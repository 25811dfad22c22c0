//! Reloading while requests are answered: on SIGHUP, and when the configuration's file has changed.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::{self, Lasting, Sources};
use crate::receiver::Receiver;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long deliveries under way may take to finish.
const FINISHING: Duration = Duration::from_secs(10);

/// Reloads `file` and the environment into `receiver`, for as long as it is polled.
pub(super) async fn whenever_asked(
    receiver: Arc<Receiver>,
    file: Option<PathBuf>,
    lasting: Lasting,
    clock: Clock,
) -> Infallible {
    let mut hang_up = signal(SignalKind::hangup()).ok();
    let mut seen = changed(file.as_deref());
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
        let now = changed(file.as_deref());
        if by_signal || now != seen {
            seen = now;
            reload(&receiver, file.clone(), &lasting, &clock).await;
        }
    }
}

async fn reload(receiver: &Receiver, file: Option<PathBuf>, lasting: &Lasting, clock: &Clock) {
    let loaded = match config::load(&Sources::of_process(file), clock) {
        Ok(config) => config,
        Err(faults) => return tracing::error!("the new configuration is not used, the old one stays: {faults}"),
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if loaded.lasting() != *lasting {
        tracing::warn!("[server], [admin], [journal] or [[endpoints]] changed; that takes effect at the next start");
    }
    let builder = match super::builder(loaded, clock) {
        Ok(builder) => builder,
        Err(error) => return tracing::error!("the new configuration is not used, the old one stays: {error:#}"),
    };
    match receiver.reload(builder.apps, builder.tencent, builder.policy, builder.handlers, FINISHING).await {
        Ok(()) => tracing::info!("reloaded: apps, secrets, verdicts and handlers are the new ones"),
        Err(error) => tracing::error!("apps, secrets and verdicts are the new ones, the handlers are not: {error}"),
    }
}

/// When the file was last written to.
fn changed(file: Option<&Path>) -> Option<SystemTime> {
    std::fs::metadata(file?).and_then(|file| file.modified()).ok()
}
