//! Closing a journal: what was accepted is made durable first, within a time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout_at;

use super::{InNats, Inner, Journal, Place, relief};

/// How closing went.
///
/// Example: [`super::Options`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Events that were accepted and are durable neither in the journal nor in the spill file.
    pub unkept: usize,
}

impl Journal {
    /// Takes no more, and waits until everything accepted is durable, at most `within`. Positions of handlers are
    /// written too.
    pub async fn close(&self, within: Duration) -> Closed {
        match &self.0 {
            Place::Disk(inner) => inner.close(within).await,
            Place::Nats(inner) => inner.close(within).await,
        }
    }
}

impl InNats {
    async fn close(&self, within: Duration) -> Closed {
        let closed = self.shared.close(within).await;
        let shadows = self.shadows.clone();
        // Only what shadows said is at stake.
        let _ = tokio::task::spawn_blocking(move || shadows.flush()).await;
        closed
    }
}

impl Inner {
    async fn close(&self, within: Duration) -> Closed {
        let shared = &self.shared;
        shared.queue.close();
        let (now, mut finished) = (tokio::time::Instant::now(), shared.finished.subscribe());
        let (half, until) = (now + within / 2, now + within);
        if timeout_at(half, finished.wait_for(|finished| *finished)).await.is_err() {
            // What waits for this disk may still be kept on another one.
            relief::call(shared);
            // When time runs out the count tells what is missing.
            let _ = timeout_at(until, finished.wait_for(|finished| *finished)).await;
        }
        let logged = shared.logged.load(Ordering::Relaxed);
        let unsettled = shared.queue.unsettled();
        if unsettled > 0 {
            // Whatever waits for this disk now may wait for ever.
            self.given_up.store(true, Ordering::Relaxed);
            return Closed { unkept: unsettled + logged };
        }
        let (lanes, shadows) = (self.lanes.clone(), self.shadows.clone());
        let (wrote, writing) = tokio::sync::oneshot::channel();
        // Not a task of the runtime, whose end would wait for it.
        std::thread::spawn(move || {
            shadows.flush();
            wrote.send(lanes.flush().and_then(|()| lanes.forget_loss()))
        });
        match timeout_at(until, writing).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, "how far handlers are was not written; after the restart they may get events again");
            }
            // The thread that writes may wait for ever, and so might everybody who waits for it.
            Ok(Err(_)) | Err(_) => {
                self.given_up.store(true, Ordering::Relaxed);
                tracing::error!(
                    "how far handlers are was not written in time; after the restart they may get events again"
                );
            }
        }
        Closed { unkept: logged }
    }
}
