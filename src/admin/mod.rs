//! The admin listener: numbers and health for the people who run offhook.
//!
//! Never mixed with the public listener, and checked on its own: a page in somebody's browser must not reach it.

pub mod control;
mod guard;
mod listener;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::edge::Edge;
use crate::metrics::Metrics;
use crate::secret::Secret;

/// The admin listener's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a caller must show as `Authorization: Bearer …`; required off loopback.
    pub token: Option<Secret>,
}

/// What the admin pages show.
#[derive(Debug, Clone)]
struct Watched {
    edge: Edge,
    metrics: Arc<Metrics>,
}

/// Serves the admin pages on `listener` until `stop`.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    edge: Edge,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let guard = guard::Guard::new(settings.token, listener.local_addr().ok());
    let numbers = Router::new()
        .route("/metrics", get(numbers))
        .layer(axum::middleware::from_fn_with_state(Arc::new(guard), guard::check));
    let health = Router::new().route("/healthz", get(|| async { r#"{"status":"ok"}"# })).route(
        "/readyz",
        get(async |State(watched): State<Watched>| watched.edge.readiness().map(axum::body::Body::new)),
    );
    let pages = numbers.merge(health).with_state(Watched { edge, metrics });
    listener::serve(listener, pages, stop).await;
}

async fn numbers(State(watched): State<Watched>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], watched.metrics.render())
}
