//! The `offhook` command: reads what was typed, does it, and says how it went.
//!
//! stdout is data, stderr is talk, nothing ever asks. Exit codes: 0 yes, 1 no, 2 wrong use,
//! 64 bad configuration, 75 stopped while something accepted was not yet durable.

mod apps;
mod call;
mod check;
mod completions;
mod conform;
mod dev;
mod events;
mod exported;
mod health;
mod ingest;
mod journal;
mod listen;
mod man;
mod orders;
mod output;
mod parked;
mod replay;
mod runtime;
mod schema;
mod secrets_in_use;
mod select;
mod send;
mod serve;
mod simulate;
mod tencent;
mod usersig;
mod verify;

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use clap::{Parser, Subcommand};

use crate::config;

/// Answers what a call platform asks before it lets a user act.
///
/// NetEase Yunxin asks its customer's server "alice wants to call bob; allow?" and waits two seconds.
/// offhook is that server: it proves who asks, decides in time, keeps the event, answers, and hands it on.
#[derive(Debug, Parser)]
#[command(name = "offhook", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Dev(dev::Args),
    Check(check::Args),
    Send(send::Args),
    Verify(verify::Args),
    Events(events::Args),
    Parked(parked::Args),
    Replay(replay::Args),
    Simulate(simulate::Args),
    Listen(listen::Args),
    Health(health::Args),
    Call(call::Args),
    Ingest(ingest::Args),
    Usersig(usersig::Args),
    Schema(schema::Args),
    Conform(conform::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What a command comes to.
type Outcome = anyhow::Result<Exit>;

/// The exit codes the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Yes = 0,
    No = 1,
    WrongUse = 2,
    BadConfiguration = 64,
    NotDurable = 75,
}

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    runtime::use_small_pages();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and is a success; a mistake goes to stderr. A closed pipe is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { Exit::WrongUse.into() } else { Exit::Yes.into() };
        }
    };
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Dev(args) => dev::run(args),
        Command::Check(args) => check::run(&args),
        Command::Send(args) => send::run(args),
        Command::Verify(args) => verify::run(&args),
        Command::Events(args) => events::run(args),
        Command::Parked(args) => parked::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Listen(args) => listen::run(args),
        Command::Health(args) => health::run(&args),
        Command::Call(args) => call::run(args),
        Command::Ingest(args) => ingest::run(args),
        Command::Usersig(args) => usersig::run(args),
        Command::Schema(args) => schema::run(&args),
        Command::Conform(args) => conform::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => failed(&error).into(),
    }
}

/// Says what went wrong, once.
fn failed(error: &anyhow::Error) -> Exit {
    if output::is_broken_pipe(error) {
        return Exit::Yes;
    }
    if let Some(faults) = error.downcast_ref::<config::Faults>() {
        output::talk(faults);
        return Exit::BadConfiguration;
    }
    output::talk(format_args!("error: {}", with_causes(error)));
    if error.is::<WrongUse>() { Exit::WrongUse } else { Exit::No }
}

/// What went wrong, and why; a cause that was told already is not told again.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.ends_with(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

/// A flag's value that is a URL of http or https.
fn web_url(text: &str) -> Result<url::Url, &'static str> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or("expected a URL that begins with http:// or https://")
}

/// The text of a file that was named.
fn text_of(path: &Path) -> Result<String, WrongUse> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// The secret in a file that was named: its text without the line's end.
fn secret_in(path: &Path) -> Result<String, WrongUse> {
    Ok(text_of(path)?.trim_end_matches(['\n', '\r']).to_owned())
}

/// To name a file that cannot be read is wrong use: `1` would say that something was tried and is not so.
fn unreadable(path: &Path, error: &io::Error) -> WrongUse {
    WrongUse(format!("cannot read {}: {error}", path.display()))
}

/// The command was typed in a way that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
