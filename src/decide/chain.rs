//! The chain of deciders: the first opinion wins, and whatever happens there is a verdict in time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::decider::{AtOnce, BoxedDecider, Opinion};
use super::late::{Late, Running};
use super::link::{Link, LinkSettings, OnError};
use super::policy::{Policy, Word};
use super::room::{Room, Seat};
use super::shadow::{self, Watch};
use super::turns::{NoTurn, Turn, for_its_turn};
use crate::budget::Budget;
use crate::event::Event;
use crate::metrics::{DeciderLabels, FallbackLabels, Metrics};
use crate::verdict::{Decision, FallbackReason};

/// Gives every event a decision. Example: [`Late`].
#[derive(Debug)]
pub struct Chain {
    setup: RwLock<Arc<Setup>>,
    metrics: Arc<Metrics>,
}

/// What decides at one moment. A request keeps the one it began with.
#[derive(Debug)]
struct Setup {
    policy: Policy,
    links: Vec<Link>,
    shadows: Vec<Link>,
    /// Deciders' own threads; none where there is no decider.
    room: Option<Arc<Room>>,
}

/// How much is going on besides this request. Example: [`Late`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// There is room to ask deciders.
    Normal,
    /// Too many proven requests at once: the fallback leaves without asking.
    Over,
}

/// How far an event came without waiting. Example: [`Late`].
#[derive(Debug)]
pub enum Step {
    /// To its decision.
    Decided(Decision),
    /// To a decider that has to be waited for.
    Asks(Asking),
}

/// An event's place in the chain. Example: [`Late`].
#[derive(Debug)]
pub struct Asking {
    setup: Arc<Setup>,
    next: usize,
    /// What those took who had to be asked before, and said nothing.
    spent: Duration,
}

/// A decision, and who may still disagree with it. Example: [`Late`].
#[derive(Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// A decider that was not waited for any longer and is to be heard out.
    pub late: Option<Late>,
}

/// What is to be told about the way to a decision.
#[derive(Default)]
struct Trail {
    /// How long questions waited until somebody began with them.
    queued: Duration,
    late: Option<Late>,
}

/// What became of asking one decider.
enum Asked {
    Said(Opinion),
    Nothing,
    Failed(Decision),
}

impl Chain {
    /// A chain that follows `policy` and asks `deciders` in order, on threads of their own.
    ///
    /// # Errors
    /// The operating system gave no threads.
    pub fn new(
        policy: Policy,
        deciders: Vec<(LinkSettings, BoxedDecider)>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let setup = Setup::new(policy, deciders, None)?;
        Ok(Self { setup: RwLock::new(Arc::new(setup)), metrics })
    }

    /// From now on follows `policy` and asks `deciders`; requests under way finish with those they began with.
    ///
    /// # Errors
    /// The operating system gave no threads; then nothing changed.
    pub fn follow(&self, policy: Policy, deciders: Vec<(LinkSettings, BoxedDecider)>) -> std::io::Result<()> {
        let room = self.setup().room.clone();
        let setup = Setup::new(policy, deciders, room)?;
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        Ok(())
    }

    /// The decision on `event`, or the place in the chain where somebody has to be waited for.
    pub fn decide_at_once(&self, event: &Event, load: Load) -> Step {
        let setup = self.setup();
        if load == Load::Over {
            return Step::Decided(self.fallback(&setup, event, FallbackReason::Overload));
        }
        if setup.links.is_empty() {
            return Step::Decided(Decision::by_default(setup.policy.default_for(event)));
        }
        let began = Instant::now();
        let decided = |decision| {
            self.metrics.stages.decide.observe(began.elapsed().as_secs_f64());
            Step::Decided(decision)
        };
        for (next, link) in setup.links.iter().enumerate() {
            match self.at_once(&setup, link, event) {
                Some(Asked::Said(opinion)) => return decided(setup.decision(opinion, link, event)),
                Some(Asked::Failed(decision)) => return decided(decision),
                Some(Asked::Nothing) => {}
                None => {
                    let spent = began.elapsed();
                    return Step::Asks(Asking { setup, next, spent });
                }
            }
        }
        decided(Decision::by_default(setup.policy.default_for(event)))
    }

    /// Goes on with `event` where `asking` says, within `budget`.
    pub async fn decide(&self, event: &Event, asking: Asking, budget: Budget) -> Decided {
        let (began, spent, mut trail) = (Instant::now(), asking.spent, Trail::default());
        let decision = self.go_on(event, asking, budget, &mut trail).await;
        let stages = &self.metrics.stages;
        stages.queue.observe(trail.queued.as_secs_f64());
        stages.decide.observe((spent + began.elapsed().saturating_sub(trail.queued)).as_secs_f64());
        Decided { decision, late: trail.late }
    }

