//! A stand-in for Tencent on this machine: the call engine and the stream ingest API as real HTTP servers.
//!
//! It checks what Tencent documents, keeps calls, lets pretend phones ring, and sends the signed callbacks. Signatures
//! are checked by code of its own, so that a mistake in the code that makes them is found. It is for development and
//! tests: it plays no media, and reaches no phone.

mod cloud;
mod engine;
mod fields;
mod ingest;
mod life;
mod outbox;
mod plan;
mod start;
mod state;
mod tc3;
mod user_sig;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use plan::{Phone, Plan, Site};
pub use state::{Played, Seen, Told, Trouble};

use outbox::Letter;
use state::State;

/// The largest body that is read: what the Cloud API takes.
const BODY_LIMIT: usize = 10 << 20;

/// A running stand-in. Dropped, it is gone.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::call_engine::{Media, StartCall};
/// use offhook::tencent::simulator::{Phone, Plan, Simulator};
/// use offhook::tencent::{Account, Host};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let mut plan = Plan::of_dev("http://127.0.0.1:8080", Clock::system());
/// plan.phones.insert("bo".to_owned(), Phone::IsBusy);
/// let simulator = Simulator::start(listener, plan, |line| println!("{line}"))?;
///
/// let host = Some(Host::parse(&format!("http://{}", simulator.address()))?);
/// let engine = Account { host, ..Account::of_dev() }.call_engine(&Clock::system())?;
/// let started = engine.start(&StartCall::new("concierge", vec!["mei".to_owned()], Media::Audio)).await?;
/// assert!(started.callees.iter().all(|callee| callee.rang()));
/// let seen = simulator.sees(|seen| seen.rings.contains_key("mei")).await;
/// assert_eq!(seen.going_on.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

/// What all its parts share.
struct Shared {
    plan: Plan,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    letters: mpsc::UnboundedSender<Letter>,
    teller: Box<dyn Fn(&str) + Send + Sync>,
}

impl Simulator {
    /// Begins to answer on `listener`; `teller` gets a line for everything that happens.
    ///
    /// # Errors
    /// The system does not say where the listener listens.
    pub fn start(
        listener: TcpListener,
        plan: Plan,
        teller: impl Fn(&str) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (letters, waiting) = mpsc::unbounded_channel();
        let commands = engine::all_commands();
        let target = plan.callback_url.clone().map(|url| state::CallbackTarget { url, commands });
        let state = Mutex::new(State { target, ..State::default() });
        let (changed, teller) = (watch::Sender::new(()), Box::new(teller));
        let shared = Arc::new(Shared { plan, state, changed, letters, teller });
        let delivering = tokio::spawn(outbox::deliver(Arc::clone(&shared), waiting));
        let answering = Arc::clone(&shared);
        let router = Router::new().fallback(move |request| answer(Arc::clone(&answering), request));
        let serving = tokio::spawn(async move {
            // A listener that breaks ends a stand-in; whoever asks it next is told by the system.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { shared, address, tasks: [delivering, serving] })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that was seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.lock().seen.clone()
    }

    /// Waits until what was seen is `enough`.
    pub async fn sees(&self, mut enough: impl FnMut(&Seen) -> bool) -> Seen {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let seen = self.seen();
            if enough(&seen) || changed.changed().await.is_err() {
                return seen;
            }
        }
    }

    /// The next `start_call_by_robot` goes wrong like this.
    pub fn next_start(&self, trouble: Trouble) {
        self.shared.change(|state| state.troubles.push_back(trouble));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes whoever waits for that.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_replace(());
        changed
    }

    fn tell(&self, what: &str) {
        (self.teller)(what);
    }

    /// Puts a callback into the outbox, where there is one to send.
    fn post(&self, letter: Option<Letter>) {
        if let Some(letter) = letter {
            // After the end nobody takes it any more.
            let _ = self.letters.send(letter);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// One request: the Cloud API stands at `/`, what was seen at `/simulator`, the call engine everywhere else.
async fn answer(shared: Arc<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return Response::default() };
    let text = match head.uri.path() {
        "/" => cloud::answer(&shared, &head, &body),
        "/simulator" => serde_json::to_vec_pretty(&shared.lock().seen).unwrap_or_default(),
        _ => match engine::answer(&shared, &head, &body) {
            Some(text) => text,
            None => std::future::pending().await,
        },
    };
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
