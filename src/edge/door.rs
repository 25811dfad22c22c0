//! The door: one request in, one answer out, within the budget that started at its first byte.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::body;
use super::gate::Connection;
use super::peer::PeerAddress;
use super::places::{Place, Places};
use super::reply::{self, Reply};
use super::settings::Settings;
use super::strangers::Strangers;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::decide::{BoxedDecider, LinkSettings, Policy};
use crate::event::EventId;
use crate::family::{Families, Head, Protocol, TencentCall, TencentTrtc, UNPROVEN_BODY, Yunxin};
use crate::intake::{self, Basis, Intake, Road};
use crate::kind::Family;
use crate::metrics::{Metrics, ReasonLabel};
use crate::refusal::Refusal;
use crate::seen::{Road as RoadSeen, Seen, TurnedAway};

/// Answers requests: a [`tower::Service`], served over a listener of its own or mounted in an axum router.
/// Example: [`serve`](super::serve).
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    settings: Settings,
    families: Families,
    intake: Arc<Intake>,
    places: Arc<Places>,
    readiness: AtomicU8,
    strangers: Strangers,
    seen: Arc<Seen>,
    tasks: TaskTracker,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// An answer on its way.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

/// The largest head, in bytes; a larger one is answered 431.
pub(super) const HEAD_LIMIT: usize = 32 << 10;

