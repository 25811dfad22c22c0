//! The real program: `offhook serve` as a process of its own, and the commands that come and go.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpSocket;

use super::handlers::reserved;
use super::{APP_KEY, APP_SECRET};
use crate::shim::Shim;

/// Two ports that nobody else gets while this lives.
#[derive(Debug)]
pub(crate) struct Ports {
    public: TcpSocket,
    admin: TcpSocket,
}

impl Ports {
    pub(crate) fn reserve() -> Self {
        Self { public: reserved(), admin: reserved() }
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.public.local_addr().expect("an address")
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.local_addr().expect("an address")
    }

    /// A configuration with the usual app, the journal in `directory`, and `more` at its end.
    pub(crate) fn configuration(&self, directory: &Path, more: &str) -> String {
        let (public, admin, directory) = (self.public(), self.admin(), directory.display());
        let mut text = format!("[server]\nlisten = \"{public}\"\n\n[admin]\nlisten = \"{admin}\"\n\n");
        write!(text, "[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n\n").expect("text");
        write!(
            text,
            "[journal]\npath = \"{directory}/journal\"\nspill = \"{directory}-spill.jsonl\"\nmin_free = 0\n\n{more}"
        )
        .expect("text");
        text
    }
}

/// `offhook serve`, running. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Offhook {
    process: Child,
    public: SocketAddr,
    log: Receiver<String>,
    said: Vec<String>,
}

impl Offhook {
    /// Starts it with this configuration file and waits until it is ready. `shim` goes below its files.
    pub(crate) fn serves(configuration: &Path, ports: &Ports, shim: Option<&Shim>) -> Self {
        let mut serving = Self::starts(configuration, ports, shim, &[]);
        serving.is_ready();
        serving
    }

    /// Starts it and does not wait.
    pub(crate) fn starts(configuration: &Path, ports: &Ports, shim: Option<&Shim>, variables: &[(&str, &str)]) -> Self {
        let mut command = program(&[]);
        command.arg("serve").arg("--config").arg(configuration).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(shim) = shim {
            shim.apply(&mut command);
        }
        let mut process = command.spawn().expect("a process");
        let lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let (tell, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { process, public: ports.public(), log, said: Vec::new() }
    }

    /// Waits until `/readyz` says yes; asks again with each line that it says.
    pub(crate) fn is_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !get(self.public, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(Instant::now() < deadline, "not ready after a minute:\n{}", self.said());
            match self.log.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("it ended instead of serving:\n{}", self.said()),
            }
        }
    }

    /// Waits until it says something that contains `text`.
    pub(crate) fn says(&mut self, text: &str) {
        while !self.said.iter().any(|line| line.contains(text)) {
            match self.log.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("it never said `{text}`:\n{}", self.said()),
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn dies_at_once(mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ends");
    }

    /// `kill`, as whoever runs it does.
    pub(crate) fn is_asked_to_stop(&self) {
        self.gets(Signal::TERM);
    }

    /// It gets no time any more, as a frozen machine gives none.
    pub(crate) fn freezes(&self) {
        self.gets(Signal::STOP);
    }

    /// It gets time again.
    pub(crate) fn thaws(&self) {
        self.gets(Signal::CONT);
    }

    /// As whoever wants it to read its configuration again.
    pub(crate) fn is_asked_to_reload(&self) {
        self.gets(Signal::HUP);
    }

    fn gets(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a number")).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// How it ended, and all it said.
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        // Its stderr ends when it ends.
        loop {
            match self.log.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.said()),
            }
        }
        let status = self.process.wait().expect("it ends");
        (status, self.said())
    }

    /// All it said so far.
    pub(crate) fn said(&mut self) -> String {
        self.said.extend(self.log.try_iter());
        self.said.join("\n")
    }
}

impl Drop for Offhook {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// It ended with this code; gives what it printed.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self.out
    }
}

/// Runs a command to its end, in an environment without any variable.
pub(crate) fn offhook(arguments: &[&str]) -> Said {
    offhook_in(&[], arguments, b"")
}

/// Runs a command with these variables and this input.
pub(crate) fn offhook_in(variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Said {
    let mut command = program(arguments);
    command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("a process");
    let mut stdin = process.stdin.take().expect("a pipe");
    // A command that does not read its input may be gone by now.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = process.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
}

/// Every event that `events export` gives for a journal.
pub(crate) fn exported(journal: &Path) -> Vec<Value> {
    let journal = journal.to_str().expect("a path");
    let out = offhook(&["events", "export", "--json", "--journal", journal]).ends_with(0);
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook"));
    command.args(arguments).env_clear();
    command
}

/// What a plain GET gives, head and all; `None` where nobody answers.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
