//! The road: a request that proved its headers is verified, understood, decided and kept. Read this first.
//!
//! No HTTP, no family's name, no handler: `edge` brings the request and takes the answer away, and
//! deliveries start from the journal alone.

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use crate::budget::Budget;
use crate::decide::{Asking, Chain, Decided, Load, Step};
use crate::event::{Event, EventId};
use crate::family::{Protocol, Understood};
use crate::journal::{Claim, Journal, Keeping, Kept, Position, Repeat, RepeatKey, Shadow, Ticket, Unkept};
use crate::kind::{Family, Kind};
use crate::metrics::{Metrics, RequestLabels};
use crate::refusal::Refusal;
use crate::sparing::Sparing;
use crate::verdict::{Decision, FallbackReason, Verdict};

/// A request whose headers were proven and whose body has arrived. Example: [`Protocol`].
pub struct Request<P: Protocol> {
    /// Its name from here on, in logs and in the journal.
    pub id: EventId,
    /// When it was received.
    pub received: Timestamp,
    /// The proof of its sender.
    pub proven: P::Proven,
    /// The bytes as they came.
    pub body: Bytes,
    /// Whether there is room to ask deciders.
    pub load: Load,
    /// The time it may still take.
    pub budget: Budget,
}

impl<P: Protocol> fmt::Debug for Request<P> {
    /// Never shows the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body_bytes = self.body.len();
        f.debug_struct("Request").field("id", &self.id).field("body_bytes", &body_bytes).finish_non_exhaustive()
    }
}

/// Takes requests down the road. Example: [`Protocol`].
#[derive(Debug)]
pub struct Intake {
    chain: Chain,
    journal: Journal,
    telling: Arc<Telling>,
    /// The first path of each family, for those that send to another one.
    paths: Vec<(Family, String)>,
    /// Families whose events came to another one's path.
    told_of_wrong_path: Mutex<HashSet<Family>>,
    /// Kinds and their fields of an impossible type; there are only so many.
    told_of_fields: Mutex<HashSet<(&'static str, &'static str)>>,
    tap: Option<Tap>,
}

/// What is told of answers.
#[derive(Debug)]
struct Telling {
    metrics: Arc<Metrics>,
    /// Of verdicts that leave before their events are kept.
    unkept: Sparing,
}

