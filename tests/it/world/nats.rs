//! A real NATS server, started by `scripts/nats` and gone with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server with streams, on a port of its own.
#[derive(Debug)]
pub(crate) struct NatsServer {
    script: Child,
    url: String,
}

impl NatsServer {
    /// Starts one with these further options; `None`, said aloud, where there is none on this machine. Under `CI` that is
    /// a failure.
    pub(crate) fn starts(options: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/nats");
        let mut command = Command::new(script);
        command.arg("serve").args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = command.spawn().expect("bash");
        let mut url = String::new();
        BufReader::new(script.stdout.take().expect("a pipe")).read_line(&mut url).expect("a line");
        if !url.is_empty() {
            return Some(Self { script, url: url.trim().to_owned() });
        }
        let status = script.wait().expect("its end");
        assert!(status.code() == Some(3) && std::env::var_os("CI").is_none(), "no NATS server: {status}");
        // Past the harness's capture, so that it is seen in a run that passes.
        writeln!(std::io::stderr(), "SKIPPED: no nats-server, so nothing is proven about NATS").expect("stderr");
        None
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().expect("a port")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
