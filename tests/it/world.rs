//! The cast of the tests: Yunxin, who asks; the app, who answers; the inbox, who hears of it afterwards.
//!
//! The app runs in the test's own process here; [`Offhook`] is the real program. Nobody in the cast waits for a time to
//! pass: they wait for an answer, a position, a line, and fail the test where that does not come.

mod answer;
mod handlers;
mod nats;
mod offhook;
pub(crate) mod programs;
mod question;
mod service;
mod traffic;
mod wire;
mod yunxin;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::offhook::app::{Addresses, App as Application, Ended, Stop};
use ::offhook::clock::Clock;
use ::offhook::decide::Policy;
use ::offhook::journal::{Filter, Options, Position, Reader};
use ::offhook::metrics::Metrics;
use ::offhook::receiver::Builder;
use ::offhook::yunxin::App;
use ::offhook::{Event, Receiver, admin, edge};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) use answer::{ALLOW, Answer};
pub(crate) use handlers::{Inbox, Mood, Target, reserved, url_of};
pub(crate) use nats::NatsServer;
pub(crate) use offhook::{Offhook, Ports, Said, exported, get, offhook, offhook_in, program};
pub(crate) use question::Question;
pub(crate) use service::{Manner, Service};
pub(crate) use traffic::{Traffic, marks, random};
pub(crate) use wire::Wire;
pub(crate) use yunxin::Yunxin;

/// The app that Yunxin's console knows, unless a test says otherwise.
pub(crate) const APP_KEY: &str = "c2a1f0d94b7e4c5f8e21a6b3d9075e44";
/// Its secret, made up.
pub(crate) const APP_SECRET: &str = "7c1f09a2be35";

/// How the app is set up.
pub(crate) struct Plan {
    pub(crate) edge: edge::Settings,
    pub(crate) policy: Policy,
    pub(crate) apps: Vec<App>,
    pub(crate) clock: Clock,
    pub(crate) admin: Option<admin::Settings>,
    /// Adds deciders and handlers, at each start anew.
    pub(crate) adds: Box<dyn Fn(Builder) -> Builder>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            edge: edge::Settings { listen: any_port(), ..edge::Settings::default() },
            policy: Policy::default(),
            apps: vec![App::new(APP_KEY, APP_SECRET)],
            clock: Clock::system(),
            admin: None,
            adds: Box::new(|builder| builder),
        }
    }
}

impl Plan {
    /// The usual set-up, with deciders and handlers.
    pub(crate) fn adding(adds: impl Fn(Builder) -> Builder + 'static) -> Self {
        Self { adds: Box::new(adds), ..Self::default() }
    }

    /// The usual set-up, its door changed.
    pub(crate) fn door(change: impl FnOnce(&mut edge::Settings)) -> Self {
        let mut plan = Self::default();
        change(&mut plan.edge);
        plan
    }
}

/// A running app with a journal of its own.
pub(crate) struct World {
    plan: Plan,
    dir: TempDir,
    yunxin: Yunxin,
    running: Option<Running>,
}

struct Running {
    addresses: Addresses,
    stop: oneshot::Sender<Stop>,
    ended: JoinHandle<Ended>,
    metrics: Arc<Metrics>,
    durable: watch::Receiver<Position>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::of(Plan::default()).await
    }

    pub(crate) async fn of(plan: Plan) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let running = Running::start(&plan, &dir).await;
        let app = &plan.apps[0];
        let secret = app.secrets[0].secret.expose();
        let yunxin = Yunxin::new(running.addresses.public, &app.app_key, secret, plan.clock.clone());
        Self { plan, dir, yunxin, running: Some(running) }
    }

    /// The platform, which knows the first app's secret and where the app listens now.
    pub(crate) fn yunxin(&self) -> Yunxin {
        self.yunxin.clone()
    }

    /// The app stops in an orderly way and starts again on the same journal.
    pub(crate) async fn restarts(&mut self) {
        assert_eq!(self.stops().await.unkept, 0);
        let running = Running::start(&self.plan, &self.dir).await;
        self.yunxin = self.yunxin.at(running.addresses.public);
        self.running = Some(running);
    }

    /// The app stops in an orderly way.
    pub(crate) async fn stops(&mut self) -> Ended {
        let running = self.running.take().expect("it runs");
        running.stop.send(Stop::AtOnce).expect("it listens");
        within_reason(running.ended).await.expect("it ends well")
    }

    /// Everything kept, oldest first.
    pub(crate) fn kept(&self) -> Vec<Event> {
        let reader = Reader::open(&self.journal()).expect("a journal");
        let (mut after, mut events) = (Position::default(), Vec::new());
        loop {
            let page = reader.page(after, 500, &Filter::default()).expect("readable");
            events.extend(page.events.into_iter().map(|(_, event)| event));
            if !page.more {
                return events;
            }
            after = page.scanned;
        }
    }

    /// The only event, as soon as it is on disk.
    pub(crate) async fn only_event(&self) -> Event {
        let mut kept = self.keeps(1).await;
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.remove(0)
    }

    /// Waits until `count` events are on disk, and gives them.
    pub(crate) async fn keeps(&self, count: u64) -> Vec<Event> {
        let mut durable = self.running().durable.clone();
        within_reason(durable.wait_for(|position| position.get() >= count)).await.expect("a journal");
        self.kept()
    }

    /// The value of a metric, by its name and labels as they are shown; 0 where it is not shown.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.running().metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.running().addresses
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }
}

impl Running {
    async fn start(plan: &Plan, dir: &TempDir) -> Self {
        let journal =
            Options { min_free: 0, spill: dir.path().join("spill.jsonl"), ..Options::at(dir.path().join("journal")) };
        let builder =
            Receiver::builder().server(plan.edge.clone()).policy(plan.policy.clone()).clock(plan.clock.clone());
        let builder = plan.apps.iter().cloned().fold(builder.journal_in(journal), Builder::with_app);
        let app = Application::build((plan.adds)(builder), plan.admin.clone()).await.expect("an app");
        let addresses = app.addresses().expect("addresses");
        let (metrics, durable) = (Arc::clone(app.receiver().metrics()), app.receiver().journal().durable());
        let (stop, stopping) = oneshot::channel();
        let ended = tokio::spawn(app.run(async { stopping.await.unwrap_or(Stop::AtOnce) }));
        Self { addresses, stop, ended, metrics, durable }
    }
}

/// A port of the system's choice on loopback.
pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Fails the test instead of letting it hang.
pub(crate) async fn within_reason<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it should have happened long ago")
}
