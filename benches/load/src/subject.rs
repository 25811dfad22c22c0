//! A server under measurement: started, asked whether it is ready, watched through /proc, and never left behind.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

use crate::requests::{APP_KEY, APP_SECRET};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Subject {
    process: Child,
    pub(crate) address: SocketAddr,
    log: PathBuf,
    /// From its start to its first "ready".
    pub(crate) ready_after: Duration,
}

impl Subject {
    /// Starts `command`, which listens on `address`, and waits until `/readyz` says 200. What it says goes to `log`.
    pub(crate) fn start(mut command: Command, address: SocketAddr, log: PathBuf) -> anyhow::Result<Self> {
        let file = File::create(&log)?;
        command.stdout(file.try_clone()?).stderr(file).stdin(std::process::Stdio::null());
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut subject = Self { process, address, log, ready_after: Duration::ZERO };
        while !is_ready(address) {
            if let Some(status) = subject.process.try_wait()? {
                bail!("{command:?} ended with {status}:\n{}", subject.said());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("{command:?} was not ready in {READY_WITHIN:?}:\n{}", subject.said());
            }
            sleep(Duration::from_millis(1));
        }
        subject.ready_after = started.elapsed();
        Ok(subject)
    }

    /// All the processor time it has used.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        // The name in parentheses may hold anything, so count from behind it: utime and stime are fields 14 and 15.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect::<Vec<_>>();
        let ticks = fields.get(11..13).context("no times in /proc/PID/stat")?;
        let ticks = ticks.iter().map(|ticks| ticks.parse::<f64>()).sum::<Result<f64, _>>()?;
        Ok(Duration::from_secs_f64(ticks / rustix::param::clock_ticks_per_second() as f64))
    }

    /// Memory in MiB: now (`VmRSS`) or the most so far (`VmHWM`).
    pub(crate) fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.trim().strip_suffix(" kB")).context("no memory in /proc/PID/status")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Waits until it has stopped working (checkpoints, clean-up), so that the next one has the machine for itself.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(5);
        let mut before = self.cpu()?;
        while Instant::now() < until {
            sleep(Duration::from_millis(200));
            let now = self.cpu()?;
            if now - before <= Duration::from_millis(10) {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Asks it to end and waits for that.
    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        rustix::process::kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let started = Instant::now();
        while started.elapsed() < STOPPED_WITHIN {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            sleep(Duration::from_millis(5));
        }
        bail!("it did not end within {STOPPED_WITHIN:?} of SIGTERM:\n{}", self.said())
    }

    fn said(&self) -> String {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = said.lines().collect::<Vec<_>>();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.process.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path}: the server is gone:\n{}", self.said()))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether `GET /readyz` says 200.
pub(crate) fn is_ready(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status == *b"HTTP/1.1 200")
    };
    asked().unwrap_or(false)
}

/// A loopback address that nobody listens on just now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Writes a configuration for offhook with a new journal below `directory`; returns its path.
pub(crate) fn configure_offhook(directory: &Path, address: SocketAddr, tolerance: &str) -> anyhow::Result<PathBuf> {
    let admin = free_address()?;
    let (journal, spill) = (directory.join("journal"), directory.join("spill.jsonl"));
    std::fs::create_dir_all(directory)?;
    let text = format!(
        "[server]\nlisten = \"{address}\"\n\n[admin]\nlisten = \"{admin}\"\n\n\
         [[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\nclock_tolerance = \"{tolerance}\"\n\n\
         [journal]\npath = {journal:?}\nspill = {spill:?}\nmin_free = \"16MiB\"\n"
    );
    let path = directory.join("offhook.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}
