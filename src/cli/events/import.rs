//! `offhook events import`: takes events in that an export wrote, through the server of the journal or by itself.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::admin::control;
use crate::cli::journal::JournalArgs;
use crate::cli::{exported, output, runtime, unreadable};
use crate::clock::Clock;
use crate::deliver::Order;
use crate::event::Event;
use crate::journal::{Copies, Journal, Retention};
use crate::metrics::Metrics;

/// Events handed over at once, and about how many bytes of them.
const TOGETHER: usize = 500;
const BYTES: usize = 4 << 20;
const CLOSING: Duration = Duration::from_secs(10);

/// Takes the lines of `file` in, or those of stdin where it is `-`. Whether every line was one.
pub(super) fn run(file: &Path, journal: &JournalArgs) -> anyhow::Result<bool> {
    let lines: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(BufReader::new(io::stdin())),
        _ => Box::new(BufReader::new(File::open(file).map_err(|error| unreadable(file, &error))?)),
    };
    runtime::on_all_cores(async {
        let mut place = Place::of(journal).await?;
        let taken = take_in(lines, &mut place).await;
        place.leave().await?;
        let Counts { taken, known, bad } = taken?;
        output::talk(format_args!("{taken} taken in, {known} were there already, {bad} lines are none"));
        Ok(bad == 0)
    })
}

#[derive(Default)]
struct Counts {
    taken: u64,
    known: u64,
    bad: u64,
}

async fn take_in(lines: impl BufRead, place: &mut Place) -> anyhow::Result<Counts> {
    let (mut counts, mut events, mut bytes) = (Counts::default(), Vec::new(), 0);
    for (number, line) in lines.lines().enumerate() {
        let line = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => line,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                counts.bad += 1;
                output::talk(format_args!("line {}: it is no UTF-8", number + 1));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match exported::event(&line) {
            Ok((event, _)) => {
                bytes += line.len();
                events.push(event);
            }
            Err(error) => {
                counts.bad += 1;
                output::talk(format_args!("line {}: {error:#}", number + 1));
            }
        }
        if events.len() >= TOGETHER || bytes >= BYTES {
            hand_over(&mut events, place, &mut counts).await?;
            bytes = 0;
        }
    }
    hand_over(&mut events, place, &mut counts).await?;
    Ok(counts)
}

async fn hand_over(events: &mut Vec<Event>, place: &mut Place, counts: &mut Counts) -> anyhow::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let copies: Copies = events.iter().collect();
    let count = copies.len() as u64;
    let taken = place.take(copies).await?;
    counts.taken += taken;
    counts.known += count - taken;
    events.clear();
    Ok(())
}

/// Where the events go.
enum Place {
    /// To the server that runs on the journal in this directory.
    Server(std::path::PathBuf),
    /// Into the journal, which no server has.
    Own(Journal),
}

impl Place {
    async fn of(journal: &JournalArgs) -> anyhow::Result<Self> {
        let mut options = journal.options()?;
        if control::ask(&options.path, &Order::Import { events: Copies::default() }).await?.is_some() {
            return Ok(Self::Server(options.path));
        }
        // A command that takes in does not delete.
        options.retention = Retention::default();
        output::talk("no server runs on this journal; this command does it itself");
        let metrics = Metrics::new(Duration::from_secs(1));
        let open = move || Journal::open(options, Clock::system(), Arc::clone(&metrics));
        Ok(Self::Own(tokio::task::spawn_blocking(open).await??))
    }

    async fn take(&self, copies: Copies) -> anyhow::Result<u64> {
        match self {
            Self::Server(directory) => {
                let taken = control::ask(directory, &Order::Import { events: copies }).await?;
                Ok(taken.context("the server has stopped; import again, nothing is kept twice")?.count)
            }
            Self::Own(journal) => Ok(journal.import(copies, Clock::system().now()).await?),
        }
    }

    async fn leave(self) -> anyhow::Result<()> {
        if let Self::Own(journal) = self {
            let closed = journal.close(CLOSING).await;
            anyhow::ensure!(closed.unkept == 0, "{} events are not durable", closed.unkept);
        }
        Ok(())
    }
}
