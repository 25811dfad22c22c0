//! The least that an axum receiver does: it reads the body and answers a constant. Nothing is checked, parsed or kept.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use offhook_load::{ALLOW, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve(Router::new().fallback(async |_body: Bytes| ([(CONTENT_TYPE, "application/json")], ALLOW))).await
}
