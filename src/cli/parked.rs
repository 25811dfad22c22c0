//! `offhook parked`: deliveries that gave up and wait for a person.

use serde_json::json;

use super::journal::JournalArgs;
use super::select::event_ids;
use super::{Exit, Outcome, WrongUse, orders, output};
use crate::deliver::Order;
use crate::journal::{Parked, Which};

/// See deliveries that gave up, try them again, or give them up for good
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook parked list --handler billing --json
  offhook parked retry --handler billing --all")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line a delivery, oldest first
    List {
        /// Only this handler's
        #[arg(long, value_name = "NAME")]
        handler: Option<String>,
        /// One JSON object a delivery
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Try them again now, as often as their handler tries anything
    Retry {
        #[command(flatten)]
        selected: Selected,
        /// Leave it to the server, and do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// Give them up for good; the event itself stays in the journal, and so does a trace of this
    Drop {
        #[command(flatten)]
        selected: Selected,
    },
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
struct Selected {
    /// The events; each delivery of them that is parked
    #[arg(value_name = "ID", group = "which")]
    ids: Vec<String>,
    /// Everything that is parked, or of one handler
    #[arg(long, group = "which", conflicts_with = "ids")]
    all: bool,
    /// Only this handler's
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
}

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::List { handler, json, journal } => list(handler.as_deref(), json, &journal),
        Command::Retry { selected, no_wait } => retry(&selected, no_wait),
        Command::Drop { selected } => give_up(&selected),
    }
}

fn list(handler: Option<&str>, json: bool, journal: &JournalArgs) -> Outcome {
    for parked in journal.open()?.parked(handler)? {
        if json {
            let (id, at) = (parked.id.to_string(), format!("{:.3}", parked.parked_at));
            output::data(json!({
                "handler": parked.handler, "position": parked.position.get(), "id": id, "type": format!("offhook.{}", parked.kind),
                "appkey": parked.app_key, "why": parked.why, "attempts": parked.attempts, "parkedat": at, "asked": parked.asked,
            }))?;
        } else {
            output::data(row(&parked))?;
        }
    }
    Ok(Exit::Yes)
}

fn retry(selected: &Selected, no_wait: bool) -> Outcome {
    let which = selected.which()?;
    let before = orders::meant(&selected.journal.open()?, &which)?.len();
    let given = orders::give(&selected.journal, &Order::Retry(which.clone()))?;
    let count = given.taken.count;
    if count == 0 {
        return nothing();
    }
    if no_wait {
        output::talk(format_args!("{count} will be tried again"));
        return Ok(Exit::Yes);
    }
    let left = given.parked(&which)?;
    for parked in &left {
        output::data(row(parked))?;
    }
    output::talk(format_args!("{} delivered, {} parked still", before.saturating_sub(left.len()), left.len()));
    Ok(if left.is_empty() { Exit::Yes } else { Exit::No })
}

fn give_up(selected: &Selected) -> Outcome {
    let given = orders::give(&selected.journal, &Order::Drop(selected.which()?))?;
    if given.taken.count == 0 {
        return nothing();
    }
    output::talk(format_args!("{} given up for good; their events stay in the journal", given.taken.count));
    Ok(Exit::Yes)
}

fn nothing() -> Outcome {
    output::talk("error: nothing of that is parked; `parked list` shows what is");
    Ok(Exit::No)
}

impl Selected {
    fn which(&self) -> Result<Which, WrongUse> {
        Ok(Which { handler: self.handler.clone(), ids: event_ids(&self.ids)? })
    }
}

fn row(parked: &Parked) -> String {
    let Parked { handler, id, kind, why, attempts, parked_at, .. } = parked;
    let asked = if parked.asked { " (to be tried again)" } else { "" };
    format!("{parked_at:.3}  {handler:<16}  {kind:<24}  {attempts:>3} attempts  {id}  {why}{asked}")
}
