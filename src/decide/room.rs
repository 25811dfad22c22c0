//! The threads that deciders run on. One that blocks its thread must not block an answer.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::lobby::{Guest, Lobby};
use super::turns::{Turn, for_its_turn, is_hopeless};
use crate::budget::Budget;

/// Threads of their own, and a number of seats on them.
#[derive(Debug)]
pub(super) struct Room {
    runtime: Option<Runtime>,
    /// One for each opinion under way: where threads are blocked for good, requests must not gather behind them.
    seats: Arc<Semaphore>,
    /// The same for opinions nobody waits for, which must never take a seat from a real one.
    watching: Arc<Semaphore>,
    /// Questions that no thread has begun with.
    lobby: Lobby,
    /// What goes on after answers were given, and is waited for at the end.
    afterwards: TaskTracker,
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
        builder.worker_threads(THREADS).thread_name("decide").on_thread_start(step_back).enable_all();
        let runtime = builder.build()?;
        let [seats, watching] = [SEATS, WATCHING].map(|seats| Arc::new(Semaphore::new(seats)));
        Ok(Self { runtime: Some(runtime), seats, watching, lobby: Lobby::default(), afterwards: TaskTracker::new() })
    }

    /// A seat, as soon as one is free, unless that takes too much of `budget`.
    pub(super) async fn seat(&self, budget: Budget) -> Option<Seat> {
        for_its_turn(budget).wait(Arc::clone(&self.seats).acquire_owned()).await?.ok()
    }

    /// A seat among the watchers, where one is free now.
    pub(super) fn watcher(&self) -> Option<Seat> {
        Arc::clone(&self.watching).try_acquire_owned().ok()
    }

    /// Whether the threads are so far behind with questions of `app` that another one would be late.
    pub(super) fn is_hopeless(&self, app: &Arc<str>, budget: Budget) -> bool {
        self.lobby.oldest(app).is_some_and(|since| is_hopeless(since, budget))
    }

    /// Runs `work` on a question of `app`, holding its places until it ends.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        app: &Arc<str>,
        places: (Seat, Option<Turn>),
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Arc<Guest>, JoinHandle<T>) {
        let (guest, ticket) = self.lobby.enter(app);
        let task = self.runtime().spawn(async move {
            ticket.begins();
            let _places = places;
            work.await
        });
        (guest, task)
    }

    /// Runs `work` that nobody waits for, holding `seat` until it ends.
    pub(super) fn run(&self, seat: Seat, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime().spawn(async move {
            let _seat = seat;
            work.await;
        });
    }

    /// Runs `work`, which is to be finished before the end.
    pub(super) fn afterwards(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.afterwards.spawn_on(work, self.runtime().handle());
    }

    /// Waits for all such work.
    pub(super) async fn finished(&self) {
        self.afterwards.close();
        self.afterwards.wait().await;
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime is only taken when the room is dropped")
    }
}

/// Lets the threads that answer go first, where deciders would keep every core busy. Programs they start inherit this.
#[cfg(target_os = "linux")]
fn step_back() {
    // Here each thread has a priority of its own. Without it deciders are only less polite.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Elsewhere a priority is the whole process's.
#[cfg(not(target_os = "linux"))]
fn step_back() {}

/// A tenth of the usual weight against a thread that answers, as long as both want the same core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

impl Drop for Room {
    /// Never waits for a decider that blocks its thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
