//! The whole receiver as a value: for a program of your own, and for the `offhook` command, which adds listeners.

mod delivering;
mod error;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

pub use error::BuildError;

use delivering::Delivering;

use crate::clock::Clock;
use crate::decide::{BoxedDecider, Chain, Decider, IntoOpinion, LinkSettings, Policy, Word};
use crate::deliver::{AnyHandler, Dispatcher, Handler, LaneSettings, Orders, Outcome};
use crate::edge::{self, Edge, Endpoint, PeerAddress};
use crate::family::Families;
use crate::feedback::{self, Feedback};
use crate::intake::{Intake, Tap};
use crate::journal::{self, Closed, Journal};
use crate::metrics::Metrics;
use crate::payload::FromEvent;
use crate::secret::Secret;
use crate::tencent::callback::CallbackSecrets;
use crate::yunxin::{App, Apps};

/// Receives callbacks: verifies, decides, keeps, answers, delivers.
///
/// ```no_run
/// use offhook::{Event, Handler, Outcome, Receiver, Verdict, yunxin::CallStart};
///
/// struct Billing;
///
/// impl Handler for Billing {
///     fn name(&self) -> &str {
///         "billing"
///     }
///
///     async fn deliver(&self, event: &Event) -> Outcome {
///         println!("{} {}", event.id(), event.kind());
///         Outcome::Done
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let router: axum::Router = Receiver::builder()
///     .app("made-up-app-key", "made-up-app-secret")
///     .decide(|call: CallStart| async move {
///         if call.callees().len() > 8 { Verdict::reject(20010) } else { Verdict::allow() }
///     })
///     .handler(Billing)
///     .build()
///     .await?
///     .into_router();
/// # Ok(()) }
/// ```
/// With [`Receiver::router`] it stays in your hands, to be stopped when your server has ended:
///
/// ```
/// # async fn example(receiver: offhook::Receiver, listener: tokio::net::TcpListener) -> std::io::Result<()> {
/// let ctrl_c = async { _ = tokio::signal::ctrl_c().await };
/// axum::serve(listener, receiver.router()).with_graceful_shutdown(ctrl_c).await?;
/// let closed = receiver.stop(std::time::Duration::from_secs(10)).await;
/// assert_eq!(closed.unkept, 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Receiver {
    edge: Edge,
    journal: Journal,
    /// None once it was stopped.
    dispatcher: Mutex<Option<Dispatcher>>,
    orders: Orders,
    clock: Clock,
    metrics: Arc<Metrics>,
    delivering: Delivering,
    /// None once it was stopped.
    feedback: Mutex<Option<Feedback>>,
}

/// Puts a [`Receiver`] together.
///
/// ```
/// use offhook::decide::{LinkSettings, OnError, Word};
/// use offhook::deliver::LaneSettings;
/// use offhook::kind::KindPattern;
/// use offhook::{Decider, Handler, Receiver};
///
/// async fn build(rules: impl Decider, billing: impl Handler) -> Result<Receiver, Box<dyn std::error::Error>> {
///     let rules_in = LinkSettings { on_error: OnError::Next, ..LinkSettings::new("rules") };
///     let billing_in = LaneSettings { kinds: vec![KindPattern::parse("call.*")?], ..LaneSettings::new("billing") };
///     let receiver = Receiver::builder().app("made-up-app-key", "made-up-app-secret").fallback(Word::Allow);
///     Ok(receiver.decider_in(rules_in, rules).handler_in(billing_in, billing).journal("data").build().await?)
/// }
/// ```
#[derive(Debug)]
pub struct Builder {
    pub(crate) settings: edge::Settings,
    pub(crate) apps: Vec<App>,
    pub(crate) tencent: CallbackSecrets,
    pub(crate) policy: Policy,
    pub(crate) deciders: Vec<(LinkSettings, BoxedDecider)>,
    pub(crate) handlers: Vec<(LaneSettings, AnyHandler)>,
    pub(crate) journal: journal::Options,
    pub(crate) clock: Clock,
    /// Numbers that somebody counts in already.
    pub(crate) metrics: Option<Arc<Metrics>>,
}

impl Receiver {
    /// Starts with the defaults of the command's configuration, and no app.
    pub fn builder() -> Builder {
        Builder {
            settings: edge::Settings::default(),
            apps: Vec::new(),
            tencent: CallbackSecrets::default(),
            policy: Policy::default(),
            deciders: Vec::new(),
            handlers: Vec::new(),
            journal: journal::Options::at("data"),
            clock: Clock::system(),
            metrics: None,
        }
    }

    /// The endpoints as an axum router, to be merged into yours; the receiver lives as long as the router.
    ///
    /// A listener of yours starts each budget when a request's head is complete; the `offhook` command's own
    /// listener starts it at the first byte.
    pub fn into_router(self) -> axum::Router {
        let edge = self.edge.clone();
        router(&edge, &Arc::new(self))
    }

