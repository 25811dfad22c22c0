//! `type = "exec"`: starts a program for each event, which stands on its stdin; its exit code decides.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::cloud_event::CloudEvent;
use crate::deliver::{Handler, Outcome, answered};
use crate::event::Event;
use crate::program::{Ended, ExecSettings, Fault, Output};

/// The exit code that asks for another try: `EX_TEMPFAIL` of sysexits.h.
const AGAIN: i32 = 75;
/// How much of stderr is read: its first line is the reason, of which no more than this is wanted.
const REASON: usize = 4 << 10;
/// The variable that every program gets beside those that are listed: the event's id, the same for each attempt.
const EVENT_ID: &str = "OFFHOOK_EVENT_ID";

/// Starts a program for each event.
///
/// It is started without a shell, in a process group of its own, with the variables it is given and `OFFHOOK_EVENT_ID`,
/// the same for each attempt. On stdin it finds the event as a structured CloudEvent. What its end means:
///
/// | exit code | means |
/// | --- | --- |
/// | 0 | done |
/// | 75 | perhaps the event's fault: tried again, then parked |
/// | anything else, or a signal | parked at once |
///
/// The first line on stderr is the reason that a person reads; stdout is not read. When its time is up it is killed with
/// its children, which is tried again as 75 is. One that cannot be started is the machine's trouble: the lane pauses.
///
/// ```
/// use std::time::Duration;
/// use offhook::handlers::{Exec, ExecSettings};
/// use offhook::{Event, Handler, Outcome};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let command = ExecSettings { command: "/bin/cat".into(), args: Vec::new(), env: Vec::new() };
/// let handler = Exec::new("cat", command, Duration::from_secs(10), 4);
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?;
/// assert_eq!(handler.deliver(&event).await, Outcome::Done);
/// # Ok(()) }
/// ```
pub struct Exec {
    name: Arc<str>,
    settings: ExecSettings,
    timeout: Duration,
    places: Semaphore,
}

impl Exec {
    /// A handler that starts a program as `settings` say, lets it work for `timeout`, and never has more than `at_once`
    /// of them, replays included.
    pub fn new(name: impl Into<Arc<str>>, settings: ExecSettings, timeout: Duration, at_once: usize) -> Self {
        Self { name: name.into(), settings, timeout, places: Semaphore::new(at_once.max(1)) }
    }
}

impl Handler for Exec {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        // Nobody closes it, and without a place the program would still be started.
        let _place = self.places.acquire().await;
        let id = event.id().to_string();
        let own = [(EVENT_ID, &*id)];
        let run = self.settings.run(&own, CloudEvent::of(event).to_json(), Output::Stderr(REASON));
        match timeout(self.timeout, run).await {
            Ok(Ok(ended)) => outcome(&ended),
            Ok(Err(fault @ Fault::Start(_))) => Outcome::pause(fault.to_string()),
            Ok(Err(fault)) => Outcome::retry(fault.to_string()),
            Err(_) => Outcome::retry(format!("did not end within {:?} and was killed", self.timeout)),
        }
    }
}

fn outcome(ended: &Ended) -> Outcome {
    let end = match ended.status.code() {
        Some(0) => {
            answered("exit code 0");
            return Outcome::Done;
        }
        Some(code) => format!("exit code {code}"),
        None => ended.status.to_string(),
    };
    let text = String::from_utf8_lossy(&ended.output);
    let why = match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("{end}: {line}"),
        None => end,
    };
    if ended.status.code() == Some(AGAIN) { Outcome::retry(why) } else { Outcome::give_up(why) }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("name", &self.name)
            .field("command", &self.settings.command)
            .finish_non_exhaustive()
    }
}
