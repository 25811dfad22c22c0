//! `offhook completions`: what a shell must know to complete what is typed.

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, Outcome, output};

/// Print what a shell must know to complete offhook's commands
///
/// Where it belongs depends on the shell; see the examples.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook completions bash > ~/.local/share/bash-completion/completions/offhook
  offhook completions zsh > \"${fpath[1]}/_offhook\"
  offhook completions fish > ~/.config/fish/completions/offhook.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Outcome {
    // Into memory first: a reader that has gone away is no reason to fall over.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "offhook", &mut script);
    output::data(String::from_utf8(script).context("a script that is no text")?.trim_end())?;
    Ok(Exit::Yes)
}
