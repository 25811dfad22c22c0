//! `offhook schema`: JSON Schemas of what offhook writes and reads.

use super::{Exit, Outcome, output};
use crate::{config, payload};

/// Print a JSON Schema
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook schema event > event.schema.json
  offhook schema config > offhook.schema.json")]
pub(super) struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Of {
    /// Of an event, as it is exported and handed on, and of the bodies of each kind
    Event,
    /// Of the configuration file, for an editor that reads TOML
    Config,
}

pub(super) fn run(args: &Args) -> Outcome {
    let schema = match args.of {
        Of::Event => payload::event_schema(),
        Of::Config => config::schema(),
    };
    output::data(format_args!("{schema:#}"))?;
    Ok(Exit::Yes)
}
