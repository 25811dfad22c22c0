//! A decider of your own: a type with state, asked inside what is left of each request's budget.
//!
//! Run with `cargo run --example decider`, and ask it from another terminal:
//! `offhook send call.start --set fromAccount=blocked_1 --to http://127.0.0.1:8080/receiveMsg.action`.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use offhook::decide::{Failure, LinkSettings};
use offhook::{Budget, Decider, Event, Receiver, Verdict};
use tokio::net::TcpListener;
use tokio::sync::RwLock;

/// Rejects what blocked accounts do.
struct BlockList {
    blocked: RwLock<HashSet<String>>,
}

impl Decider for BlockList {
    fn name(&self) -> &str {
        "block-list"
    }

    /// `None` is no opinion: the next decider is asked, or the configured default is answered.
    async fn decide(&self, event: &Event, _budget: Budget) -> Result<Option<Verdict>, Failure> {
        let Some(account) = event.subject() else { return Ok(None) };
        Ok(self.blocked.read().await.contains(account).then(|| Verdict::reject(20012).with_ext("blocked")))
    }
}

pub(crate) async fn serve(listener: TcpListener, journal: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let blocked = RwLock::new(HashSet::from(["blocked_1".to_owned()]));
    // At most so long, whatever it waits for; then the fallback is answered, in time.
    let link = LinkSettings { timeout: Some(Duration::from_millis(300)), ..LinkSettings::new("block-list") };
    let receiver = Receiver::builder()
        .app("offhook-dev", "offhook-dev-secret")
        .decider_in(link, BlockList { blocked })
        .journal(journal)
        .build()
        .await?;
    axum::serve(listener, receiver.into_router()).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let journal = std::env::temp_dir().join(format!("offhook-example-decider-{}", std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}, the journal is {}", listener.local_addr()?, journal.display());
    serve(listener, &journal).await
}
