//! offhook against a bare receiver, and against one that syncs each request by itself, in alternating rounds.
//!
//! The machine drifts by half within minutes, so only figures of one pair of rounds are set against each other; what is printed
//! as a ratio is the median of those.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::client::{self, Run};
use crate::report::{Targets, compare_row, median};
use crate::requests::Requests;
use crate::subject::{Subject, configure_offhook, free_address};
use crate::{Settings, disk};

/// Runs all cases; whether every target was met.
pub(crate) fn compare(settings: &Settings) -> anyhow::Result<bool> {
    disk::demand_a_disk(&settings.scratch)?;
    let latency = disk::sync_latency(&settings.scratch)?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("Load of the machine before this run: {} (best near 0)", load.split(' ').next().unwrap_or_default());
    let disk = settings.scratch.display();
    println!("Disk of {disk}: write + fdatasync of 4 KiB: median {:.3} ms, p99 {:.3} ms", latency.median, latency.p99);
    let mut targets = Targets::default();
    plain(settings, &mut targets)?;
    if let Some(delay) = settings.sync_delay {
        slow_disk(settings, delay, &mut targets)?;
    }
    Ok(targets.print())
}

fn plain(settings: &Settings, targets: &mut Targets) -> anyhow::Result<()> {
    let home = settings.scratch.join("plain");
    let (offhook, config) = start_offhook(settings, &home, &[])?;
    let bare = start_neighbour("bare", &home, &[], &[])?;
    let connections = settings.connections.unwrap_or(64);
    let mut pairs = Pairs { names: ["offhook", "bare"], offhook: &offhook, other: &bare, sent: 0, kept: 0 };

    let many = pairs.run(connections, settings.rounds, settings.seconds)?;
    let [answers, _, _, _, cpu, _] = many.print(&pairs.names);
    targets.at_least(&format!("{connections} connections: requests/s over bare"), answers, 0.60);
    targets.at_most("CPU per request over bare", cpu, 2.2);
    targets.at_most("p99.9 in ms", median(&many.columns[TAIL][0]), 15.0);

    let one = pairs.run(1, settings.rounds, settings.seconds.min(3.0))?;
    one.print(&pairs.names);
    let differences = one.columns[MEDIAN][0].iter().zip(&one.columns[MEDIAN][1]).map(|(ours, bare)| ours - bare);
    targets.at_most("1 connection: median answer over bare's, in ms", median(&differences.collect::<Vec<_>>()), 0.5);

    targets.equal("wrong answers", many.wrong + one.wrong, 0);
    let kept = pairs.kept;
    offhook.settle()?;
    count_journal(&settings.offhook, &config, kept, targets)
}

fn slow_disk(settings: &Settings, delay: Duration, targets: &mut Targets) -> anyhow::Result<()> {
    if !settings.shim.is_file() {
        bail!("--sync-delay needs --shim, the compiled tests/shim/unsynced.c");
    }
    let home = settings.scratch.join("slow");
    std::fs::create_dir_all(&home)?;
    let counts = home.join("syncs");
    let shim = |count: Option<&Path>| {
        let mut variables = vec![
            ("LD_PRELOAD", settings.shim.clone()),
            ("OFFHOOK_SHIM_DIR", home.clone()),
            ("OFFHOOK_SHIM_DELAY_US", delay.as_micros().to_string().into()),
        ];
        variables.extend(count.map(|count| ("OFFHOOK_SHIM_COUNT", count.to_owned())));
        variables
    };
    let (offhook, config) = start_offhook(settings, &home, &shim(Some(&counts)))?;
    let file = home.join("one-sync.log");
    let naive = start_neighbour("one-sync", &home, &[("--file", &file)], &shim(None))?;
    println!("\n{delay:?} added to every sync; one-sync writes and syncs each request by itself");

    let connections = settings.connections.unwrap_or(64);
    let mut pairs = Pairs { names: ["offhook", "one-sync"], offhook: &offhook, other: &naive, sent: 0, kept: 0 };
    // Counted over everything that it was sent here, warming up included: the batches of a run differ little among themselves.
    let before = read_counts(&counts)?;
    let many = pairs.run(connections, settings.rounds, settings.seconds)?;
    let after = read_counts(&counts)?;
    let [answers, ..] = many.print(&pairs.names);
    let (syncs, wal) = (after[0] - before[0], after[1] - before[1]);
    // The write-ahead log is synced once for each batch; a journal without one is counted by all its syncs.
    let batches = if wal > 0 { wal } else { syncs };
    let batch = pairs.kept as f64 / batches as f64;
    println!(
        "  {} answers, {syncs} syncs of files, {wal} of them of the write-ahead log: mean batch {batch:.1}",
        pairs.kept
    );
    targets.at_least(&format!("{delay:?} syncs: requests/s over one-sync"), answers, 20.0);
    targets.at_least("mean batch as a share of the connections", batch / connections as f64, 0.45);
    targets.equal("wrong answers with slow syncs", many.wrong, 0);
    let kept = pairs.kept;
    offhook.settle()?;
    count_journal(&settings.offhook, &config, kept, targets)
}

