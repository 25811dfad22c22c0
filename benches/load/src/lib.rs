//! What the servers that offhook is compared with have in common: where they listen, and what they answer.

use anyhow::{Context, bail};
use axum::Router;

/// The answer of everyone here: the bytes of offhook's own "allow".
pub const ALLOW: &str = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;

/// The value behind `name` on the command line.
///
/// # Errors
/// Where it is not there.
pub fn argument(name: &str) -> anyhow::Result<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().with_context(|| format!("{name} is missing"))
}

/// Serves until SIGTERM, and then ends by itself, as a profiler needs it.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(router: Router) -> anyhow::Result<()> {
    let listen = argument("--listen")?;
    let listener =
        tokio::net::TcpListener::bind(&listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = axum::serve(listener, router) => bail!("the server ended by itself: {ended:?}"),
        _ = term.recv() => Ok(()),
    }
}
