//! The admin listener: the inspector, numbers and health for the people who run offhook.
//!
//! Never mixed with the public listener, and checked on its own: a page in somebody's browser must not reach it. It reads
//! what the journal keeps, what [`crate::seen`] remembers and what the numbers count, and changes nothing but by an order.

mod act;
mod answer;
mod asked;
mod assets;
mod commands;
pub mod control;
mod detail;
mod follow;
mod guard;
mod history;
mod lanes;
mod list;
mod listener;
mod live;
mod mask;
mod numbers;
mod refused;
mod sample;
mod scraped;
mod session;
mod shrink;
pub mod stream;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::deliver::Orders;
use crate::edge::Edge;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::secret::Secret;

/// The admin listener's settings.
///
/// ```
/// use offhook::Receiver;
/// use offhook::app::App;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
///
/// let admin = offhook::admin::Settings { listen: "127.0.0.1:0".parse()?, token: None, write: false, samples: false };
/// let mut settings = offhook::edge::Settings::default();
/// settings.listen = "127.0.0.1:0".parse()?;
/// let builder = Receiver::builder().app("made-up-app-key", "made-up-app-secret").journal(directory.path());
/// let app = App::build(builder.server(settings), Some(admin)).await?;
/// println!("the inspector is at http://{}", app.addresses()?.admin.expect("it listens"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a caller must show as `Authorization: Bearer …`, or sign in with; required off loopback.
    pub token: Option<Secret>,
    /// Whether deliveries may be repeated, tried again and given up here.
    pub write: bool,
    /// Whether samples may be sent to this receiver itself, signed with its own secrets: for `dev` only.
    pub samples: bool,
}

/// What the admin pages show, and what they give orders to.
///
/// ```
/// use std::sync::Arc;
/// use offhook::admin::{self, Shown};
/// use offhook::Receiver;
/// use tokio::net::TcpListener;
/// use tokio_util::sync::CancellationToken;
///
/// /// The inspector of a receiver that is served by something else.
/// async fn inspect(receiver: &Receiver, settings: admin::Settings, stop: CancellationToken) -> std::io::Result<()> {
///     let listener = TcpListener::bind(settings.listen).await?;
///     let shown = Shown {
///         edge: receiver.edge().clone(),
///         public: receiver.edge().settings().listen,
///         journal: receiver.journal().clone(),
///         orders: receiver.orders().clone(),
///         metrics: Arc::clone(receiver.metrics()),
///         clock: receiver.edge().clock().clone(),
///     };
///     admin::serve(listener, settings, shown, stop).await;
///     Ok(())
/// }
/// # let _ = inspect;
/// ```
#[derive(Debug, Clone)]
pub struct Shown {
    /// The door of the public listener.
    pub edge: Edge,
    /// Where that listens.
    pub public: SocketAddr,
    /// What is kept.
    pub journal: Journal,
    /// Who takes orders about deliveries.
    pub orders: Orders,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The time of day.
    pub clock: Clock,
}

/// Everything the pages need. Cheap to clone.
#[derive(Debug, Clone)]
struct Inspector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shown: Shown,
    guard: guard::Guard,
    write: bool,
    samples: bool,
    history: history::History,
    /// Seats of live streams.
    streams: Arc<Semaphore>,
}

/// Live streams at once: each costs a connection and some reading.
const STREAMS: usize = 32;

impl Deref for Inspector {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Serves the admin pages on `listener` until `stop`.
///
/// Example: [`Shown`].
pub async fn serve(listener: TcpListener, settings: Settings, shown: Shown, stop: CancellationToken) {
    let Settings { token, write, samples, .. } = settings;
    let guard = guard::Guard::new(token, listener.local_addr().ok());
    let (history, streams) = (history::History::default(), Arc::new(Semaphore::new(STREAMS)));
    let inspector = Inspector(Arc::new(Inner { shown, guard, write, samples, history, streams }));
    let pages = router(&inspector);
    tokio::select! {
        () = listener::serve(listener, pages, stop) => {}
        () = inspector.history.keeps(&inspector.shown) => {}
    }
}

fn router(inspector: &Inspector) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(numbers))
        .route("/api/kinds", get(list::kinds))
        .route("/api/events", get(list::events))
        .route("/api/events/live", get(live::stream))
        .route("/api/events/{id}", get(detail::masked))
        .route("/api/events/{id}/unmask", post(detail::unmasked))
        .route("/api/stream", get(stream::stream))
        .route("/api/refusals", get(refused::masked))
        .route("/api/refusals/unmask", post(refused::unmasked))
        .route("/api/numbers", get(numbers::numbers))
        .route("/api/lanes", get(lanes::lanes))
        .route("/api/parked", get(lanes::parked))
        .route("/api/parked/retry", post(act::retry))
        .route("/api/parked/drop", post(act::give_up))
        .route("/api/replays", post(act::replay))
        .route("/api/replays/{number}", get(act::how_far))
        .route("/api/samples", get(sample::samples))
        .route("/api/send", post(sample::send))
        .layer(from_fn_with_state(inspector.clone(), guard::check));
    // The page itself tells nothing; what it asks for does.
    let open = assets::router()
        .route("/api/session", get(session::about))
        .route("/api/login", post(session::login))
        .route("/api/logout", post(session::logout))
        .layer(from_fn_with_state(inspector.clone(), guard::check_place));
    let health = Router::new()
        .route("/healthz", get(|| async { ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#) }))
        .route(
            "/readyz",
            get(async |State(inspector): State<Inspector>| inspector.shown.edge.readiness().map(Body::new)),
        );
    guarded.merge(open).layer(from_fn(shrink::shrink)).merge(health).with_state(inspector.clone())
}

async fn numbers(State(inspector): State<Inspector>, headers: HeaderMap) -> impl IntoResponse {
    let (content_type, text) = scraped::in_the_form_asked_for(&headers, inspector.shown.metrics.render());
    ([(CONTENT_TYPE, content_type)], text)
}
