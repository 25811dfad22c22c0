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
use crate::decide::Policy;
use crate::event::EventId;
use crate::family::{Protocol, YunxinCallback};
use crate::intake::{self, Intake, Road};
use crate::kind::Family;
use crate::metrics::{Metrics, ReasonLabel};
use crate::refusal::Refusal;

/// Answers requests: a [`tower::Service`], served over a listener of its own or mounted in an axum router.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

struct Inner {
    settings: Settings,
    yunxin_callback: Arc<YunxinCallback>,
    intake: Arc<Intake>,
    places: Arc<Places>,
    readiness: AtomicU8,
    strangers: Strangers,
    tasks: TaskTracker,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// The largest head, in bytes; a larger one is answered 431.
pub(super) const HEAD_LIMIT: usize = 32 << 10;

/// Reading ends here, in percent of the budget; deciding, keeping and writing come after it.
const READ_BY: u32 = 80;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Edge {
    /// A door that leads to `intake`.
    pub fn new(
        settings: Settings,
        yunxin_callback: YunxinCallback,
        intake: Intake,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let places = Places::new(settings.max_in_flight, Arc::clone(&metrics));
        Self(Arc::new(Inner {
            settings,
            yunxin_callback: Arc::new(yunxin_callback),
            intake: Arc::new(intake),
            places,
            readiness: AtomicU8::new(STARTING),
            strangers: Strangers::default(),
            tasks: TaskTracker::new(),
            clock,
            metrics,
        }))
    }

    /// What this door allows.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// From now on follows `policy`; requests under way are not disturbed.
    pub fn follow(&self, policy: Policy) {
        self.0.intake.chain().follow(policy);
    }

    /// The family behind the callback paths, which may be told to believe other apps.
    pub fn yunxin_callback(&self) -> &YunxinCallback {
        &self.0.yunxin_callback
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

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Answers one request; `from` is known where it came over the door's own listener.
    ///
    /// What the head alone decides is decided before the future is made, so that nothing of a stranger's is kept.
    pub(super) fn answer<B>(
        self,
        request: Request<B>,
        from: Option<Arc<Connection>>,
    ) -> impl Future<Output = Reply> + Send + 'static
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
    {
        let started = from.as_ref().map_or_else(Instant::now, |connection| connection.begins());
        let question = self.judge(request, started, from.as_deref());
        async move {
            let mut reply = match question {
                Ok(question) => self.take_down_the_road(question).await,
                Err(reply) => *reply,
            };
            if self.0.readiness.load(Ordering::Relaxed) == DRAINING {
                reply::ask_to_close(&mut reply);
            }
            if let Some(connection) = &from {
                connection.answers();
            }
            reply
        }
    }

    /// Judges a request by its head.
    fn judge<B>(
        &self,
        request: Request<B>,
        started: Instant,
        from: Option<&Connection>,
    ) -> Result<Question<YunxinCallback, B>, Box<Reply>> {
        match request.uri().path() {
            "/healthz" => return Err(Box::new(reply::alive())),
            "/readyz" => return Err(Box::new(self.readiness())),
            _ => {}
        }
        let callers = &self.0.settings.callers;
        let known = from.map(Connection::peer).or_else(|| Some(request.extensions().get::<PeerAddress>()?.0));
        let peer = known.map(|address| callers.peer(address.ip(), request.headers()));
        if !callers.allows(peer) {
            return Err(self.turn_away(&Refusal::AddressNotAllowed, peer));
        }
        if head_size(&request) > HEAD_LIMIT {
            return Err(Box::new(reply::head_too_large()));
        }
        match self.0.settings.family_at(request.uri().path()) {
            Some(Family::YunxinCallback) => {
                self.prove(Arc::clone(&self.0.yunxin_callback), request, started, from, peer)
            }
            _ => Err(Box::new(reply::not_found())),
        }
    }

    /// Judges a request on a path of `family` by its head.
    fn prove<P: Protocol, B>(
        &self,
        family: Arc<P>,
        request: Request<B>,
        started: Instant,
        from: Option<&Connection>,
        peer: Option<IpAddr>,
    ) -> Result<Question<P, B>, Box<Reply>> {
        if request.method() != Method::POST {
            return Err(Box::new(reply::method_not_allowed()));
        }
        let (budget, received) = (Budget::since(started, self.0.settings.deadline), self.0.clock.now());
        let proven = family.prove(request.headers(), received).map_err(|refusal| self.turn_away(&refusal, peer))?;
        if let Some(connection) = from {
            connection.proves_itself();
        }
        let place = self.0.places.take(family.app_of(&proven));
        Ok(Question { place, family, proven, body: request.into_body(), received, budget, peer })
    }

    /// A request that proved nothing.
    fn turn_away(&self, refusal: &Refusal, peer: Option<IpAddr>) -> Box<Reply> {
        self.0.metrics.refusals.get_or_create_owned(&ReasonLabel { reason: refusal.code() }).inc();
        self.0.strangers.mention(refusal, peer);
        Box::new(reply::refusal(refusal))
    }

    /// Answers a request whose headers were proven.
    async fn take_down_the_road<P: Protocol, B>(&self, question: Question<P, B>) -> Reply
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Question { place, family, proven, body, received, budget, peer } = question;
        let (id, stages) = (EventId::at(received), &self.0.metrics.stages);
        let road = body::read(body, self.0.settings.body_limit, budget.first(READ_BY)).await.and_then(|body| {
            stages.read.observe(budget.spent().as_secs_f64());
            let request = intake::Request { id, received, proven, body, load: place.load, budget };
            self.0.intake.receive(&*family, request)
        });
        let receipt = match road {
            Ok(Road::Done(receipt)) => receipt,
            // On a task of its own: a peer that hangs up must not stop it.
            Ok(Road::Waits(road)) => match self.0.tasks.spawn(road).await {
                Ok(receipt) => receipt,
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            },
            Err(refusal) => return self.refuse(id, &refusal, peer),
        };
        let decided = budget.spent();
        let accepted = receipt.accepted(budget).await;
        let ready = budget.spent();
        stages.keep.observe((ready - decided).as_secs_f64());
        self.0.metrics.reply_seconds.observe(ready.as_secs_f64());
        reply::verdict(&*family, &accepted)
    }

    /// A request whose headers were proven, but not its body: worth a line each, since somebody's set-up is wrong.
    fn refuse(&self, id: EventId, refusal: &Refusal, peer: Option<IpAddr>) -> Reply {
        self.0.metrics.refusals.get_or_create_owned(&ReasonLabel { reason: refusal.code() }).inc();
        let peer = peer.map(tracing::field::display);
        tracing::warn!(request.id = %id, refusal = refusal.code(), peer, "request refused: {refusal}");
        reply::refusal(refusal)
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
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.clone().answer(request, None);
        Box::pin(async move { Ok(answer.await) })
    }
}

/// A request whose headers were proven; its body has still to be read.
struct Question<P: Protocol, B> {
    place: Place,
    family: Arc<P>,
    proven: P::Proven,
    body: B,
    received: Timestamp,
    budget: Budget,
    peer: Option<IpAddr>,
}

/// How long a head was, give or take blanks. The reader's own limit is a soft one: what lies in its buffer already passes.
fn head_size<B>(request: &Request<B>) -> usize {
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() + 4;
    line + request.headers().iter().map(header).sum::<usize>()
}