    async fn go_on(&self, event: &Event, asking: Asking, budget: Budget, trail: &mut Trail) -> Decision {
        let Asking { setup, next, .. } = asking;
        if let Some(room) = &setup.room {
            let shared = Arc::new(event.clone());
            for (place, link) in setup.links.iter().enumerate().skip(next) {
                // The first one has said already that it must be waited for.
                let said = if place > next { self.at_once(&setup, link, event) } else { None };
                let asked = match said {
                    Some(asked) => asked,
                    None => self.ask(&setup, room, link, &shared, budget, trail).await,
                };
                match asked {
                    Asked::Said(opinion) => return setup.decision(opinion, link, event),
                    Asked::Failed(decision) => return decision,
                    Asked::Nothing => {}
                }
            }
        }
        Decision::by_default(setup.policy.default_for(event))
    }

    /// Lets the shadows have their say on `event`, which got `decision`, on threads of their own and with `budget` each.
    /// Every opinion goes to `note`; none changes anything.
    pub fn watch(
        &self,
        event: &Event,
        decision: &Decision,
        budget: Budget,
        note: impl Fn(Watch) + Clone + Send + 'static,
    ) {
        let setup = self.setup();
        let Some(room) = &setup.room else { return };
        let mut watched = None;
        for link in setup.shadows.iter().filter(|link| link.settings.wants(event)) {
            let Some(seat) = room.watcher() else {
                return tracing::debug!(event.id = %event.id(), "too much is being watched; the shadows are not asked");
            };
            let event = watched.get_or_insert_with(|| Arc::new(event.clone().with_decision(decision.clone())));
            let (link, event, metrics, note) =
                (link.clone(), Arc::clone(event), Arc::clone(&self.metrics), note.clone());
            let code = setup.policy.reject_code_for(&event);
            room.run(seat, async move { shadow::watch(link, event, budget, code, metrics, note).await });
        }
    }

    /// Runs `work` on the deciders' threads; [`Chain::finished`] waits for it.
    pub fn afterwards(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(room) = &self.setup().room {
            room.afterwards(work);
        }
    }

    /// Waits until everything is done that goes on after answers were given.
    pub async fn finished(&self) {
        if let Some(room) = &self.setup().room {
            room.finished().await;
        }
    }

    /// The fallback decision for `event`.
    pub fn fall_back(&self, event: &Event, why: FallbackReason) -> Decision {
        self.fallback(&self.setup(), event, why)
    }

    fn fallback(&self, setup: &Setup, event: &Event, why: FallbackReason) -> Decision {
        self.count_fallback(event, why);
        Decision::by_fallback(setup.policy.fallback_for(event), why)
    }

