//! `offhook check`: reads the configuration and says every fault at once.

use std::path::PathBuf;

use super::{Exit, Outcome, output, secrets_in_use};
use crate::clock::Clock;
use crate::config::{self, Sources};

/// Read the configuration and say every fault at once
///
/// Exit 0 when it can be served, 64 when not. Warnings do not change that. Of an app with several secrets it tells which
/// ones its kept callbacks were signed with, so that an old one can be deleted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook check --config offhook.toml
  offhook check --config offhook.toml --print")]
pub(super) struct Args {
    /// The configuration [default: the defaults and the environment]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the resolved configuration, secrets masked
    #[arg(long)]
    print: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let clock = Clock::system();
    let config = config::load(&Sources::of_process(args.config.clone()), &clock)?;
    for warning in &config.warnings {
        output::talk(format_args!("warning: {warning}"));
    }
    for sentence in secrets_in_use::told(&config.apps, &config.journal, clock.now()) {
        output::talk(sentence);
    }
    if args.print {
        output::data(config.masked_toml().trim_end())?;
    } else {
        let (apps, deciders, handlers) = (config.apps.iter().count(), config.deciders.len(), config.handlers.len());
        output::talk(format_args!(
            "ok: {apps} app(s), {deciders} decider(s), {handlers} handler(s), journal in {}",
            config.journal
        ));
    }
    Ok(Exit::Yes)
}
