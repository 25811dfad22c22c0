//! The chain of deciders: the first opinion wins, and whatever happens there is a verdict in time.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::decider::BoxedDecider;
use super::policy::Policy;
use crate::budget::Budget;
use crate::event::Event;
use crate::metrics::{FallbackLabels, Metrics};
use crate::verdict::{Decision, FallbackReason, Verdict};

/// Gives every event a decision.
#[derive(Debug)]
pub struct Chain {
    policy: RwLock<Arc<Policy>>,
    deciders: Vec<BoxedDecider>,
    metrics: Arc<Metrics>,
    /// Deciders' own threads; none where there is no decider.
    room: Option<Room>,
}

/// How much is going on besides this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// There is room to ask deciders.
    Normal,
    /// Too many proven requests at once: the fallback leaves without asking.
    Over,
}

impl Chain {
    /// A chain that asks `deciders` in order, on threads of their own.
    ///
    /// # Errors
    /// The operating system gave no threads.
    pub fn new(policy: Policy, deciders: Vec<BoxedDecider>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let room = if deciders.is_empty() { None } else { Some(Room::open()?) };
        Ok(Self { policy: RwLock::new(Arc::new(policy)), deciders, metrics, room })
    }

    /// From now on follows `policy`.
    pub fn follow(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The decision where nobody has to be asked: there are no deciders, or no room for asking them.
    pub fn decide_at_once(&self, event: &Event, load: Load) -> Option<Decision> {
        match load {
            Load::Over => Some(self.fall_back(event, FallbackReason::Overload)),
            Load::Normal if self.room.is_none() => Some(Decision::by_default(self.policy().default_for(event))),
            Load::Normal => None,
        }
    }

    /// Asks the deciders about `event`, within `budget`.
    pub async fn decide(&self, event: &Event, budget: Budget) -> Decision {
        if let Some(room) = &self.room {
            let event = Arc::new(event.clone());
            for decider in &self.deciders {
                match self.ask(room, decider, &event, budget).await {
                    Ok(Some(verdict)) => return Decision::by_decider(permitted(verdict, &event), decider.name()),
                    Ok(None) => {}
                    Err(why) => return self.fall_back(&event, why),
                }
            }
        }
        Decision::by_default(self.policy().default_for(event))
    }

    /// The fallback decision for `event`.
    pub fn fall_back(&self, event: &Event, why: FallbackReason) -> Decision {
        let labels = FallbackLabels { kind: event.kind().label(), why: why.word() };
        self.metrics.fallbacks.get_or_create_owned(&labels).inc();
        Decision::by_fallback(self.policy().fallback_for(event), why)
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(
        &self,
        room: &Room,
        decider: &BoxedDecider,
        event: &Arc<Event>,
        budget: Budget,
    ) -> Result<Option<Verdict>, FallbackReason> {
        let (name, id) = (decider.name(), event.id());
        let seat = budget.wait(Arc::clone(&room.seats).acquire_owned()).await;
        let Some(Ok(seat)) = seat else {
            tracing::warn!(decider.name = name, event.id = %id, "all deciders are busy; the fallback is used");
            return Err(FallbackReason::Timeout);
        };
        let opinion = decider.opinion(Arc::clone(event), budget);
        let mut opinion = room.runtime().spawn(async move {
            let _seat = seat;
            opinion.await
        });
        match budget.wait(&mut opinion).await {
            Some(Ok(Ok(opinion))) => Ok(opinion),
            Some(Ok(Err(error))) => {
                tracing::warn!(decider.name = name, event.id = %id, %error, "decider failed; the fallback is used");
                Err(FallbackReason::Error)
            }
            Some(Err(_panicked)) => {
                tracing::error!(decider.name = name, event.id = %id, "decider panicked; the fallback is used");
                Err(FallbackReason::Panic)
            }
            None => {
                opinion.abort();
                let spent_ms = budget.spent().as_millis();
                tracing::warn!(decider.name = name, event.id = %id, spent_ms, "decider overran; the fallback is used");
                Err(FallbackReason::Timeout)
            }
        }
    }
}

/// The parts of a message that an allow may replace.
const PARTS: [&str; 3] = ["body", "attach", "ext"];

/// Takes out of a verdict what cannot be changed in this event.
fn permitted(mut verdict: Verdict, event: &Event) -> Verdict {
    let changeable = event.kind().is_changeable();
    let may_stay = |part: &str| changeable && PARTS.contains(&part);
    if let Verdict::Allow { modify, .. } = &mut verdict
        && !modify.keys().all(|part| may_stay(part))
    {
        tracing::warn!(event.id = %event.id(), event.kind = %event.kind(), "only `body`, `attach` and `ext` of a message can be changed; the rest is dropped");
        modify.retain(|part, _| may_stay(part));
    }
    verdict
}

/// The threads that deciders run on. One that blocks its thread must not block an answer.
#[derive(Debug)]
struct Room {
    runtime: Option<Runtime>,
    /// One for each opinion under way: where threads are blocked for good, requests must not gather behind them.
    seats: Arc<Semaphore>,
}

/// Enough that some blocked threads leave others free; a blocked one costs memory only.
const THREADS: usize = 8;

/// Opinions under way at most.
const SEATS: usize = 4096;

impl Room {
    fn open() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(THREADS)
            .thread_name("decide")
            .enable_all()
            .build()
            .map(|runtime| Self { runtime: Some(runtime), seats: Arc::new(Semaphore::new(SEATS)) })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime is only taken when the room is dropped")
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