    fn count_fallback(&self, event: &Event, why: FallbackReason) {
        let labels = FallbackLabels { kind: event.kind().label(), why: why.word() };
        self.metrics.fallbacks.get_or_create_owned(&labels).inc();
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the decider says without being waited for; `None` where it has to be.
    fn at_once(&self, setup: &Setup, link: &Link, event: &Event) -> Option<Asked> {
        if !link.settings.wants(event) {
            return Some(Asked::Nothing);
        }
        match catch_unwind(AssertUnwindSafe(|| link.decider.at_once(event))) {
            Ok(AtOnce::Said(said)) => Some(said.map_or(Asked::Nothing, Asked::Said)),
            Ok(AtOnce::Ask) => None,
            Err(_panicked) => Some(self.failed(setup, link, event, FallbackReason::Panic, &"it panicked")),
        }
    }

    async fn ask(
        &self,
        setup: &Setup,
        room: &Room,
        link: &Link,
        event: &Arc<Event>,
        budget: Budget,
        trail: &mut Trail,
    ) -> Asked {
        let share = link.settings.timeout.map_or(budget, |share| budget.at_most(share));
        let came = Instant::now();
        let places = places(room, link, event.app_key(), share).await;
        trail.queued += came.elapsed();
        let places = match places {
            Ok(places) => places,
            Err(no_turn) => return self.failed(setup, link, event, no_turn.reason(), &no_turn),
        };
        let thinking = link.decider.opinion(Arc::clone(event), share);
        let (guest, opinion) = room.ask(event.app_key(), places, thinking);
        let mut opinion = Running(opinion);
        let mut said = for_its_turn(share).wait(&mut opinion.0).await;
        if said.is_none() && guest.has_its_turn() {
            said = share.wait(&mut opinion.0).await;
        }
        trail.queued += guest.waited();
        let asked = match said {
            Some(Ok(Ok(opinion))) => return opinion.map_or(Asked::Nothing, Asked::Said),
            Some(Ok(Err(error))) => self.failed(setup, link, event, FallbackReason::Error, &error),
            Some(Err(_panicked)) => self.failed(setup, link, event, FallbackReason::Panic, &"it panicked"),
            None if !guest.has_its_turn() => {
                let too_late = NoTurn::TooLate;
                self.failed(setup, link, event, too_late.reason(), &too_late)
            }
            None => {
                let why = format!("it overran its share; {} ms are spent", budget.spent().as_millis());
                let asked = self.failed(setup, link, event, FallbackReason::Timeout, &why);
                if let Asked::Failed(_) = asked {
                    trail.late = link.late(opinion, setup.policy.reject_code_for(event), &self.metrics);
                }
                asked
            }
        };
        // Who would be next has no time left either.
        match asked {
            Asked::Nothing if budget.remaining().is_zero() => {
                Asked::Failed(self.fallback(setup, event, FallbackReason::Timeout))
            }
            asked => asked,
        }
    }

    /// What a failure of the decider comes to.
    fn failed(
        &self,
        setup: &Setup,
        link: &Link,
        event: &Event,
        why: FallbackReason,
        error: &dyn std::fmt::Display,
    ) -> Asked {
        let name = &link.settings.name;
        let labels = DeciderLabels { decider: Arc::clone(name), why: why.word() };
        self.metrics.decider_failures.get_or_create_owned(&labels).inc();
        let on_error = link.settings.on_error;
        let then = match on_error {
            OnError::Fallback => "the fallback is used",
            OnError::Next => "the next decider is asked",
            OnError::Allow => "it is allowed (on_error)",
            OnError::Reject => "it is rejected (on_error)",
        };
        link.said.say(|unsaid| {
            tracing::warn!(
                decider.name = %name, event.id = %event.id(), why = why.word(), unsaid,
                "decider failed: {error}; {then}"
            );
        });
        let verdict = match on_error {
            OnError::Fallback => return Asked::Failed(self.fallback(setup, event, why)),
            OnError::Next => return Asked::Nothing,
            OnError::Allow => setup.policy.word_for(event, Word::Allow),
            OnError::Reject => setup.policy.word_for(event, Word::Reject),
        };
        self.count_fallback(event, why);
        Asked::Failed(Decision::by_fallback(verdict, why))
    }
}

impl Setup {
    fn new(
        policy: Policy,
        deciders: Vec<(LinkSettings, BoxedDecider)>,
        room: Option<Arc<Room>>,
    ) -> std::io::Result<Self> {
        let links = deciders.into_iter().map(|(settings, decider)| Link::new(settings, decider));
        let (shadows, links): (Vec<Link>, Vec<Link>) = links.partition(|link| link.settings.shadow);
        let room = match room {
            None if !(links.is_empty() && shadows.is_empty()) => Some(Arc::new(Room::open()?)),
            room => room,
        };
        Ok(Self { policy, links, shadows, room })
    }

    /// What the opinion of the decider in `link` comes to.
    fn decision(&self, opinion: Opinion, link: &Link, event: &Event) -> Decision {
        let verdict = link.permitted(opinion.verdict, event, || self.policy.reject_code_for(event));
        match opinion.by {
            Some(by) => Decision { verdict, by },
            None => Decision::by_decider(verdict, &link.settings.name),
        }
    }
}

/// A turn at the decider and a seat in the room, unless there is no hope for them.
async fn places(room: &Room, link: &Link, app: &Arc<str>, budget: Budget) -> Result<(Seat, Option<Turn>), NoTurn> {
    if room.is_hopeless(app, budget) {
        return Err(NoTurn::Hopeless);
    }
    let turn = link.turn(app, budget).await?;
    Ok((room.seat(budget).await.ok_or(NoTurn::TooLate)?, turn))
}

#[cfg(test)]
mod tests {
    use super::super::decider::{AtOnce, Erased, Thinking};
    use super::*;

    /// Code of ours that is broken where the request is, as a rule's evaluation would be.
    struct Broken;

    impl Erased for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        fn at_once(&self, _: &Event) -> AtOnce {
            panic!("as the test wants it")
        }

        fn decide(self: Arc<Self>, _: Arc<Event>, _: Budget) -> Thinking {
            Box::pin(async { Ok(None) })
        }
    }

    #[test]
    fn what_panics_where_the_request_is_costs_its_own_opinion_only() {
        let event = Event::from_json(r#"{"eventType":20}"#).expect("an event");
        for (on_error, by) in [(OnError::Fallback, "fallback:panic"), (OnError::Next, "default")] {
            let link = LinkSettings { on_error, ..LinkSettings::new("broken") };
            let deciders = vec![(link, BoxedDecider::own(Arc::new(Broken)))];
            let chain = Chain::new(Policy::default(), deciders, Metrics::new(Duration::from_secs(1))).expect("threads");
            let Step::Decided(decision) = chain.decide_at_once(&event, Load::Normal) else { panic!("nobody to ask") };
            assert_eq!(decision.by, by);
        }
    }
}
