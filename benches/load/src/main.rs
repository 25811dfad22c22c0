//! Loads offhook and the servers beside it, and prints what came of it. `scripts/load` builds everything and runs this.
//!
//! `compare` alternates offhook with others, `inspector` with itself while somebody looks on; `million` watches memory,
//! `deliveries` handlers; `instructions` counts what needs no clock; `send` sends
//! a given number of requests to one server.

mod client;
mod compare;
mod deliveries;
mod disk;
mod inspector;
mod instructions;
mod million;
mod report;
mod requests;
mod subject;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use requests::Requests;

const USAGE: &str = "usage: load compare|inspector|million|deliveries --offhook BINARY --scratch DIRECTORY [--seconds 5] [--rounds 5] [--connections 64] \
                     [--sync-delay 1ms --shim LIBRARY] [--clock-tolerance 5m]\n       \
                     load instructions --offhook BINARY --scratch DIRECTORY [--requests 10000] [--connections 1]\n       load send --to ADDRESS --requests N [--connections 1]";

/// What was asked for on the command line.
struct Settings {
    offhook: PathBuf,
    scratch: PathBuf,
    to: Option<SocketAddr>,
    requests: usize,
    seconds: f64,
    rounds: usize,
    connections: Option<usize>,
    sync_delay: Option<Duration>,
    shim: PathBuf,
    clock_tolerance: String,
}

impl Settings {
    fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut settings = Self {
            offhook: PathBuf::new(),
            scratch: PathBuf::new(),
            to: None,
            requests: 10_000,
            seconds: 5.0,
            rounds: 5,
            connections: None,
            sync_delay: None,
            shim: PathBuf::new(),
            clock_tolerance: "5m".to_owned(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            let wrong = || format!("{name} cannot be {value:?}\n{USAGE}");
            match name.as_str() {
                "--offhook" => settings.offhook = value.into(),
                "--scratch" => settings.scratch = value.into(),
                "--to" => settings.to = Some(value.parse().with_context(wrong)?),
                "--requests" => settings.requests = value.parse().with_context(wrong)?,
                "--seconds" => settings.seconds = value.parse().with_context(wrong)?,
                "--rounds" => settings.rounds = value.parse().with_context(wrong)?,
                "--connections" => settings.connections = Some(value.parse().with_context(wrong)?),
                "--sync-delay" => settings.sync_delay = Some(duration(&value).with_context(wrong)?),
                "--shim" => settings.shim = value.into(),
                "--clock-tolerance" => settings.clock_tolerance = value,
                _ => bail!("{name} is not known here\n{USAGE}"),
            }
        }
        if settings.rounds == 0 || settings.requests == 0 || settings.connections == Some(0) || settings.seconds <= 0.0
        {
            bail!("rounds, requests, connections and seconds must be more than 0");
        }
        Ok(settings)
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number = text[..unit].parse::<f64>().ok()?;
    let seconds = match &text[unit..] {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// Sends requests once the server is ready; fails where an answer was wrong.
fn send(settings: &Settings) -> anyhow::Result<bool> {
    let to = settings.to.context(USAGE)?;
    let started = Instant::now();
    while !subject::is_ready(to) {
        if started.elapsed() > Duration::from_secs(120) {
            bail!("{to} was not ready in 120 s");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut requests = Requests::make(0, settings.requests);
    let run = client::run(to, &mut requests, settings.connections.unwrap_or(1), Duration::from_secs(3600))?;
    let [median, p99, p999] = [0.5, 0.99, 0.999].map(|share| run.latency(share));
    println!(
        "{} right, {} wrong, {:.0}/s, median {median:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms",
        run.right,
        run.wrong,
        run.per_second()
    );
    if let Some(wrong) = run.first_wrong {
        println!("first wrong answer: {wrong}");
    }
    Ok(run.wrong == 0)
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().context(USAGE)?;
    let settings = Settings::parse(arguments)?;
    let good = match command.as_str() {
        "compare" => compare::compare(&settings)?,
        "inspector" => inspector::inspector(&settings)?,
        "instructions" => instructions::instructions(&settings)?,
        "deliveries" => deliveries::deliveries(&settings)?,
        "million" => million::million(&settings)?,
        "send" => send(&settings)?,
        _ => bail!(USAGE),
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
