//! Your own axum server, with an extractor that believes only what was signed.
//!
//! Run with `cargo run --example own_server`, and ask it from another terminal:
//! `offhook send call.start --to http://127.0.0.1:3000/calls`.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use axum::response::Response;
use axum::routing::{get, post};
use offhook::yunxin::{App, CallStart};
use offhook::{Event, Verdict, Verified, Verifier};

/// Calls only; whatever else comes to this path is answered without asking.
async fn calls(call: Verified<CallStart>) -> Response {
    let verdict = if call.callees().len() > 8 { Verdict::reject(20010) } else { Verdict::allow() };
    call.answer(&verdict)
}

/// Any event.
async fn all(event: Verified<Event>) -> Response {
    println!("{} {}", event.kind(), event.subject().unwrap_or_default());
    event.answer(&Verdict::allow())
}

pub(crate) fn app(verifier: Verifier) -> axum::Router {
    axum::Router::new()
        .route("/calls", post(calls))
        .route("/receiveMsg.action", post(all))
        .route("/", get(|| async { "yours" }))
        .with_state(verifier)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // The test app of `offhook dev` and `offhook send`; in earnest, yours.
    let verifier = Verifier::new([App::new("offhook-dev", "offhook-dev-secret")]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(verifier)).await
}
