//! `offhook events`: reads the journal, also while a server writes it.

mod import;
mod whole;

use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::dev::show;
use super::exported::Raw;
use super::journal::JournalArgs;
use super::select::{Select, event_id};
use super::{Exit, Outcome, output, runtime};
use crate::cloud_event::CloudEvent;
use crate::event::{Event, EventId};
use crate::journal::{Failure, Failures, Position, Reader, Shadow, ShadowReader};
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
        /// Only events before this position, the first column of the first line: the page before
        #[arg(long, value_name = "POSITION")]
        before: Option<u64>,
        #[command(flatten)]
        wanted: Wanted,
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
        /// As the request that was signed, for `offhook verify`
        #[arg(long, conflicts_with_all = ["json", "typed"])]
        raw: bool,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// One line an event as it is kept, until Ctrl-C; from now on, or from --since
    Tail {
        /// With the sender's JSON
        #[arg(long)]
        data: bool,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Every event as a CloudEvent with its position and what shadows would have answered, one a line, oldest first
    Export {
        /// Also the exact bytes that were signed and their headers: what was exported so can be verified again anywhere
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Take events in that `export` wrote; those that are there already are passed over
    ///
    /// They are records, not new events: no handler gets them, unless `replay` is told to. Works through the server that
    /// runs on the journal, or on the journal itself. Exit 1 if a line is no event.
    Import {
        /// The export; `-` for stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Erase a person: who acted, body and headers of every event that names the account
    ///
    /// It is gone from the journal's files, also where it was parked or noted, and cannot be brought back. Position, id,
    /// time, kind and verdict stay, with when it was erased. What handlers got, exports and backups are not reached.
    Erase {
        /// The account; every event is meant that names it anywhere
        #[arg(long, value_name = "ACCOUNT")]
        account: String,
        /// Only this app's events
        #[arg(long, value_name = "KEY")]
        app: Option<String>,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Copy the whole journal, while a server writes it, into a new directory
    ///
    /// The copy is a journal like any other: set `journal.path` to it, or read it with --journal.
    Backup {
        /// The directory to make
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        #[command(flatten)]
        journal: JournalArgs,
    },
}

#[derive(Debug, clap::Args)]
struct Wanted {
    #[command(flatten)]
    select: Select,
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
    #[serde(flatten)]
    said: Said,
    /// What shadows would have answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadows: Vec<Would>,
    /// What the documented fields were read as.
    #[serde(skip_serializing_if = "Option::is_none")]
    typed: Option<Payload>,
    /// What was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<Raw<'a>>,
}

/// What the platform said later.
#[derive(Default, Serialize)]
struct Said {
    /// Why it could not use our answer to this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    nottaken: Option<&'static str>,
    /// The copy that told so.
    #[serde(skip_serializing_if = "Option::is_none")]
    toldby: Option<EventId>,
    /// The event that this copy tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    tellsof: Option<EventId>,
}

impl Said {
    fn about(id: EventId, failures: &Failures) -> anyhow::Result<Self> {
        let of = failures.of(id)?;
        Ok(Self {
            nottaken: of.as_ref().map(|failure| Failure::word_of(failure.reason)),
            toldby: of.map(|failure| failure.copy),
            tellsof: failures.told_by(id)?.and_then(|failure| failure.event),
        })
    }
}

/// What a shadow would have answered; without a verdict, it had no opinion.
#[derive(Serialize)]
struct Would {
    decider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdictcode: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdictby: Option<String>,
}

/// What the journal knows of events beside them.
struct Beside {
    failures: Failures,
    shadows: ShadowReader,
}

impl Beside {
    fn in_journal(reader: &Reader) -> anyhow::Result<Self> {
        Ok(Self { failures: reader.failures()?, shadows: reader.shadows()? })
    }

    fn line<'e>(&self, position: Position, event: &'e Event, typed: Option<Payload>) -> anyhow::Result<Line<'e>> {
        let would =
            |Shadow { decider, verdict, code, by, .. }| Would { decider, verdict, verdictcode: code, verdictby: by };
        Ok(Line {
            position: position.get(),
            event: CloudEvent::of(event),
            said: Said::about(event.id(), &self.failures)?,
            shadows: self.shadows.of(event.id())?.into_iter().map(would).collect(),
            typed,
            raw: None,
        })
    }
}

/// Events read at once.
const PAGE: usize = 500;
/// How often it is looked whether there are more.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::List { limit, before, wanted } => list(&wanted, limit, before),
        Command::Show { id, raw: true, journal, .. } => whole::show_raw(&id, &journal),
        Command::Show { id, json, typed, journal, .. } => show_one(&id, json, typed, &journal),
        Command::Export { raw, wanted } => export(&wanted, raw),
        Command::Import { file, journal } => import::run(&file, &journal),
        Command::Erase { account, app, journal } => whole::erase(account, app, &journal),
        Command::Backup { to, journal } => whole::copy(&to, &journal),
        Command::Tail { data, wanted } => tail(&wanted, data),
    }
    .map(|found| if found { Exit::Yes } else { Exit::No })
}

