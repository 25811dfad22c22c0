//! Runs commands as a shell does, in a directory of their own, and watches what they print.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes nearly so long; whatever does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that was started. Killed when this is dropped.
pub(crate) struct Running {
    command: String,
    child: Child,
    printed: Arc<(Mutex<Printed>, Condvar)>,
    reading: Option<JoinHandle<()>>,
}

/// What a command has printed so far, on either stream.
#[derive(Default)]
pub(crate) struct Printed {
    pub(crate) lines: Vec<String>,
    /// Whether both streams were closed, as the end of the command does.
    pub(crate) is_all: bool,
}

impl Running {
    /// Starts `command` in `directory`; `offhook` in it is the program under test.
    pub(crate) fn start(command: &str, directory: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_offhook"));
        let mut path = program.parent().expect("a directory").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OFFHOOK") {
                shell.env_remove(name);
            }
        }
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(directory);
        shell
            .env("PATH", path)
            .env_remove("RUST_LOG")
            .env_remove("http_proxy")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap_or_else(|error| panic!("cannot start sh: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let printed = Arc::new((Mutex::new(Printed::default()), Condvar::new()));
        let shared = Arc::clone(&printed);
        let reading = std::thread::spawn(move || {
            let (printed, changed) = &*shared;
            for line in stdout.lines().map_while(Result::ok) {
                printed.lock().expect("no panic").lines.push(line);
                changed.notify_all();
            }
            printed.lock().expect("no panic").is_all = true;
            changed.notify_all();
        });
        Self { command: command.to_owned(), child, printed, reading: Some(reading) }
    }

    /// Waits until `seen` says yes to what is printed; what it was, either way.
    pub(crate) fn wait_until(&self, seen: impl Fn(&Printed) -> bool) -> Result<Vec<String>, Vec<String>> {
        let (printed, changed) = &*self.printed;
        let locked = printed.lock().expect("no panic");
        let unseen = |printed: &mut Printed| !seen(printed) && !printed.is_all;
        let (locked, _) = changed.wait_timeout_while(locked, PATIENCE, unseen).expect("no panic");
        if seen(&locked) { Ok(locked.lines.clone()) } else { Err(locked.lines.clone()) }
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
    }

    /// Waits for the end; all that was printed, and how it ended.
    pub(crate) fn end(mut self) -> (Vec<String>, ExitStatus) {
        let lines = self.wait_until(|printed| printed.is_all);
        let lines =
            lines.unwrap_or_else(|lines| panic!("`{}` does not end; so far:\n{}", self.command, lines.join("\n")));
        if let Some(reading) = self.reading.take() {
            reading.join().expect("no panic");
        }
        (lines, self.child.wait().expect("its end"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end.
pub(crate) fn run(command: &str, directory: &Path) -> (Vec<String>, ExitStatus) {
    Running::start(command, directory).end()
}

/// Two ports in a row that nobody uses, outside the range from which the system takes those of clients. Never the same
/// ones twice: tests run side by side.
pub(crate) fn free_ports() -> (u16, u16) {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = 20_000 + u16::try_from(std::process::id() % 500).unwrap_or(0) * 20;
    loop {
        let port = first + GIVEN.fetch_add(2, Ordering::Relaxed);
        assert!(port < 32_000, "no free ports");
        if free(port) && free(port + 1) {
            return (port, port + 1);
        }
    }
}
