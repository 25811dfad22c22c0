//! `type = "exec"`: asks a program of the user's own. It is given the event on stdin; its exit code and stdout answer.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::answer::{self, Unclear};
use super::decider::{Decider, Failure};
use crate::budget::Budget;
use crate::cloud_event::CloudEvent;
use crate::event::Event;
use crate::secret::Secret;
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
pub struct Exec {
    name: String,
    settings: ExecSettings,
}

/// How a program is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSettings {
    /// The program: a path.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The variables it gets.
    pub env: Vec<(String, Secret)>,
}

/// What kept a program from an opinion.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    #[error("its output cannot be read: {0}")]
    Output(io::Error),
    #[error("it ended with {0}; 0 allows, 1 rejects")]
    Ended(ExitStatus),
    #[error("it ended with exit code 1, which rejects, and wrote an allow")]
    Contradiction,
    #[error(transparent)]
    Unclear(#[from] Unclear),
}

impl Exec {
    /// A decider called `name` that starts a program as `settings` say.
    pub fn new(name: impl Into<String>, settings: ExecSettings) -> Self {
        Self { name: name.into(), settings }
    }

    async fn run(&self, event: &Event) -> Result<Option<Verdict>, Fault> {
        let mut child = self.start().map_err(Fault::Start)?;
        let group = Group::of(&child);
        let telling = tell(child.stdin.take(), CloudEvent::of(event).to_json());
        let (status, output) = tokio::select! {
            never = telling => match never {},
            ended = end(&mut child, group) => ended?,
        };
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

    fn start(&self) -> io::Result<Child> {
        let ExecSettings { command, args, env } = &self.settings;
        Command::new(command)
            .args(args)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
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

/// Gives the program its question, and then nothing more. One that does not read it is at no fault: what it says counts.
async fn tell(stdin: Option<ChildStdin>, question: String) -> Infallible {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(question.as_bytes()).await;
    }
    pending().await
}

/// Waits until the program ends; how it did, and what it wrote. What it left running dies with it: that must neither
/// hold its output open nor outlive its answer.
async fn end(child: &mut Child, mut group: Group) -> Result<(ExitStatus, Vec<u8>), Fault> {
    let mut output = Vec::new();
    let mut stdout = child.stdout.take();
    let ended = tokio::select! {
        read = read(&mut stdout, &mut output) => {
            read?;
            child.wait().await
        }
        ended = child.wait() => ended,
    };
    group.dies();
    read(&mut stdout, &mut output).await?;
    Ok((ended.map_err(Fault::Output)?, output))
}

/// Reads to the end, or to more than is read of an answer.
async fn read(stdout: &mut Option<ChildStdout>, output: &mut Vec<u8>) -> Result<(), Fault> {
    let Some(stdout) = stdout else { return Ok(()) };
    while output.len() <= answer::LIMIT {
        output.reserve(PAGE);
        if stdout.read_buf(output).await.map_err(Fault::Output)? == 0 {
            return Ok(());
        }
    }
    Err(Unclear::TooLong.into())
}

const PAGE: usize = 4 << 10;

/// A program and its children.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        // Its leader's number is the group's own.
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn dies(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself, with all that belonged to it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.dies();
    }
}
