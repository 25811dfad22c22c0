//! The public listener: connections in, each served by hyper directly, each under the gate's eye.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::{Answering, Edge, HEAD_LIMIT};
use super::gate::{Connection, Gate, Limits};
use super::reply::Reply;
use super::stream::WatchedStream;

/// How long a refused peer may go on sending before its connection is closed.
const LINGER: Duration = Duration::from_secs(1);

/// How long to wait when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(20);

/// Serves `edge` on `listener` until `stop`, then lets connections finish what they began.
///
/// ```no_run
/// use offhook::Receiver;
/// use tokio_util::sync::CancellationToken;
///
/// # async fn example(receiver: Receiver) -> std::io::Result<()> {
/// // The same door over a listener of yours, which sees the first byte of each request.
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// let (edge, stop) = (receiver.edge().clone(), CancellationToken::new());
/// edge.opens();
/// offhook::edge::serve(listener, edge, stop).await;
/// # Ok(()) }
/// ```
pub async fn serve(listener: TcpListener, edge: Edge, stop: CancellationToken) {
    let settings = edge.settings();
    let limits = Limits {
        deadline: settings.deadline,
        idle_timeout: settings.idle_timeout,
        max_unproven: settings.max_unproven,
    };
    let gate = Gate::new(limits, Arc::clone(edge.metrics()));
    let (tasks, deadline) = (TaskTracker::new(), settings.deadline);
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => admit(stream, peer, &gate, &edge, &tasks, &stop),
                Err(error) => no_room(&error, &gate).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = gate.watch() => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = gate.watch() => {}
        () = tokio::time::sleep(deadline + LINGER) => gate.cut_all(),
    }
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    gate: &Arc<Gate>,
    edge: &Edge,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    // Answers are one small write each; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = gate.enter(peer);
    let serving = serve_connection(stream, Arc::clone(&connection), edge.clone(), stop.clone());
    connection.runs_as(tasks.spawn(serving).abort_handle());
}

async fn no_room(error: &io::Error, gate: &Gate) {
    let of_one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !of_one_connection {
        tracing::warn!(%error, "no room for another connection; the oldest stranger goes");
        gate.drop_oldest_stranger();
        tokio::time::sleep(NO_ROOM).await;
    }
}

async fn serve_connection(stream: TcpStream, connection: Arc<Connection>, edge: Edge, stop: CancellationToken) {
    let _leaving = Leaving(Arc::clone(&connection));
    let service = Service { edge, connection: Arc::clone(&connection) };
    let io = TokioIo::new(WatchedStream::new(stream, connection));
    let mut http = http1::Builder::new().half_close(true).max_buf_size(HEAD_LIMIT).serve_connection(io, service);
    let mut stopping = Box::pin(stop.cancelled());
    let mut told = false;
    let ended = poll_fn(|cx| {
        // What has arrived is looked at first: a question that is here already must still be answered.
        let ended = http.poll_without_shutdown(cx);
        if ended.is_pending() && !told && stopping.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut http).graceful_shutdown();
            return http.poll_without_shutdown(cx);
        }
        ended
    })
    .await;
    if ended.is_ok() {
        let mut stream = http.into_parts().io.into_inner();
        // Too late is as good as done: the peer had its time.
        let _ = tokio::time::timeout(LINGER, stream.linger()).await;
    }
}

/// Takes the connection off the gate's lists however its task ends.
struct Leaving(Arc<Connection>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leaves();
    }
}

/// The edge as one connection sees it.
struct Service {
    edge: Edge,
    connection: Arc<Connection>,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Reply;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.edge.clone().answer(request, Some(Arc::clone(&self.connection)))
    }
}
