//! Connections to the admin listener: a limited number, each with limited patience for its head.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS: usize = 128;

/// How long a head may take, and how long a kept-alive connection may rest before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head, in bytes, softly.
const HEAD_LIMIT: usize = 32 << 10;

/// How long connections may go on after `stop`: a browser that keeps its connection open must not keep the process.
const FINISHING: Duration = Duration::from_millis(200);

/// The header in which the pages are told who asks.
pub(super) const PEER: &str = "x-offhook-peer";

/// How long to wait when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(50);

/// Serves `pages` on `listener` until `stop`.
pub(super) async fn serve(listener: TcpListener, pages: Router, stop: CancellationToken) {
    let (seats, tasks) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
    let accepting = async {
        while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let serving = serve_connection(stream, peer, pages.clone(), stop.clone());
                    tasks.spawn(async move {
                        let _seat = seat;
                        serving.await;
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection to the admin listener");
                    tokio::time::sleep(NO_ROOM).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, pages: Router, stop: CancellationToken) {
    let peer = HeaderValue::from_str(&peer.to_string()).ok();
    let answer = service_fn(move |mut request: Request<Incoming>| {
        // Whatever the caller says here itself is overwritten.
        request.headers_mut().remove(PEER);
        if let Some(peer) = &peer {
            request.headers_mut().insert(PEER, peer.clone());
        }
        pages.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), answer);
    let ending = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISHING).await;
    };
    tokio::select! {
        // A peer that breaks off is its own affair.
        _ = connection => {}
        () = ending => {}
    }
}
