//! `type = "exec"`: asks a program of the user's own. It is given the event on stdin; its exit code and stdout answer.

use std::fmt;
use std::process::ExitStatus;

use super::answer::{self, Unclear};
use super::decider::{Decider, Failure};
use crate::budget::Budget;
use crate::cloud_event::CloudEvent;
use crate::event::Event;
use crate::program::{self, Ended, ExecSettings, Output};
use crate::verdict::{RejectCode, Verdict};

/// A program that is started for each question.
///
/// It is started without a shell, in a process group of its own, and with no variable but those it is given. What it
/// writes on stdout counts, in the forms that [an HTTP service](super::Http) answers, and then its exit code:
///
/// | exit code | stdout | means |
/// | --- | --- | --- |
/// | 0 | nothing | allow |
/// | 0 | an answer | what it says; `{"verdict":null}` is no opinion |
/// | 1 | nothing | reject, with the configured code |
/// | 1 | a rejection | that rejection |
/// | anything else | anything | a failure, as is an allow with 1, and more than 64 KiB |
///
/// What it writes on stderr is not read. When it ends, or nobody waits for it any more, its whole group is killed.
///
/// ```
/// use std::time::Duration;
/// use offhook::decide::{Exec, ExecSettings};
/// use offhook::{Budget, Decider, Event, Verdict};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// // The program gets the event on its stdin and says its opinion on its stdout.
/// let script = r#"cat > /dev/null; echo '{"verdict":"reject","code":20010}'"#;
/// let args = vec!["-c".to_owned(), script.to_owned()];
/// let decider = Exec::new("sh", ExecSettings { command: "/bin/sh".into(), args, env: Vec::new() });
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?;
/// let opinion = decider.decide(&event, Budget::starting_now(Duration::from_secs(10))).await;
/// assert_eq!(opinion.expect("an opinion"), Some(Verdict::reject(20010)));
/// # Ok(()) }
/// ```
pub struct Exec {
    name: String,
    settings: ExecSettings,
}

/// What kept a program from an opinion.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Program(program::Fault),
    #[error("it ended with {0}; 0 allows, 1 rejects")]
    Ended(ExitStatus),
    #[error("it ended with exit code 1, which rejects, and wrote an allow")]
    Contradiction,
    #[error(transparent)]
    Unclear(#[from] Unclear),
}

impl From<program::Fault> for Fault {
    fn from(fault: program::Fault) -> Self {
        match fault {
            program::Fault::TooLong => Self::Unclear(Unclear::TooLong),
            other => Self::Program(other),
        }
    }
}

impl Exec {
    /// A decider called `name` that starts a program as `settings` say.
    pub fn new(name: impl Into<String>, settings: ExecSettings) -> Self {
        Self { name: name.into(), settings }
    }

    async fn run(&self, event: &Event) -> Result<Option<Verdict>, Fault> {
        let question = CloudEvent::of(event).to_json();
        let Ended { status, output } = self.settings.run(&[], question, Output::Stdout(answer::LIMIT)).await?;
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(Fault::Ended(status));
        }
        let is_silent = output.trim_ascii().is_empty();
        match (status.code(), answer::read(&output)?) {
            (Some(0), None) if is_silent => Ok(Some(Verdict::allow())),
            (Some(0), opinion) => Ok(opinion),
            (Some(1), None) if is_silent => {
                Ok(Some(Verdict::Reject { code: RejectCode::CONFIGURED, ext: String::new() }))
            }
            (Some(1), Some(verdict)) if !verdict.allows() => Ok(Some(verdict)),
            _ => Err(Fault::Contradiction),
        }
    }
}

impl Decider for Exec {
    fn name(&self) -> &str {
        &self.name
    }

    /// Has no time limit of its own: dropped, it kills its program.
    async fn decide(&self, event: &Event, _budget: Budget) -> Result<Option<Verdict>, Failure> {
        Ok(self.run(event).await?)
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("name", &self.name)
            .field("command", &self.settings.command)
            .finish_non_exhaustive()
    }
}
