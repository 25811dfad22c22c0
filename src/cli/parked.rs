//! `offhook parked`: deliveries that gave up and wait for a person.

use serde_json::json;

use super::journal::JournalArgs;
use super::{Exit, Outcome, output};

/// See deliveries that gave up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook parked list
  offhook parked list --handler billing --json")]
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
}

pub(super) fn run(args: Args) -> Outcome {
    let Command::List { handler, json, journal } = args.command;
    for parked in journal.open()?.parked(handler.as_deref())? {
        let (id, at) = (parked.id.to_string(), format!("{:.3}", parked.parked_at));
        if json {
            output::data(json!({
                "handler": parked.handler, "position": parked.position.get(), "id": id, "type": format!("offhook.{}", parked.kind),
                "appkey": parked.app_key, "why": parked.why, "attempts": parked.attempts, "parkedat": at,
            }))?;
        } else {
            let (handler, kind, why) = (&parked.handler, &parked.kind, &parked.why);
            output::data(format_args!(
                "{at}  {handler:<16}  {kind:<24}  {:>3} attempts  {id}  {why}",
                parked.attempts
            ))?;
        }
    }
    Ok(Exit::Yes)
}