/// Two servers that take turns.
pub(crate) struct Pairs<'a> {
    pub(crate) names: [&'static str; 2],
    pub(crate) offhook: &'a Subject,
    pub(crate) other: &'a Subject,
    /// How many requests were made so far; each is offered to both.
    pub(crate) sent: u64,
    /// How many right answers offhook has given.
    pub(crate) kept: u64,
}

const TAIL: usize = 3;
const MEDIAN: usize = 1;
const ROWS: [(&str, usize); 6] =
    [("requests/s", 0), ("p50 ms", 3), ("p99 ms", 3), ("p99.9 ms", 3), ("CPU s / 100k", 2), ("RSS MiB", 1)];

/// The figures of each row, for offhook and for the other.
pub(crate) struct Case {
    title: String,
    columns: [[Vec<f64>; 2]; ROWS.len()],
    pub(crate) wrong: u64,
}

impl Pairs<'_> {
    pub(crate) fn run(&mut self, connections: usize, rounds: usize, seconds: f64) -> anyhow::Result<Case> {
        let title = format!("{connections} connection(s), {rounds} pairs of {seconds} s");
        let mut case = Case { title, columns: Default::default(), wrong: 0 };
        // Warming up also shows how many requests a round can use.
        let mut rate = self.pair(connections, 1.0, 60_000, false, None, &mut case)?;
        for round in 0..rounds {
            let count = (rate * seconds * 1.7) as usize + 1000;
            // Who goes first alternates too, so that a drift of the machine favours nobody.
            rate = self.pair(connections, seconds, count, round % 2 == 1, Some(round), &mut case)?;
        }
        Ok(case)
    }

    /// One round each, with the same requests; the higher rate.
    fn pair(
        &mut self,
        connections: usize,
        seconds: f64,
        count: usize,
        swapped: bool,
        round: Option<usize>,
        case: &mut Case,
    ) -> anyhow::Result<f64> {
        let mut requests = Requests::make(self.sent, count);
        self.sent += count as u64;
        let mut rate: f64 = 0.0;
        for side in if swapped { [1, 0] } else { [0, 1] } {
            let subject = [self.offhook, self.other][side];
            self.offhook.settle()?;
            self.other.settle()?;
            let before = subject.cpu()?;
            let run = client::run(subject.address, &mut requests, connections, Duration::from_secs_f64(seconds))
                .with_context(|| format!("{} under load", self.names[side]))?;
            let cpu = (subject.cpu()? - before).as_secs_f64();
            rate = rate.max(run.per_second());
            self.kept += if side == 0 { run.right } else { 0 };
            case.wrong += run.wrong;
            if let Some(wrong) = &run.first_wrong {
                println!("  {} gave {} wrong answers; the first: {wrong}", self.names[side], run.wrong);
            }
            if round.is_some() {
                for (column, figure) in case.columns.iter_mut().zip(figures(&run, cpu, subject.memory("VmRSS")?)) {
                    column[side].push(figure);
                }
            }
        }
        Ok(rate)
    }
}