/// Reading ends here, in percent of the budget; deciding, keeping and writing come after it.
const READ_BY: u32 = 80;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Edge {
    /// A door that leads to `intake`.
    pub fn new(settings: Settings, families: Families, intake: Intake, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let places = Places::new(settings.max_in_flight, Arc::clone(&metrics));
        Self(Arc::new(Inner {
            settings,
            families,
            intake: Arc::new(intake),
            places,
            readiness: AtomicU8::new(STARTING),
            strangers: Strangers::default(),
            seen: Arc::default(),
            tasks: TaskTracker::new(),
            clock,
            metrics,
        }))
    }

    /// What this door allows.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// From now on follows `policy` and asks `deciders`; requests under way are not disturbed.
    ///
    /// # Errors
    /// The operating system gave no threads for deciders.
    pub fn follow(&self, policy: Policy, deciders: Vec<(LinkSettings, BoxedDecider)>) -> std::io::Result<()> {
        self.0.intake.chain().follow(policy, deciders)
    }

    /// The families behind the paths, which may be told to believe others than before.
    pub fn families(&self) -> &Families {
        &self.0.families
    }

    /// From now on `/readyz` says yes.
    pub fn opens(&self) {
        self.0.readiness.store(READY, Ordering::Relaxed);
    }

    /// From now on `/readyz` says no, and answers ask their connections to close.
    pub fn drains(&self) {
        self.0.readiness.store(DRAINING, Ordering::Relaxed);
    }

    /// Waits until every request that outlived its connection is done.
    pub async fn finished(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.intake.chain().finished().await;
    }

    /// Whether this instance may be sent requests, as an answer to `GET /readyz`.
    pub fn readiness(&self) -> Reply {
        let problem = match self.0.readiness.load(Ordering::Relaxed) {
            READY => None,
            DRAINING => Some("draining"),
            _ => Some("starting"),
        };
        reply::readiness(problem, self.0.intake.is_degraded())
    }

    /// The time of day, as it is told here.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What goes by here, for whoever looks on.
    pub fn seen(&self) -> &Arc<Seen> {
        &self.0.seen
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Answers one request; `from` is known where it came over the door's own listener.
    ///
    /// What the head alone decides is decided before the future is made, so that nothing of a stranger's is kept.
    pub(super) fn answer<B>(self, request: Request<B>, from: Option<Arc<Connection>>) -> Answering
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let started = from.as_ref().map_or_else(Instant::now, |connection| connection.begins());
        let question = self.question(request, started, from.as_deref());
        Box::pin(async move {
            let mut reply = match question {
                Ok(Asked::Yunxin(question)) => self.take_down_the_road(question, from.as_deref()).await,
                Ok(Asked::TencentCall(question)) => self.take_down_the_road(question, from.as_deref()).await,
                Ok(Asked::TencentTrtc(question)) => self.take_down_the_road(question, from.as_deref()).await,
                Err(reply) => *reply,
            };
            if self.0.readiness.load(Ordering::Relaxed) == DRAINING {
                reply::ask_to_close(&mut reply);
            }
            if let Some(connection) = &from {
                connection.answers();
            }
            Ok(reply)
        })
    }

    /// Judges a request by its head: whose path it came to, and whether that family believes it.
    fn question<B>(
        &self,
        request: Request<B>,
        started: Instant,
        from: Option<&Connection>,
    ) -> Result<Asked<B>, Box<Reply>> {
        let own = match request.uri().path() {
            "/healthz" => Some(reply::alive()),
            "/readyz" => Some(self.readiness()),
            _ => None,
        };
        if let Some(own) = own {
            let looks = matches!(*request.method(), Method::GET | Method::HEAD);
            return Err(Box::new(if looks { own } else { reply::method_not_allowed("GET") }));
        }
        let callers = &self.0.settings.callers;
        let known = from.map(Connection::peer).or_else(|| Some(request.extensions().get::<PeerAddress>()?.0));
        let peer = known.map(|address| callers.peer(address.ip(), request.headers()));
        if !callers.allows(peer) {
            return Err(Box::new(
                self.refuse_stranger(&Refusal::AddressNotAllowed, Claim { peer, ..Claim::default() }),
            ));
        }
        if head_size(&request) > HEAD_LIMIT {
            return Err(Box::new(reply::head_too_large()));
        }
        let (families, knock) = (&self.0.families, Knock { request, started, from, peer });
        match self.0.settings.at(knock.request.uri().path()).map(|(family, _)| family) {
            Some(Family::YunxinCallback) => self.prove(&families.yunxin_callback, knock).map(Asked::Yunxin),
            Some(Family::YunxinCopy) => self.prove(&families.yunxin_copy, knock).map(Asked::Yunxin),
            Some(Family::TencentCall) => self.prove(&families.tencent_call, knock).map(Asked::TencentCall),
            Some(Family::TencentTrtc) => self.prove(&families.tencent_trtc, knock).map(Asked::TencentTrtc),
            None => {
                self.overlook("404", "there is no such path here", Claim { peer: knock.peer, ..Claim::default() });
                Err(Box::new(reply::not_found()))
            }
        }
    }

    /// Judges a request on a path of `family` by its head.
    fn prove<P: Protocol, B>(&self, family: &Arc<P>, knock: Knock<'_, B>) -> Result<Question<P, B>, Box<Reply>> {
        let Knock { request, started, from, peer } = knock;
        let claim = Claim { peer, family: Some(family.family()), app: None };
        if request.method() != Method::POST {
            self.overlook("405", "only POST is answered here", claim);
            return Err(Box::new(reply::method_not_allowed("POST")));
        }
        let (budget, received) = (Budget::since(started, self.0.settings.deadline), self.0.clock.now());
        let (uri, headers) = (request.uri(), request.headers());
        let token = self.0.settings.at(uri.path()).and_then(|(_, token)| token);
        let head = Head { headers, token, query: uri.query() };
        let proven = family.prove(&head, received).map_err(|refusal| {
            let app = headers.get("appkey").and_then(|key| key.to_str().ok());
            Box::new(self.refuse_stranger(&refusal, Claim { app, ..claim }))
        })?;
        let place = family.is_proof(&proven).then(|| self.0.places.take(family.app_of(&proven)));
        if let (Some(_), Some(connection)) = (&place, from) {
            connection.proves_itself();
        }
        let body = request.into_body();
        Ok(Question { place, family: Arc::clone(family), proven, body, received, budget, peer })
    }

    /// Answers a request whose head was not refused.
    async fn take_down_the_road<P: Protocol, B>(&self, question: Question<P, B>, from: Option<&Connection>) -> Reply
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Question { place, family, proven, body, received, budget, peer } = question;
        let (id, stages) = (EventId::at(received), &self.0.metrics.stages);
        let is_stranger = place.is_none();
        let looked_on = self.0.seen.is_looked_on();
        let limit = self.0.settings.body_limit;
        let limit = if is_stranger { limit.min(UNPROVEN_BODY) } else { limit };
        let body = body::read(body, limit, budget.first(READ_BY)).await;
        let read = budget.spent();
        // Only from here on a stranger can take a place, for as long as its body is verified.
        let place = place.unwrap_or_else(|| self.0.places.take(None));
        let road = body.and_then(|body| {
            let request = intake::Request { id, received, proven, body, load: place.load, budget };
            self.0.intake.receive(&*family, request)
        });
        if let (true, Some(connection)) = (is_stranger && road.is_ok(), from) {
            connection.proves_itself();
        }
        let understood = if looked_on { budget.spent() } else { read };
        let mut waited = false;
        let receipt = match road {
            Ok(Road::Done(receipt)) => receipt,
            // On a task of its own: a peer that hangs up must not stop it.
            Ok(Road::Waits(road)) => match self.0.tasks.spawn(road).await {
                Ok(receipt) => {
                    waited = true;
                    receipt
                }
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            },
            Err(refusal) => {
                let claim = Claim { peer, family: Some(family.family()), app: place.app() };
                return if is_stranger {
                    self.refuse_stranger(&refusal, claim)
                } else {
                    self.refuse(id, &refusal, claim)
                };
            }
        };
        stages.read.observe(read.as_secs_f64());
        let decided = budget.spent();
        let accepted = receipt.accepted(budget).await;
        self.0.intake.tell_tap(&accepted);
        let ready = budget.spent();
        stages.keep.observe((ready - decided).as_secs_f64());
        self.0.metrics.reply_seconds.observe(ready.as_secs_f64());
        let kept = matches!(accepted.basis(), Basis::Kept(_));
        if looked_on && !matches!(accepted.basis(), Basis::Repeat | Basis::Probe) {
            self.0.seen.note(RoadSeen { id, peer, read, understood, decided, answered: ready, waited, kept });
        }
        reply::verdict(&*family, &accepted)
    }

    /// A request that proved nothing: counted, and logged only now and then, or strangers could fill the disk.
    fn refuse_stranger(&self, refusal: &Refusal, claim: Claim<'_>) -> Reply {
        self.0.metrics.refusals.get_or_create_owned(&ReasonLabel { reason: refusal.code() }).inc();
        self.0.strangers.mention(refusal, claim.peer);
        self.turn_away(refusal.code(), refusal.to_string(), claim, false);
        reply::refusal(refusal)
    }

    /// A request whose headers were proven, but not its body: worth a line each, since somebody's set-up is wrong.
    fn refuse(&self, id: EventId, refusal: &Refusal, claim: Claim<'_>) -> Reply {
        self.0.metrics.refusals.get_or_create_owned(&ReasonLabel { reason: refusal.code() }).inc();
        self.turn_away(refusal.code(), refusal.to_string(), claim, true);
        let peer = claim.peer.map(tracing::field::display);
        tracing::warn!(request.id = %id, refusal = refusal.code(), peer, "request refused: {refusal}");
        reply::refusal(refusal)
    }
}

