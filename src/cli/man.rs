//! `offhook man`: the manual, a page for the whole and one for each command.

use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use super::{Cli, Exit, Outcome, WrongUse, output};

/// Print the manual, or write all of its pages
///
/// Without an argument it prints the page of offhook itself; with a command, that command's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook man conform | man -l -
  offhook man --dir /usr/local/share/man/man1")]
pub(super) struct Args {
    /// The command whose page is wanted, e.g. events list
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,
    /// Write every page into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    if let Some(dir) = &args.dir {
        let write = || std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
        write().with_context(|| format!("cannot write into {}", dir.display()))?;
        return Ok(Exit::Yes);
    }
    let mut wanted = &whole;
    for name in &args.command {
        let unknown = || WrongUse(format!("there is no command `{}`", args.command.join(" ")));
        wanted = wanted.find_subcommand(name).ok_or_else(unknown)?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(wanted.clone()).render(&mut page).context("a page that cannot be written")?;
    output::data(String::from_utf8(page).context("a page that is no text")?.trim_end())?;
    Ok(Exit::Yes)
}
