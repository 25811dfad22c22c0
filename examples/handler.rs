//! A handler of your own: it gets each event after the answer has left, at least once, in its own lane.
//!
//! Run with `cargo run --example handler`, and ask it from another terminal:
//! `offhook send call.start --to http://127.0.0.1:8080/receiveMsg.action`.

#![expect(clippy::print_stdout, reason = "it shows what it booked")]

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use offhook::deliver::LaneSettings;
use offhook::event::EventId;
use offhook::yunxin::CallStart;
use offhook::{Event, Handler, Outcome, Receiver};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// Books calls.
struct Billing {
    booked: Mutex<HashSet<EventId>>, // in earnest: a unique column of the table that is written to
}

impl Handler for Billing {
    /// Its place in the journal is kept under this name.
    fn name(&self) -> &str {
        "billing"
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        let Some(call) = event.typed::<CallStart>() else { return Outcome::Done };
        let Ok(mut booked) = tokio::time::timeout(Duration::from_secs(5), self.booked.lock()).await else {
            // The books' own trouble: wait, and try this event again, before any other.
            return Outcome::pause("the books are closed");
        };
        // It may come twice: the same id means the same event, and booking it again changes nothing.
        if booked.insert(event.id()) {
            println!("{} called {:?}", event.subject().unwrap_or("somebody"), call.callees());
        }
        Outcome::Done
    }
}

pub(crate) async fn serve(listener: TcpListener, journal: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let receiver = Receiver::builder()
        .app("offhook-dev", "offhook-dev-secret")
        .handler_in(LaneSettings::new("billing"), Billing { booked: Mutex::default() })
        .journal(journal)
        .build()
        .await?;
    axum::serve(listener, receiver.into_router()).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let journal = std::env::temp_dir().join(format!("offhook-example-handler-{}", std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}, the journal is {}", listener.local_addr()?, journal.display());
    serve(listener, &journal).await
}
