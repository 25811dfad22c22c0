//! Who hears of events after the answer: an inbox inside the process, and a service on the network with its moods.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ::offhook::{Event, Handler, Outcome};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::within_reason;

/// A handler that collects events.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    name: &'static str,
    events: Arc<watch::Sender<Vec<Event>>>,
}

impl Inbox {
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, events: Arc::default() }
    }

    /// Waits until `count` events came, and gives all.
    pub(crate) async fn gets(&self, count: usize) -> Vec<Event> {
        let mut events = self.events.subscribe();
        within_reason(events.wait_for(|events| events.len() >= count)).await.expect("an inbox").clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }
}

impl Handler for Inbox {
    fn name(&self) -> &str {
        self.name
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        self.events.send_modify(|events| events.push(event.clone()));
        Outcome::Done
    }
}

/// How a service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// 204, always.
    Good,
    /// Now and then 503, 500, or no answer on a connection that breaks.
    Flaky,
    /// 400 at first, until [`Target::relents`]; then 204.
    Stubborn,
    /// 400 to one of fifty; else 204.
    Picky,
}

/// A service to which the http handler posts.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    told: Arc<Told>,
    /// All that answers for it; none while it is dead.
    answering: Mutex<Option<JoinSet<()>>>,
    /// Keeps its port from all others meanwhile.
    _port: TcpSocket,
}

#[derive(Debug)]
struct Told {
    mood: Mood,
    relents: AtomicBool,
    posts: Mutex<u64>,
    accepted: watch::Sender<Vec<Value>>,
}

impl Target {
    /// A service that listens.
    pub(crate) fn listens(mood: Mood) -> Self {
        Self::listens_on(reserved(), mood)
    }

    /// The service whose port `socket` holds begins to listen.
    pub(crate) fn listens_on(socket: TcpSocket, mood: Mood) -> Self {
        let address = socket.local_addr().expect("an address");
        let told = Arc::new(Told {
            mood,
            relents: AtomicBool::new(false),
            posts: Mutex::default(),
            accepted: watch::Sender::default(),
        });
        let port = reserved_at(address).expect("the same port");
        let target = Self { address, told, answering: Mutex::default(), _port: port };
        target.answers_on(socket);
        target
    }

    fn answers_on(&self, socket: TcpSocket) {
        let listener = socket.listen(64).expect("a listener");
        let mut answering = JoinSet::new();
        answering.spawn(serve(listener, Arc::clone(&self.told)));
        *self.answering.lock().expect("unbroken") = Some(answering);
    }

    /// It dies, in the middle of whatever it does.
    pub(crate) fn dies(&self) {
        self.answering.lock().expect("unbroken").take();
    }

    /// It is there again, and remembers what it accepted.
    pub(crate) async fn comes_back(&self) {
        // Nobody else can listen there before its last task is gone.
        let socket = within_reason(async {
            loop {
                match reserved_at(self.address) {
                    Ok(socket) => return socket,
                    Err(_taken) => tokio::task::yield_now().await,
                }
            }
        });
        self.answers_on(socket.await);
    }

    /// What it accepted so far, in the order of arrival.
    pub(crate) fn accepted(&self) -> Vec<Value> {
        self.told.accepted.borrow().clone()
    }

    pub(crate) fn url(&self) -> String {
        url_of(self.address)
    }

    /// From now on a stubborn one takes what it gets.
    pub(crate) fn relents(&self) {
        self.told.relents.store(true, Ordering::Relaxed);
    }

    /// Waits until what it answered 204 to, in the order of arrival, is `enough`.
    pub(crate) async fn until(&self, enough: impl FnMut(&Vec<Value>) -> bool) -> Vec<Value> {
        within_reason(self.told.accepted.subscribe().wait_for(enough)).await.expect("a target").clone()
    }
}

/// A port that is taken, and on which nobody listens yet.
pub(crate) fn reserved() -> TcpSocket {
    reserved_at(super::any_port()).expect("a port")
}

fn reserved_at(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // So that a listener of another process can have the port while this socket keeps it from all others.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

pub(crate) fn url_of(address: SocketAddr) -> String {
    format!("http://{address}/hooks")
}

/// Dropped, it takes its connections along.
async fn serve(listener: TcpListener, told: Arc<Told>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let told = Arc::clone(&told);
        let answer = service_fn(move |request| post(Arc::clone(&told), request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        while connections.try_join_next().is_some() {}
    }
}

/// Takes an event, or does not; an error is a connection that breaks before any answer.
async fn post(told: Arc<Told>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, &'static str> {
    let post = {
        let mut posts = told.posts.lock().expect("unbroken");
        *posts += 1;
        *posts
    };
    let body = request.into_body().collect().await.map_err(|_| "half an event")?.to_bytes();
    let status = match (told.mood, post % 400) {
        (Mood::Stubborn, _) if !told.relents.load(Ordering::Relaxed) => StatusCode::BAD_REQUEST,
        (Mood::Picky, _) if post.is_multiple_of(50) => StatusCode::BAD_REQUEST,
        (Mood::Flaky, 100) => StatusCode::SERVICE_UNAVAILABLE,
        (Mood::Flaky, 200) => StatusCode::INTERNAL_SERVER_ERROR,
        (Mood::Flaky, 300) => return Err("it falls over, as it does now and then"),
        _ => StatusCode::NO_CONTENT,
    };
    if status == StatusCode::NO_CONTENT {
        let event = serde_json::from_slice(&body).expect("JSON");
        told.accepted.send_modify(|accepted| accepted.push(event));
    }
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = status;
    Ok(answer)
}
