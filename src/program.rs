//! Programs of the user's own: started without a shell for one question or event, and killed with their children.
//!
//! It knows nothing of what they are told, nor of what their answers mean.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use crate::secret::Secret;

/// How a program is started: in a process group of its own, with no variable but those it is given.
///
/// ```
/// use offhook::decide::{Exec, ExecSettings};
///
/// let settings = ExecSettings {
///     command: "/usr/local/bin/may-call".into(),
///     args: vec!["--strict".to_owned()],
///     env: vec![("TOKEN".to_owned(), "made-up".into())],
/// };
/// let decider = Exec::new("may-call", settings);
/// # let _ = decider;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSettings {
    /// The program: a path.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The variables it gets.
    pub env: Vec<(String, Secret)>,
}

/// Which of its outputs is read; the other one goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// All of stdout, which may be so long; a longer one is [`Fault::TooLong`].
    Stdout(usize),
    /// So much of stderr's beginning. The rest is let go: it is talk.
    Stderr(usize),
}

/// A program that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How.
    pub(crate) status: ExitStatus,
    /// What it wrote.
    pub(crate) output: Vec<u8>,
}

/// What kept a program from ending by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The system did not start it.
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    /// The system did not say how it ended, or what it wrote.
    #[error("its output cannot be read: {0}")]
    Output(io::Error),
    /// It wrote more than is read.
    #[error("it wrote more than is read of an answer")]
    TooLong,
}

impl ExecSettings {
    /// Starts the program, with `more` variables, tells it `text`, and waits for its end. It has no time limit of its
    /// own: where this future is dropped, the program is killed with all of its group. So is what it left running.
    ///
    /// # Errors
    /// [`Fault`]; then nothing of it is left either.
    pub(crate) async fn run(&self, more: &[(&str, &str)], text: String, output: Output) -> Result<Ended, Fault> {
        let mut child = self.start(more, output).map_err(Fault::Start)?;
        let group = Group::of(&child);
        let telling = tell(child.stdin.take(), text);
        tokio::select! {
            never = telling => match never {},
            ended = end(&mut child, group, output) => ended,
        }
    }

    fn start(&self, more: &[(&str, &str)], output: Output) -> io::Result<Child> {
        let (stdout, stderr) = match output {
            Output::Stdout(_) => (Stdio::piped(), Stdio::null()),
            Output::Stderr(_) => (Stdio::null(), Stdio::piped()),
        };
        Command::new(&self.command)
            .args(&self.args)
            .env_clear()
            .envs(more.iter().copied())
            .envs(self.env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// Gives the program its text, and then nothing more. One that does not read it is at no fault: how it ends counts.
async fn tell(stdin: Option<ChildStdin>, text: String) -> Infallible {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    pending().await
}

/// Waits until the program ends; how it did, and what it wrote. What it left running dies with it: that must neither
/// hold its output open nor outlive its answer.
async fn end(child: &mut Child, mut group: Group, output: Output) -> Result<Ended, Fault> {
    let mut written = Vec::new();
    let mut pipe: Option<Box<dyn AsyncRead + Send + Unpin>> = match output {
        Output::Stdout(_) => child.stdout.take().map(|pipe| Box::new(pipe) as _),
        Output::Stderr(_) => child.stderr.take().map(|pipe| Box::new(pipe) as _),
    };
    let ended = tokio::select! {
        read = read(&mut pipe, &mut written, output) => {
            read?;
            child.wait().await
        }
        ended = child.wait() => ended,
    };
    group.dies();
    read(&mut pipe, &mut written, output).await?;
    Ok(Ended { status: ended.map_err(Fault::Output)?, output: written })
}

/// Reads to the end, or to more than may be written.
async fn read(
    pipe: &mut Option<Box<dyn AsyncRead + Send + Unpin>>,
    written: &mut Vec<u8>,
    output: Output,
) -> Result<(), Fault> {
    let Some(pipe) = pipe else { return Ok(()) };
    loop {
        written.reserve(PAGE);
        if pipe.read_buf(written).await.map_err(Fault::Output)? == 0 {
            return Ok(());
        }
        match output {
            Output::Stdout(limit) if written.len() > limit => return Err(Fault::TooLong),
            Output::Stdout(_) => {}
            Output::Stderr(limit) => written.truncate(limit),
        }
    }
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