fn list(wanted: &Wanted, limit: usize, before: Option<u64>) -> anyhow::Result<bool> {
    let filter = wanted.select.filter()?;
    let reader = wanted.journal.open()?;
    let mut before = before.map_or(Position(u64::MAX), Position);
    let mut newest = Vec::new();
    while newest.len() < limit {
        let page = reader.page_before(before, (limit - newest.len()).min(PAGE), &filter)?;
        newest.extend(page.events);
        if !page.more {
            break;
        }
        before = page.scanned;
    }
    for (position, event) in newest.iter().rev() {
        if wanted.json {
            output::data(line(*position, CloudEvent::without_data(event))?)?;
        } else {
            output::data(row(*position, event))?;
        }
    }
    Ok(true)
}

fn export(wanted: &Wanted, raw: bool) -> anyhow::Result<bool> {
    let beside = Beside::in_journal(&wanted.journal.open()?)?;
    each(wanted, |position, event| {
        let mut line = beside.line(position, &event, None)?;
        line.raw = raw.then(|| Raw::of(&event));
        Ok(output::data(to_json(&line)?)?)
    })?;
    Ok(true)
}

fn show_one(id: &str, json: bool, typed: bool, journal: &JournalArgs) -> anyhow::Result<bool> {
    let wanted = event_id(id)?;
    let reader = journal.open()?;
    let Some((position, event)) = reader.find(wanted)? else {
        output::talk(format_args!("error: no event {id} in this journal"));
        return Ok(false);
    };
    if json {
        let typed = typed.then(|| event.payload());
        output::data(to_json(&Beside::in_journal(&reader)?.line(position, &event, typed)?)?)?;
        return Ok(true);
    }
    output::data(show::page(&event))?;
    if typed {
        output::data(show::reading(&event))?;
    }
    output::data(format_args!("  {:<18}{}", "position", position.get()))?;
    for (name, said) in event.marks().map(whole::marks).unwrap_or_default() {
        output::data(format_args!("  {name:<18}{said}"))?;
    }
    for shadow in reader.shadows()?.of(wanted)? {
        let said = match (&shadow.verdict, shadow.code) {
            (Some(verdict), Some(code)) if verdict == "reject" => format!("reject with {code}"),
            (Some(verdict), _) => verdict.clone(),
            (None, _) => "no opinion".to_owned(),
        };
        let by = shadow.by.map(|by| format!(" (by {by})")).unwrap_or_default();
        output::data(format_args!("  {:<18}{}: {said}{by}", "shadow", shadow.decider))?;
    }
    for parked in reader.parked(None)?.into_iter().filter(|parked| parked.id == wanted) {
        output::data(format_args!(
            "  {:<18}{}: {} (after {} attempts)",
            "parked", parked.handler, parked.why, parked.attempts
        ))?;
    }
    failures(&reader, wanted)?;
    Ok(true)
}

/// Says what comes, as it comes.
fn tail(wanted: &Wanted, data: bool) -> anyhow::Result<bool> {
    let filter = wanted.select.filter()?;
    let reader = wanted.journal.open()?;
    let mut after = if wanted.select.has_since() { Position::default() } else { reader.last()? };
    runtime::on_this_thread(async {
        loop {
            let page = reader.page(after, PAGE, &filter)?;
            for (position, event) in &page.events {
                if data {
                    output::data(line(*position, CloudEvent::of(event))?)?;
                } else if wanted.json {
                    output::data(line(*position, CloudEvent::without_data(event))?)?;
                } else {
                    output::data(row(*position, event))?;
                }
            }
            after = page.scanned;
            if page.more {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = runtime::asked_to_stop() => return Ok(true),
            }
        }
    })
}

/// What the platform said of our answer to this event; and where this is the copy that says it, of which event.
fn failures(reader: &Reader, id: EventId) -> anyhow::Result<()> {
    if let Some(failure) = reader.failure_of(id)? {
        let (word, at, copy) = (Failure::word_of(failure.reason), failure.at, failure.copy);
        output::data(format_args!(
            "  {:<18}the platform could not use this answer: {word}, {at} (copy {copy})",
            "not taken"
        ))?;
    }
    if let Some(failure) = reader.failure_told_by(id)? {
        let word = Failure::word_of(failure.reason);
        match failure.event {
            Some(event) => output::data(format_args!("  {:<18}{word}: our answer to event {event}", "tells of"))?,
            None => {
                output::data(format_args!("  {:<18}{word}: our answer to a callback not in this journal", "tells of"))?
            }
        }
    }
    Ok(())
}

/// Goes through the selected events in pages, so that a long journal never holds the writer up.
fn each(wanted: &Wanted, mut take: impl FnMut(Position, Event) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let filter = wanted.select.filter()?;
    let reader: Reader = wanted.journal.open()?;
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

fn line(position: Position, event: CloudEvent<'_>) -> anyhow::Result<String> {
    let (said, shadows) = (Said::default(), Vec::new());
    to_json(&Line { position: position.get(), event, said, shadows, typed: None, raw: None })
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
