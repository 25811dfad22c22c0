//! The first idea of a durable receiver: it checks nothing, but appends each body to a file and syncs it before it answers,
//! one request at a time.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use offhook_load::{ALLOW, argument, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = Arc::new(Mutex::new(File::options().create(true).append(true).open(argument("--file")?)?));
    let keep = async move |body: Bytes| {
        let file = Arc::clone(&file);
        let kept = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&[&body[..], b"\n"].concat())?;
            file.sync_data()
        });
        match kept.await {
            Ok(Ok(())) => Ok(([(CONTENT_TYPE, "application/json")], ALLOW)),
            _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    };
    serve(Router::new().route("/receiveMsg.action", post(keep)).fallback(async || "ready")).await
}
