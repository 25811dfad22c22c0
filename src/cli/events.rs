//! `offhook events`: reads the journal, also while a server writes it.

use anyhow::Context;
use serde::Serialize;

use super::dev::show;
use super::journal::{JournalArgs, point_in_time};
use super::{Exit, Outcome, WrongUse, output};
use crate::cloud_event::CloudEvent;
use crate::event::{Event, EventId};
use crate::journal::{Filter, Position, Reader};
use crate::kind::KindPattern;
use crate::payload::Payload;

/// Read the journal
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook events list --kind 'call.*' --since 1h
  offhook events show 01a2006a-171b-717b-844e-363aa4bbb7c1 --typed
  offhook events export --json > events.jsonl")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line an event, oldest first, without its data
    List {
        /// At most this many, the newest
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        select: Select,
    },
    /// One event, whole
    Show {
        /// Its id
        id: String,
        /// As a CloudEvent
        #[arg(long)]
        json: bool,
        /// Also what the documented fields were read as
        #[arg(long)]
        typed: bool,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Every event as a CloudEvent with its position, one a line, oldest first
    Export {
        #[command(flatten)]
        select: Select,
    },
}

#[derive(Debug, clap::Args)]
struct Select {
    /// Only these kinds: a name, or a pattern such as call.*
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only this app
    #[arg(long, value_name = "KEY")]
    app: Option<String>,
    /// Only events received since: RFC 3339, Unix milliseconds, or how long ago, e.g. 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events received before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// One JSON object an event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    journal: JournalArgs,
}

/// An event with its place in the journal.
#[derive(Serialize)]
struct Line<'a> {
    position: u64,
    #[serde(flatten)]
    event: CloudEvent<'a>,
    /// What the documented fields were read as.
    #[serde(skip_serializing_if = "Option::is_none")]
    typed: Option<Payload>,
}

/// Events read at once.
const PAGE: usize = 500;

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::List { limit, select } => list(&select, limit),
        Command::Show { id, json, typed, journal } => show_one(&id, json, typed, &journal),
        Command::Export { select } => export(&select),
    }
    .map(|found| if found { Exit::Yes } else { Exit::No })
}

fn list(select: &Select, limit: usize) -> anyhow::Result<bool> {
    let mut newest = std::collections::VecDeque::with_capacity(limit.min(PAGE) + 1);
    each(select, |position, event| {
        newest.push_back((position, event));
        if newest.len() > limit {
            newest.pop_front();
        }
        Ok(())
    })?;
    for (position, event) in &newest {
        if select.json {
            output::data(line(*position, CloudEvent::without_data(event))?)?;
        } else {
            output::data(row(*position, event))?;
        }
    }
    Ok(true)
}

fn export(select: &Select) -> anyhow::Result<bool> {
    each(select, |position, event| Ok(output::data(line(position, CloudEvent::of(&event))?)?))?;
    Ok(true)
}

fn show_one(id: &str, json: bool, typed: bool, journal: &JournalArgs) -> anyhow::Result<bool> {
    let wanted =
        EventId::parse(id).ok_or_else(|| WrongUse(format!("`{id}` is no event id; `events list` shows them")))?;
    let reader = journal.open()?;
    let Some((position, event)) = reader.find(wanted)? else {
        output::talk(format_args!("error: no event {id} in this journal"));
        return Ok(false);
    };
    if json {
        let typed = typed.then(|| event.payload());
        output::data(to_json(&Line { position: position.get(), event: CloudEvent::of(&event), typed })?)?;
        return Ok(true);
    }
    output::data(show::page(&event))?;
    if typed {
        output::data(show::reading(&event))?;
    }
    output::data(format_args!("  {:<18}{}", "position", position.get()))?;
    for parked in reader.parked(None)?.into_iter().filter(|parked| parked.id == wanted) {
        output::data(format_args!(
            "  {:<18}{}: {} (after {} attempts)",
            "parked", parked.handler, parked.why, parked.attempts
        ))?;
    }
    Ok(true)
}

/// Goes through the selected events in pages, so that a long journal never holds the writer up.
fn each(select: &Select, mut take: impl FnMut(Position, Event) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let filter = select.filter()?;
    let reader: Reader = select.journal.open()?;
    let mut after = Position::default();
    loop {
        let page = reader.page(after, PAGE, &filter)?;
        for (position, event) in page.events {
            take(position, event)?;
        }
        if !page.more {
            return Ok(());
        }
        after = page.scanned;
    }
}

impl Select {
    fn filter(&self) -> anyhow::Result<Filter> {
        let kinds: Result<Vec<_>, _> =
            self.kinds.iter().map(|kind| KindPattern::parse(kind).map_err(WrongUse)).collect();
        let time = |text: &Option<String>| text.as_deref().map(point_in_time).transpose();
        Ok(Filter { kinds: kinds?, app: self.app.clone(), since: time(&self.since)?, until: time(&self.until)? })
    }
}

fn line(position: Position, event: CloudEvent<'_>) -> anyhow::Result<String> {
    to_json(&Line { position: position.get(), event, typed: None })
}

fn to_json(line: &Line<'_>) -> anyhow::Result<String> {
    serde_json::to_string(line).context("an event that cannot be written")
}

fn row(position: Position, event: &Event) -> String {
    let (verdict, by) = event.decision().map_or(("", ""), |decision| (decision.verdict.word(), &*decision.by));
    let (subject, kind) = (event.subject().unwrap_or("-"), event.kind());
    format!(
        "{:>8}  {:.3}  {kind:<24}  {verdict:<6}  {by:<16}  {subject:<20}  {}",
        position.get(),
        event.received(),
        event.id()
    )
}