/// Who hears at once that an event of one kind is on disk. Example: [`Feedback`](crate::feedback::Feedback).
pub struct Tap {
    /// The kind.
    pub kind: &'static str,
    /// Is told where each of its events stands; must not wait.
    pub tell: Box<dyn Fn(Position) + Send + Sync>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Intake {
    /// A road that ends in `journal`; `paths` are those on which each family is received.
    pub fn new(chain: Chain, journal: Journal, metrics: Arc<Metrics>, paths: Vec<(Family, String)>) -> Self {
        Self {
            chain,
            journal,
            telling: Arc::new(Telling { metrics, unkept: Sparing::default() }),
            paths,
            told_of_wrong_path: Mutex::default(),
            told_of_fields: Mutex::default(),
            tap: None,
        }
    }

    /// The same road, telling `tap`.
    #[must_use]
    pub fn tapped(self, tap: Tap) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Tells the tap of an event that was kept.
    pub fn tell_tap(&self, accepted: &Accepted) {
        if let (Some(tap), Basis::Kept(kept)) = (&self.tap, accepted.basis())
            && accepted.kind().name() == tap.kind
        {
            (tap.tell)(kept.position());
        }
    }

    /// The road. Where it has to wait for something, it goes on as a task that its caller must run to the end;
    /// with a receipt, the event is on its way to the disk whatever happens to the caller.
    ///
    /// # Errors
    /// The request cannot be believed or understood.
    pub fn receive<P: Protocol>(self: &Arc<Self>, family: &P, request: Request<P>) -> Result<Road, Refusal> {
        let Request { id, received, proven, body, load, budget } = request;
        let verified = family.verify(proven, body)?;
        let understood = family.decode(verified, id, received)?;
        self.mention_oddities(family, &understood);
        let Understood { event, identity, .. } = understood;
        let asks = family.asks(event.kind());
        if event.kind().is_probe() {
            return Ok(Road::Done(self.receipt(&event, Decision::by_default(Verdict::allow()), Standing::Probe)));
        }
        let key = RepeatKey::new(event.app_key(), &identity.digest, identity.valid_until);
        let key = identity.sent.map_or(key, |sent| key.sent(sent));
        let earlier = identity.earlier.map(|end| RepeatKey::new(event.app_key(), &identity.digest, end));
        let road = Arc::clone(self);
        Ok(match self.claim(key, earlier) {
            Claim::First(ticket) => match self.decide_at_once(&event, asks, load) {
                Step::Decided(decision) => {
                    self.watch(asks, &event, &decision, budget);
                    Road::Done(self.keep(event, decision, ticket))
                }
                Step::Asks(asking) => Road::Waits(Box::pin(road.ask(event, asking, ticket, budget))),
            },
            Claim::Repeat(repeat) => Road::Waits(Box::pin(road.wait(event, asks, load, key, repeat, budget))),
        })
    }

    /// Claims `key`, unless an equal request was claimed or kept as `earlier`.
    fn claim(&self, key: RepeatKey, earlier: Option<RepeatKey>) -> Claim {
        match earlier.map(|earlier| self.journal.claim(earlier)) {
            Some(repeat @ Claim::Repeat(_)) => repeat,
            // Its ticket goes unused, which gives that claim up.
            _ => self.journal.claim(key),
        }
    }

    /// What can be decided without waiting; an event that asks nothing is allowed.
    fn decide_at_once(&self, event: &Event, asks: bool, load: Load) -> Step {
        if asks {
            return self.chain.decide_at_once(event, load);
        }
        Step::Decided(Decision::by_default(Verdict::allow()))
    }

    /// The part of the road that takes time: deciders.
    async fn ask(self: Arc<Self>, event: Event, asking: Asking, ticket: Ticket, budget: Budget) -> Receipt {
        let Decided { decision, late } = self.chain.decide(&event, asking, budget.first(DECIDED_BY)).await;
        self.watch(true, &event, &decision, budget);
        let Some(late) = late else { return self.keep(event, decision, ticket) };
        let receipt = self.keep(event.clone(), decision.clone(), ticket);
        let journal = self.journal.clone();
        self.chain.afterwards(async move {
            if let Some(overruled) = late.overrules(&event, &decision, budget.started()).await {
                // Kept like any other. Nobody waits for an answer to it.
                let _ = journal.append(overruled, None).await;
            }
        });
        receipt
    }

    /// The same after an earlier equal request, which may leave us without a decision.
    async fn wait(
        self: Arc<Self>,
        event: Event,
        asks: bool,
        load: Load,
        key: RepeatKey,
        mut repeat: Repeat,
        budget: Budget,
    ) -> Receipt {
        let ticket = loop {
            match budget.first(KEPT_BY).wait(&mut repeat).await {
                Some(Some(decision)) => return self.receipt(&event, decision, Standing::Repeat),
                Some(None) => match self.journal.claim(key) {
                    Claim::First(ticket) => break ticket,
                    Claim::Repeat(other) => repeat = other,
                },
                None => {
                    // Where only keeping is slow, the verdict is known.
                    let fall_back = || self.chain.fall_back(&event, FallbackReason::Timeout);
                    let decision = repeat.decided().unwrap_or_else(fall_back);
                    return self.receipt(&event, decision, Standing::Repeat);
                }
            }
        };
        match self.decide_at_once(&event, asks, load) {
            Step::Decided(decision) => {
                self.watch(asks, &event, &decision, budget);
                self.keep(event, decision, ticket)
            }
            Step::Asks(asking) => self.ask(event, asking, ticket, budget).await,
        }
    }

    /// Lets the shadows look on, off the answer's path.
    fn watch(&self, asks: bool, event: &Event, decision: &Decision, budget: Budget) {
        if asks {
            let shadows = self.journal.shadows().clone();
            self.chain.watch(event, decision, budget, move |watch| {
                let said = watch.decision;
                shadows.note(Shadow {
                    id: watch.event,
                    decider: watch.decider.to_string(),
                    verdict: said.as_ref().map(|said| said.verdict.word().to_owned()),
                    code: said.as_ref().map(|said| said.verdict.code()),
                    by: said.map(|said| said.by.into_owned()),
                });
            });
        }
    }

    fn keep(&self, event: Event, decision: Decision, ticket: Ticket) -> Receipt {
        let (id, kind, app) = (event.id(), event.kind().clone(), Arc::clone(event.app_key()));
        let keeping = self.journal.append(event.with_decision(decision.clone()), Some(ticket));
        Receipt { id, kind, app, decision, standing: Standing::Keeping(keeping), telling: Arc::clone(&self.telling) }
    }

    /// What decides on this road.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the journal keeps events as it should.
    pub fn is_degraded(&self) -> bool {
        self.journal.is_degraded()
    }

    fn receipt(&self, event: &Event, decision: Decision, standing: Standing) -> Receipt {
        let (kind, app) = (event.kind().clone(), Arc::clone(event.app_key()));
        Receipt { id: event.id(), kind, app, decision, standing, telling: Arc::clone(&self.telling) }
    }

    fn mention_oddities<P: Protocol>(&self, family: &P, understood: &Understood) {
        let Understood { event, faults, .. } = understood;
        for fault in faults {
            let field = fault.field;
            let mut told = self.told_of_fields.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.insert((event.kind().label(), field)) {
                continue;
            }
            tracing::warn!(event.id = %event.id(), event.kind = %event.kind(), field, "field left out: {fault} (said once for each field)");
        }
        if event.family() != family.family() {
            self.mention_wrong_path(event, family.family());
        }
    }

    fn mention_wrong_path(&self, event: &Event, came_to: Family) {
        let mut told = self.told_of_wrong_path.lock().unwrap_or_else(PoisonError::into_inner);
        if event.kind().is_probe() || !told.insert(event.family()) {
            return;
        }
        let (kind, wrong) = (event.kind(), came_to.name());
        let right = self.paths.iter().find(|(family, _)| *family == event.family());
        let advice = match right {
            Some((family, path)) => format!("set {path} as the URL of {} in the console", family.name()),
            None => "no path has that family here: add one to [[endpoints]], and set it in the console".to_owned(),
        };
        tracing::warn!(
            event.id = %event.id(),
            "{kind} is of the family {} but came to a path of {wrong}; it was taken all the same, but {advice} (said once)",
            event.family().name()
        );
    }
}

/// Deciding ends here, in percent of the budget; keeping and writing come after it.
const DECIDED_BY: u32 = 85;

/// Waiting for the disk ends here, in percent of the budget; the answer must still be written.
const KEPT_BY: u32 = 95;

/// How far a request came without waiting. Example: [`Protocol`].
pub enum Road {
    /// To the end.
    Done(Receipt),
    /// It has to wait. Run this to its end even when the peer hangs up: the event must be kept.
    Waits(Pin<Box<dyn Future<Output = Receipt> + Send>>),
}

/// A decision that was made; its event may still be on its way to the disk. Example: [`Protocol`].
#[derive(Debug)]
pub struct Receipt {
    id: EventId,
    kind: Kind,
    app: Arc<str>,
    decision: Decision,
    standing: Standing,
    telling: Arc<Telling>,
}

#[derive(Debug)]
enum Standing {
    Probe,
    Repeat,
    Keeping(Keeping),
}

/// What allows an answer to be given. Example: [`Protocol`]. There is no other way to one:
///
/// ```compile_fail
/// let accepted = offhook::intake::Accepted { };
/// ```
#[derive(Debug)]
pub struct Accepted {
    kind: Kind,
    decision: Decision,
    basis: Basis,
}

/// Why an answer may be given. Example: [`Protocol`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Basis {
    /// The event is on disk.
    Kept(Kept),
    /// The journal could not keep the event; it went elsewhere, and the answer must not wait for better times.
    Unkept(Unkept),
    /// Keeping took longer than the budget; it goes on, and the answer must not be late.
    Late,
    /// An equal request was answered before.
    Repeat,
    /// A check of the URL: there is nothing to keep.
    Probe,
}

