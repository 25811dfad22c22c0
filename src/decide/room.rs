//! The threads that deciders run on. One that blocks its thread must not block an answer.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::budget::Budget;

/// Threads of their own, and a number of seats on them.
#[derive(Debug)]
pub(super) struct Room {
    runtime: Option<Runtime>,
    /// One for each opinion under way: where threads are blocked for good, requests must not gather behind them.
    seats: Arc<Semaphore>,
    /// The same for opinions nobody waits for, which must never take a seat from a real one.
    watching: Arc<Semaphore>,
}

/// A place in the room, given up when it is dropped.
pub(super) type Seat = OwnedSemaphorePermit;

/// Enough that some blocked threads leave others free; a blocked one costs memory only.
const THREADS: usize = 8;

/// Opinions under way at most.
const SEATS: usize = 4096;

/// Events being watched by shadows at most.
const WATCHING: usize = 256;

impl Room {
    pub(super) fn open() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("decide").enable_all().build()?;
        let [seats, watching] = [SEATS, WATCHING].map(|seats| Arc::new(Semaphore::new(seats)));
        Ok(Self { runtime: Some(runtime), seats, watching })
    }

    /// A seat, as soon as one is free within `budget`.
    pub(super) async fn seat(&self, budget: Budget) -> Option<Seat> {
        budget.wait(Arc::clone(&self.seats).acquire_owned()).await?.ok()
    }

    /// A seat among the watchers, where one is free now.
    pub(super) fn watcher(&self) -> Option<Seat> {
        Arc::clone(&self.watching).try_acquire_owned().ok()
    }

    /// Runs `work` on the room's threads, holding `seat` until it ends.
    pub(super) fn run<T: Send + 'static>(
        &self,
        seat: Seat,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let runtime = self.runtime.as_ref().expect("the runtime is only taken when the room is dropped");
        runtime.spawn(async move {
            let _seat = seat;
            work.await
        })
    }
}

impl Drop for Room {
    /// Never waits for a decider that blocks its thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
