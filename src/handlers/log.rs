//! `type = "log"`: one CloudEvents line an event, on stdout.
//!
//! Writing happens on a thread of its own: whoever reads our stdout may stop reading, and only this lane may notice.

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::slice;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::BuildError;
use crate::cloud_event::CloudEvent;
use crate::deliver::{Handler, Outcome, Pages};
use crate::event::Event;

/// Writes one CloudEvents line an event, without the sender's JSON unless that was asked for.
///
/// An event is done when its line is flushed. When the reader is gone or the disk is full, the lane pauses.
///
/// ```
/// use offhook::handlers::Log;
/// use offhook::{Event, Handler, Outcome};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let handler = Log::new("log", true, std::io::stdout())?;
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?;
/// assert_eq!(handler.deliver(&event).await, Outcome::Done);
/// # Ok(()) }
/// ```
pub struct Log {
    name: Arc<str>,
    data: bool,
    writer: mpsc::Sender<Lines>,
}

/// Lines to write, and whom to tell how it went.
struct Lines {
    text: String,
    written: oneshot::Sender<io::Result<()>>,
}

impl Log {
    /// A handler that writes to `out`; with the sender's JSON where `data` says so.
    ///
    /// # Errors
    /// [`BuildError::Thread`] when its thread cannot be started.
    pub fn new(name: impl Into<Arc<str>>, data: bool, out: impl Write + Send + 'static) -> Result<Self, BuildError> {
        let name = name.into();
        let (writer, lines) = mpsc::channel();
        thread::Builder::new()
            .name("offhook-log".to_owned())
            .spawn(move || write_all(out, &lines))
            .map_err(|error| BuildError::Thread { name: Arc::clone(&name), error })?;
        Ok(Self { name, data, writer })
    }

    async fn write(&self, events: &[Event]) -> Outcome {
        let mut text = String::with_capacity(events.len() * 512);
        for event in events {
            let line = if self.data { CloudEvent::of(event) } else { CloudEvent::without_data(event) };
            text.push_str(&line.to_json());
            text.push('\n');
        }
        let (written, answer) = oneshot::channel();
        if self.writer.send(Lines { text, written }).is_err() {
            return Outcome::pause("the thread that writes is gone");
        }
        match answer.await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(error)) => Outcome::pause(format!("cannot write: {error}")),
            Err(_) => Outcome::pause("the thread that writes is gone"),
        }
    }
}

impl Handler for Log {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&self, event: &Event) -> impl Future<Output = Outcome> + Send {
        self.write(slice::from_ref(event))
    }
}

/// A page of lines costs one write.
impl Pages for Log {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, (usize, Outcome)> {
        Box::pin(async move {
            let outcome = self.write(events).await;
            (if outcome == Outcome::Done { events.len() } else { 0 }, outcome)
        })
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("name", &self.name).field("data", &self.data).finish_non_exhaustive()
    }
}

/// Writes what comes until the handler is gone.
fn write_all(mut out: impl Write, lines: &mpsc::Receiver<Lines>) {
    let mut torn = false;
    for Lines { text, written } in lines {
        // What failed may have left half a line: it must not swallow the first one that follows it.
        let mend = if torn { out.write_all(b"\n") } else { Ok(()) };
        let result = mend.and_then(|()| out.write_all(text.as_bytes())).and_then(|()| out.flush());
        torn = result.is_err();
        // Whoever waited may be gone: the run has ended.
        let _ = written.send(result);
    }
}
