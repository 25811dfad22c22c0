//! What delivering costs: memory with a million events that nobody takes, and how far handlers are behind at full speed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::compare::start_neighbour;
use crate::report::{Targets, median};
use crate::requests::Requests;
use crate::subject::{Subject, configure_offhook, free_address};
use crate::{Settings, client, disk};

const PART: usize = 100_000;
const PARTS: usize = 10;
/// Short, so that what is remembered of requests, to know a repeat, is not what is seen to grow.
const TOLERANCE: &str = "5s";
/// How long a handler may take for what is left when the load is over.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs everything; whether every target was met.
pub(crate) fn deliveries(settings: &Settings) -> anyhow::Result<bool> {
    disk::demand_a_disk(&settings.scratch)?;
    let mut targets = Targets::default();
    undelivered(settings, &mut targets)?;
    let home = settings.scratch.join("target");
    std::fs::create_dir_all(&home)?;
    let target = start_neighbour("bare", &home, &[], &Vec::new())?;
    let url = format!("http://{}/yunxin/callback", target.address);
    println!(
        "\n  {:<14} {:>12} {:>12} {:>12} {:>14}",
        "handler", "requests/s", "lag, most s", "lag, end s", "rest after s"
    );
    for (name, more) in [
        ("none", String::new()),
        ("log", "type = \"log\"".to_owned()),
        ("http", format!("type = \"http\"\nurl = \"{url}\"")),
        ("http, 16", format!("type = \"http\"\nurl = \"{url}\"\nconcurrency = 16")),
        ("http, batch", format!("type = \"http\"\nurl = \"{url}\"\nbatch = 64")),
    ] {
        keeps_up(settings, name, &more, &mut targets)?;
    }
    Ok(targets.print())
}

/// A target that is gone, and a million events for it.
fn undelivered(settings: &Settings, targets: &mut Targets) -> anyhow::Result<()> {
    let handler = format!("type = \"http\"\nurl = \"http://{}/\"", free_address()?);
    let (mut offhook, _) = start(settings, &settings.scratch.join("undelivered"), &handler)?;
    println!(
        "  {:>11} {:>9} {:>12}   (nobody takes them; clock_tolerance {TOLERANCE})",
        "undelivered", "RSS MiB", "requests/s"
    );
    let mut resident = Vec::new();
    for part in 0..PARTS {
        let mut requests = Requests::make((part * PART) as u64, PART);
        let connections = settings.connections.unwrap_or(64);
        let run = client::run(offhook.address, &mut requests, connections, PATIENCE)?;
        resident.push(offhook.memory("VmRSS")?);
        println!("  {:>11} {:>9.1} {:>12.0}", (part + 1) * PART, resident[part], run.per_second());
        targets.equal("wrong answers", run.wrong, 0);
    }
    // Before the middle what is remembered of requests still grows: ten seconds of them.
    let grew = median(&resident[7..]) / median(&resident[3..6]);
    targets.at_most("RSS with 800k to 1M undelivered over RSS with 400k to 600k, medians", grew, 1.10);
    offhook.stop()?;
    Ok(())
}

/// A target that answers at once, at full speed.
fn keeps_up(settings: &Settings, name: &str, handler: &str, targets: &mut Targets) -> anyhow::Result<()> {
    let (mut offhook, admin) = start(settings, &settings.scratch.join(format!("keeps-up-{name}")), handler)?;
    let address = offhook.address;
    let length = Duration::from_secs_f64(settings.seconds);
    let mut requests = Requests::make(0, (40_000.0 * settings.seconds) as usize);
    let over = AtomicBool::new(false);
    let (run, most) = scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0_f64;
            while !over.load(Ordering::Relaxed) {
                most = most.max(number(admin, "offhook_delivery_lag_seconds").unwrap_or(0.0));
                sleep(Duration::from_millis(200));
            }
            most
        });
        let run = client::run(address, &mut requests, settings.connections.unwrap_or(64), length);
        over.store(true, Ordering::Relaxed);
        (run, watching.join().unwrap_or(f64::NAN))
    });
    let (run, ended) = (run?, Instant::now());
    let lag = number(admin, "offhook_delivery_lag_seconds").unwrap_or(0.0);
    let done = || number(admin, "offhook_deliveries_total{").is_some_and(|done| done >= run.right as f64);
    while !handler.is_empty() && !done() && ended.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
    }
    let rest = ended.elapsed().as_secs_f64();
    println!("  {name:<14} {:>12.0} {most:>12.2} {lag:>12.2} {rest:>14.2}", run.per_second());
    if !handler.is_empty() {
        targets.at_most(&format!("{name}: seconds for the rest, of those of the load"), rest / settings.seconds, 0.10);
    }
    offhook.stop()?;
    Ok(())
}

/// offhook with this handler, and where its numbers are.
fn start(settings: &Settings, home: &Path, handler: &str) -> anyhow::Result<(Subject, SocketAddr)> {
    let address = free_address()?;
    let config = configure_offhook(home, address, TOLERANCE)?;
    let mut text = std::fs::read_to_string(&config)?;
    let admin = text.split("[admin]\nlisten = \"").nth(1).and_then(|rest| rest.split('"').next());
    let admin = admin.context("no admin listener")?.parse()?;
    if !handler.is_empty() {
        text.push_str(&format!("\n[[handlers]]\nname = \"subject\"\n{handler}\n"));
    }
    std::fs::write(&config, text)?;
    let mut command = Command::new(&settings.offhook);
    command.arg("serve").arg("--config").arg(&config);
    Ok((Subject::start(command, address, home.join("offhook.log"))?, admin))
}

/// The first number among the metrics whose line begins so and is of what is done.
fn number(admin: SocketAddr, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(admin).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let is_wanted = |line: &&str| line.starts_with(name) && (!line.contains("outcome=") || line.contains("\"done\""));
    text.lines().find(is_wanted)?.rsplit(' ').next()?.parse().ok()
}
