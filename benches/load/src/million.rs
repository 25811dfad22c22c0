//! What offhook weighs: its binary, its start, its memory at rest and over a million requests.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::compare::start_offhook;
use crate::report::{Targets, median, percentile};
use crate::requests::Requests;
use crate::{Settings, client, disk};

const PART: usize = 100_000;
const PARTS: usize = 10;

/// Runs everything; whether every target was met.
pub(crate) fn million(settings: &Settings) -> anyhow::Result<bool> {
    disk::demand_a_disk(&settings.scratch)?;
    let mut targets = Targets::default();
    size(settings, &mut targets)?;
    start(settings, &mut targets)?;
    memory(settings, &mut targets)?;
    Ok(targets.print())
}

fn size(settings: &Settings, targets: &mut Targets) -> anyhow::Result<()> {
    let stripped = settings.scratch.join("offhook-stripped");
    let status =
        Command::new("strip").arg("-o").arg(&stripped).arg(&settings.offhook).status().context("no `strip`")?;
    if !status.success() {
        bail!("`strip` ended with {status}");
    }
    let size = std::fs::metadata(&stripped)?.len() as f64 / 1024.0 / 1024.0;
    std::fs::remove_file(stripped)?;
    println!("Binary, stripped: {size:.2} MiB");
    targets.at_most("stripped binary in MiB", size, 15.0);
    Ok(())
}

fn start(settings: &Settings, targets: &mut Targets) -> anyhow::Result<()> {
    let mut took = Vec::new();
    for round in 0..7 {
        let (mut offhook, _) = start_offhook(settings, &settings.scratch.join(format!("start-{round}")), &[])?;
        took.push(offhook.ready_after.as_secs_f64() * 1e3);
        let status = offhook.stop()?;
        if !status.success() {
            bail!("offhook ended with {status} when asked to stop");
        }
    }
    println!("Start to ready, empty journal: median {:.1} ms, worst {:.1} ms", median(&took), percentile(&took, 1.0));
    targets.at_most("start to ready in ms", median(&took), 50.0);
    Ok(())
}

fn memory(settings: &Settings, targets: &mut Targets) -> anyhow::Result<()> {
    let (mut offhook, _) = start_offhook(settings, &settings.scratch.join("million"), &[])?;
    sleep(Duration::from_secs(1));
    let idle = offhook.memory("VmRSS")?;
    println!("RSS at rest: {idle:.1} MiB");
    targets.at_most("RSS at rest in MiB", idle, 20.0);
    let connections = settings.connections.unwrap_or(64);
    println!(
        "\n  {:>9} {:>9} {:>12} {:>10}   (clock_tolerance {})",
        "requests", "RSS MiB", "requests/s", "p99.9 ms", settings.clock_tolerance
    );
    let (mut resident, mut wrong) = (Vec::new(), 0);
    for part in 0..PARTS {
        let mut requests = Requests::make((part * PART) as u64, PART);
        let run = client::run(offhook.address, &mut requests, connections, Duration::from_secs(600))?;
        resident.push(offhook.memory("VmRSS")?);
        wrong += run.wrong;
        if let Some(wrong) = &run.first_wrong {
            println!("  {} wrong answers; the first: {wrong}", run.wrong);
        }
        println!(
            "  {:>9} {:>9.1} {:>12.0} {:>10.3}",
            (part + 1) * PART,
            resident[part],
            run.per_second(),
            run.latency(0.999)
        );
    }
    // From the second part on: the first fills caches that stay.
    let (first, last) = (resident[1], resident[PARTS - 1]);
    let each = (last - first) * 1024.0 * 1024.0 / ((PARTS - 2) * PART) as f64;
    println!(
        "RSS: peak {:.1} MiB; from {first:.1} to {last:.1} MiB over the last {} requests: {each:.1} bytes each",
        offhook.memory("VmHWM")?,
        (PARTS - 2) * PART
    );
    targets.at_most("RSS after a million over RSS after 200k", last / first, 1.10);
    targets.equal("wrong answers", wrong, 0);
    let status = offhook.stop()?;
    targets.equal(
        "exit code on SIGTERM right after the load",
        u64::try_from(status.code().unwrap_or(-1)).unwrap_or(u64::MAX),
        0,
    );
    Ok(())
}