impl Receipt {
    /// Waits until the event is durable, as far as `budget` allows.
    pub async fn accepted(self, budget: Budget) -> Accepted {
        let Self { id, kind, app, mut decision, standing, telling } = self;
        let mut patience = budget.first(KEPT_BY);
        if decision.is_fallback(FallbackReason::Overload) {
            // Many answers are to be written then, by threads that are busy.
            patience = patience.at_most(patience.remaining() / 2);
        }
        let basis = match standing {
            Standing::Probe => Basis::Probe,
            Standing::Repeat => Basis::Repeat,
            Standing::Keeping(keeping) => match patience.wait(keeping).await {
                Some(Ok(kept)) => kept.or_first(&mut decision).map_or(Basis::Repeat, Basis::Kept),
                Some(Err(unkept)) => Basis::Unkept(unkept),
                None => Basis::Late,
            },
        };
        if matches!(basis, Basis::Late | Basis::Unkept(_)) {
            telling.metrics.unkept.inc();
            telling.unkept.say(|unsaid| {
                tracing::warn!(event.id = %id, event.kind = %kind, unsaid, "the verdict leaves before its event is in the journal");
            });
        }
        let answer = match basis {
            Basis::Probe => "probe",
            Basis::Repeat => "repeat",
            _ => decision.verdict.word(),
        };
        let labels = RequestLabels { family: kind.family().name(), kind: kind.label(), app, answer };
        telling.metrics.requests.get_or_create_owned(&labels).inc();
        tracing::debug!(
            event.id = %id, event.kind = %kind, answer, verdict.by = %decision.by, verdict.code = decision.verdict.code(),
            "answered"
        );
        Accepted { kind, decision, basis }
    }
}

impl Accepted {
    /// What happened.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The verdict and who gave it.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Why the answer may be given.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }
}