    /// The endpoints as an axum router, while the receiver stays in your hands for [`Receiver::stop`].
    pub fn router(&self) -> axum::Router {
        router(&self.edge, &Arc::new(()))
    }

    /// The service behind the endpoints.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The journal it keeps.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Takes what a person asks of its deliveries.
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Its numbers.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// From now on believes `apps` and `tencent`, follows `policy`, asks `deciders` and delivers to `handlers`. No
    /// request is disturbed: those under way finish with the deciders they began with; deliveries under way finish
    /// first, at most `within`.
    ///
    /// # Errors
    /// A new handler has no position to start from, or there are no threads for the new deciders; then everything is as
    /// it was.
    pub async fn reload(
        &self,
        apps: Vec<App>,
        tencent: CallbackSecrets,
        policy: Policy,
        deciders: Vec<(LinkSettings, BoxedDecider)>,
        handlers: Vec<(LaneSettings, AnyHandler)>,
        within: Duration,
    ) -> Result<(), BuildError> {
        // What can fail comes first: what cannot start must not change or end what runs.
        for (lane, _) in &handlers {
            self.journal.lanes().register(&lane.name)?;
        }
        let (journal, tolerance) = (self.journal.clone(), App::longest_tolerance(&apps));
        tokio::task::spawn_blocking(move || journal.tolerate(tolerance)).await.map_err(|_| BuildError::CutShort)??;
        self.edge.follow(policy, deciders)?;
        self.edge.families().believe(apps.into_iter().collect(), tencent);
        let mut dispatcher = self.dispatcher.lock().await;
        if let Some(old) = dispatcher.take() {
            old.stop(within).await;
        }
        let (journal, metrics, clock) = (self.journal.clone(), Arc::clone(&self.metrics), self.clock.clone());
        let runtime = self.delivering.handle();
        let orders = self.orders.clone();
        let start = move || Dispatcher::start(&journal, handlers, &metrics, &clock, &orders, &runtime);
        *dispatcher = Some(tokio::task::spawn_blocking(start).await.map_err(|_| BuildError::CutShort)??);
        Ok(())
    }

    /// Finishes what was accepted and what is being delivered, each within `within`, and makes everything durable.
    /// What is not delivered yet is delivered after the next start.
    pub async fn stop(&self, within: Duration) -> Closed {
        self.edge.drains();
        // Whatever does not finish was cut off from its answer already.
        let _ = tokio::time::timeout(within, self.edge.finished()).await;
        if let Some(dispatcher) = self.dispatcher.lock().await.take() {
            dispatcher.stop(within).await;
        }
        if let Some(feedback) = self.feedback.lock().await.take() {
            // What it had still to work on is found at the next start.
            let _ = tokio::time::timeout(within, feedback.ends()).await;
        }
        self.journal.close(within).await
    }
}

impl Builder {
    /// Believes requests that `app_secret` signed.
    #[must_use]
    pub fn app(self, app_key: impl Into<String>, app_secret: impl Into<Secret>) -> Self {
        self.with_app(App::new(app_key.into(), app_secret))
    }

    /// Believes requests of `app`.
    #[must_use]
    pub fn with_app(mut self, app: App) -> Self {
        self.apps.push(app);
        self
    }

    /// Believes Tencent's callbacks that `secrets` prove.
    #[must_use]
    pub fn tencent(mut self, secrets: CallbackSecrets) -> Self {
        self.tencent = secrets;
        self
    }

    /// Asks `decide`, a closure over an event or its typed content; the first opinion of all deciders wins.
    #[must_use]
    pub fn decide<F, Fut, T>(mut self, decide: F) -> Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOpinion,
        T: FromEvent,
    {
        let name = format!("decider-{}", self.deciders.len() + 1);
        self.deciders.push((LinkSettings::new(name.as_str()), BoxedDecider::from_fn(name, decide)));
        self
    }

    /// Asks `decider`.
    #[must_use]
    pub fn decider(self, decider: impl Decider) -> Self {
        let link = LinkSettings::new(decider.name());
        self.decider_in(link, decider)
    }

    /// Asks `decider` in its place as `link` says: for which kinds and apps, for how long, and what its failure means.
    #[must_use]
    pub fn decider_in(mut self, link: LinkSettings, decider: impl Decider) -> Self {
        self.deciders.push((link, BoxedDecider::new(decider)));
        self
    }

    /// Hands every event on to `handler`, in a lane of its own.
    #[must_use]
    pub fn handler(self, handler: impl Handler) -> Self {
        let lane = LaneSettings::new(handler.name());
        self.handler_in(lane, handler)
    }

