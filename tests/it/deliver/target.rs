//! Another side of the http handler: a service on loopback that notes what it gets and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use offhook::clock::Clock;
use offhook::deliver::AnyHandler;
use offhook::event::EventId;
use offhook::handlers::Http;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::cast::within_reason;

pub(super) struct Target {
    address: SocketAddr,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    answers: Mutex<VecDeque<Response<Body>>>,
    arrived: watch::Sender<Vec<Arrived>>,
}

/// One request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) from: SocketAddr,
}

impl Arrived {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(super) fn id(&self) -> EventId {
        self.json()["id"].as_str().and_then(EventId::parse).expect("an id")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }
}

/// A target that refuses connections, with a port that is its own.
pub(super) struct DeadTarget(TcpSocket);

impl DeadTarget {
    pub(super) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        Self(socket)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.0.local_addr().expect("an address"))
    }

    pub(super) fn comes_back(self) -> Target {
        Target::on(self.0.listen(64).expect("a listener"))
    }
}

impl Target {
    pub(super) fn starts() -> Self {
        DeadTarget::new().comes_back()
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let told = Arc::new(Told::default());
        let app = Router::new().fallback(answer).with_state(Arc::clone(&told));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, told }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Answers these next, one each; 204 when there are no more.
    pub(super) fn answers(&self, statuses: impl IntoIterator<Item = u16>) {
        for status in statuses {
            let answer = Response::builder().status(status).body("as the test wants it\nat line 3".into());
            self.answers_with(answer.expect("an answer"));
        }
    }

    pub(super) fn answers_with(&self, answer: Response<Body>) {
        self.told.answers.lock().expect("unbroken").push_back(answer);
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.told.arrived.borrow().clone()
    }

    /// Waits until so many requests arrived.
    pub(super) async fn until(&self, count: usize) -> Vec<Arrived> {
        let mut arrived = self.told.arrived.subscribe();
        let enough = arrived.wait_for(|arrived| arrived.len() >= count);
        within_reason(async { enough.await.expect("a target").clone() }).await
    }
}

async fn answer(
    State(told): State<Arc<Told>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let arrived = Arrived { path: head.uri.path().to_owned(), headers: head.headers, body, from };
    told.arrived.send_modify(|all| all.push(arrived));
    let answer = told.answers.lock().expect("unbroken").pop_front();
    answer.unwrap_or_else(|| Response::builder().status(204).body(Body::empty()).expect("an answer"))
}

/// The http handler for `url`, with ten seconds for an attempt.
pub(super) fn posts_to(url: &str) -> AnyHandler {
    AnyHandler::new(http(url, Duration::from_secs(10)))
}

pub(super) fn http(url: &str, timeout: Duration) -> Http {
    let url = url.parse().expect("a URL");
    Http::new("billing", url, timeout, Duration::from_secs(3), Clock::system()).expect("a handler")
}