fn figures(run: &Run, cpu: f64, memory: f64) -> [f64; ROWS.len()] {
    let latency = |share| run.latency(share);
    [run.per_second(), latency(0.5), latency(0.99), latency(0.999), cpu / run.right as f64 * 1e5, memory]
}

impl Case {
    /// Prints a table; the ratio of each row.
    pub(crate) fn print(&self, names: &[&str; 2]) -> [f64; ROWS.len()] {
        println!("\n{:<20} {:>12} {:>12} {:>8}   (lowest … highest pair)", self.title, names[0], names[1], "ratio");
        let mut ratios = [0.0; ROWS.len()];
        for (at, (name, digits)) in ROWS.iter().enumerate() {
            ratios[at] = compare_row(name, *digits, &self.columns[at][0], &self.columns[at][1]);
        }
        ratios
    }
}

type Variables = [(&'static str, PathBuf)];

/// Starts offhook with a new journal below `home`; also where its configuration is.
pub(crate) fn start_offhook(
    settings: &Settings,
    home: &Path,
    variables: &Variables,
) -> anyhow::Result<(Subject, PathBuf)> {
    let address = free_address()?;
    let config = configure_offhook(home, address, &settings.clock_tolerance)?;
    let mut command = Command::new(&settings.offhook);
    command.arg("serve").arg("--config").arg(&config).envs(variables.iter().cloned());
    Ok((Subject::start(command, address, home.join("offhook.log"))?, config))
}

/// Starts one of the servers that are built beside this program.
pub(crate) fn start_neighbour(
    name: &str,
    home: &Path,
    arguments: &[(&str, &Path)],
    variables: &Variables,
) -> anyhow::Result<Subject> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?.with_file_name(name));
    command.arg("--listen").arg(address.to_string()).envs(variables.iter().cloned());
    command.args(arguments.iter().flat_map(|(name, value)| [Path::new(name), value]));
    Subject::start(command, address, home.join(format!("{name}.log")))
}

/// Every answer was durable: the journal has as many events as there were right answers, each request once.
fn count_journal(offhook: &Path, config: &Path, answered: u64, targets: &mut Targets) -> anyhow::Result<()> {
    let mut command = Command::new(offhook);
    command.args(["events", "export", "--json", "--config"]).arg(config).stdout(Stdio::piped());
    let mut export = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let (mut lines, mut seen) = (0_u64, HashSet::new());
    for line in BufReader::new(export.stdout.take().context("no output")?).lines() {
        let line = line?;
        lines += 1;
        let number = line.split_once("\"timestamp\":\"").and_then(|(_, rest)| rest.get(..13));
        seen.insert(number.with_context(|| format!("an event without its timestamp: {line}"))?.parse::<u64>()?);
    }
    let status = export.wait()?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    println!("  {answered} answers were given, {lines} events are in the journal, {} of them different", seen.len());
    targets.equal("events in the journal, for each right answer one", lines, answered);
    targets.equal("different ones among them", seen.len() as u64, answered);
    Ok(())
}

/// What the shim counted: syncs of files, and those of a write-ahead log.
fn read_counts(path: &Path) -> anyhow::Result<[u64; 2]> {
    let bytes = std::fs::read(path).context("the shim did not count; is the binary linked statically?")?;
    let at = |index: usize| {
        bytes.get(index * 8..).and_then(|rest| rest.first_chunk()).map(|chunk| u64::from_ne_bytes(*chunk))
    };
    at(0).zip(at(1)).map(Into::into).context("the shim's count file is too short")
}