    /// Hands events on to `deliver`, a closure over an event or its typed content, in a lane named `name`. Events that
    /// it does not take are done at once; the others may come again, as [`Handler`] says.
    #[must_use]
    pub fn deliver<F, Fut, T>(self, name: &str, deliver: F) -> Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Outcome> + Send + 'static,
        T: FromEvent,
    {
        self.handler(crate::deliver::from_fn(name, deliver))
    }

    /// Hands events on to `handler` as `lane` says.
    #[must_use]
    pub fn handler_in(mut self, lane: LaneSettings, handler: impl Handler) -> Self {
        self.handlers.push((lane, AnyHandler::new(handler)));
        self
    }

    /// Keeps the journal in the directory `path` (default: `data`).
    #[must_use]
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = journal::Options::at(path);
        self
    }

    /// Answers `word` where deciding failed or there was no time or room for it (default: reject).
    #[must_use]
    pub fn fallback(mut self, word: Word) -> Self {
        self.policy.scope.all.fallback = Some(word);
        self
    }

    /// What the public listener allows; the library's router uses all of it but the address and the limits of
    /// connections.
    #[must_use]
    pub fn server(mut self, settings: edge::Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The verdicts where no decider has an opinion, and where deciding failed.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps the journal as `options` say.
    #[must_use]
    pub fn journal_in(mut self, options: journal::Options) -> Self {
        self.journal = options;
        self
    }

    /// The time a request may take (default: 1.5 s).
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Asks `clock` for the time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the journal and starts delivering.
    ///
    /// # Errors
    /// No app was given, the journal cannot be opened, or the system gave no threads.
    pub async fn build(self) -> Result<Receiver, BuildError> {
        let Self { settings, apps, tencent, policy, deciders, handlers, journal, clock, metrics } = self;
        if apps.is_empty() && tencent.is_empty() {
            return Err(BuildError::NoApp);
        }
        let journal = journal::Options { tolerance: journal.tolerance.max(App::longest_tolerance(&apps)), ..journal };
        let metrics = metrics.unwrap_or_else(|| Metrics::new(settings.deadline));
        let delivering = Delivering::start()?;
        let runtime = delivering.handle();
        let begins: Vec<AnyHandler> = handlers.iter().map(|(_, handler)| handler.clone()).collect();
        let open = {
            let (clock, metrics) = (clock.clone(), Arc::clone(&metrics));
            move || -> Result<_, BuildError> {
                let journal = Journal::open(journal, clock.clone(), Arc::clone(&metrics))?;
                let orders = Orders::new(journal.clone(), clock.clone());
                let dispatcher = Dispatcher::start(&journal, handlers, &metrics, &clock, &orders, &runtime)?;
                Ok((journal, dispatcher, orders))
            }
        };
        let (journal, dispatcher, orders) =
            tokio::task::spawn_blocking(open).await.map_err(|_| BuildError::CutShort)??;
        delivering.resume(begins);
        let chain = Chain::new(policy, deciders, Arc::clone(&metrics))?;
        let paths = settings.endpoints.iter().map(|endpoint| (endpoint.family, endpoint.path.clone())).collect();
        let (tell, kept) = tokio::sync::mpsc::channel(feedback::WAITING);
        let feedback = Feedback::listen(journal.clone(), Arc::clone(&metrics), kept, &delivering.handle());
        let feedback = Mutex::new(Some(feedback));
        // What finds no place is in the journal, and worked on after the next start.
        let tell = Box::new(move |position| _ = tell.try_send(position));
        let tap = Tap { kind: feedback::KIND, tell };
        let intake = Intake::new(chain, journal.clone(), Arc::clone(&metrics), paths).tapped(tap);
        let families = Families::new(apps.into_iter().collect::<Apps>(), tencent, &metrics);
        let edge = Edge::new(settings, families, intake, clock.clone(), Arc::clone(&metrics));
        let dispatcher = Mutex::new(Some(dispatcher));
        Ok(Receiver { edge, journal, dispatcher, orders, clock, metrics, delivering, feedback })
    }
}

/// A router of the edge's endpoints that keeps `alive` until it is dropped.
fn router<T: Send + Sync + 'static>(edge: &Edge, alive: &Arc<T>) -> axum::Router {
    edge.opens();
    edge.settings().endpoints.iter().fold(axum::Router::new(), |router, Endpoint { path, .. }| {
        let (edge, alive) = (edge.clone(), Arc::clone(alive));
        let service = tower::service_fn(move |request: axum::extract::Request| {
            let (mut edge, _alive) = (edge.clone(), Arc::clone(&alive));
            let mut request = request;
            if let Some(axum::extract::ConnectInfo(peer)) = request.extensions().get().copied() {
                request.extensions_mut().insert(PeerAddress(peer));
            }
            async move { tower::Service::call(&mut edge, request).await }
        });
        router.route_service(path, service)
    })
}