impl Edge {
    /// A request that is not even refused: it came to the wrong place.
    fn overlook(&self, status: &'static str, message: &str, claim: Claim<'_>) {
        self.turn_away(status, message.to_owned(), claim, false);
    }

    /// Leaves word of a request that was turned away.
    fn turn_away(&self, code: &'static str, message: String, claim: Claim<'_>, proven: bool) {
        let Claim { peer, family, app } = claim;
        let (app, at) = (app.map(str::to_owned), self.0.clock.now());
        self.0.seen.turn_away(TurnedAway { code, message, peer, app, family, proven, at, count: 1 });
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl<B> tower::Service<Request<B>> for Edge
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.clone().answer(request, None)
    }
}

/// A question to one of the families.
enum Asked<B> {
    Yunxin(Question<Yunxin, B>),
    TencentCall(Question<TencentCall, B>),
    TencentTrtc(Question<TencentTrtc, B>),
}

/// A request at the door.
struct Knock<'k, B> {
    request: Request<B>,
    started: Instant,
    from: Option<&'k Connection>,
    peer: Option<IpAddr>,
}

/// A request whose head was not refused; its body has still to be read.
struct Question<P: Protocol, B> {
    /// None while its sender is not proven.
    place: Option<Place>,
    family: Arc<P>,
    proven: P::Proven,
    body: B,
    received: Timestamp,
    budget: Budget,
    peer: Option<IpAddr>,
}

/// What is known of a request that is turned away.
#[derive(Clone, Copy, Default)]
struct Claim<'a> {
    peer: Option<IpAddr>,
    family: Option<Family>,
    app: Option<&'a str>,
}

/// How long a head was, give or take blanks. The reader's own limit is a soft one: what lies in its buffer already passes.
fn head_size<B>(request: &Request<B>) -> usize {
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() + 4;
    line + request.headers().iter().map(header).sum::<usize>()
}
