//! `offhook conform`: tries any receiver of callbacks, in whatever language, and says what it would get wrong.

mod case;
mod cases;
mod platform;
mod play;
mod row;
mod wire;

use std::sync::Arc;

use anyhow::Context;

use super::apps::AppArgs;
use super::{Exit, Outcome, WrongUse, output, runtime, send, web_url};
use crate::clock::Clock;
use case::Case;
use cases::GROUPS;
use platform::Platform;
use row::{Row, listed};
use wire::Target;

/// Try any receiver of callbacks, and say what it would get wrong
///
/// Sends some 500 requests, as the platform does and as others might, and prints a row for each case: what was sent,
/// what came back, what the platform would conclude, and why it matters. The receiver must know the app that is used,
/// and takes what it is sent for real: point this at a test instance. Exit 0 when every case passes, 1 when not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook conform --to http://127.0.0.1:8080/receiveMsg.action
  offhook conform --to https://test.example.com/callback --app-key KEY --app-secret-file ./secret --json
  offhook conform --to http://127.0.0.1:3000/callback --only proof --skip time.stale")]
pub(super) struct Args {
    /// The receiver
    #[arg(long, value_name = "URL", value_parser = web_url, required_unless_present = "list")]
    to: Option<url::Url>,
    /// Only these cases, and whether a proper call is answered: a case's name, or a group's
    #[arg(long, value_name = "CASE")]
    only: Vec<String>,
    /// Not these cases: a case's name, or a group's
    #[arg(long, value_name = "CASE")]
    skip: Vec<String>,
    /// List the cases and try none
    #[arg(long)]
    list: bool,
    /// One JSON object for each case
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: AppArgs,
}

/// The case of a proper call. Where not even that is answered, refusals say nothing.
const PROPER: &str = "call_start";

pub(super) fn run(args: &Args) -> Outcome {
    let mut chosen = chosen(args)?;
    if args.list {
        for (group, case) in chosen {
            output::data(listed(group, case, args.json))?;
        }
        return Ok(Exit::Yes);
    }
    let to = args.to.as_ref().context("--to is missing")?;
    let (apps, clock) = (args.app.apps()?, Clock::system());
    let app = apps.iter().next().context("the configuration has no app")?;
    let platform = Platform::new(&app.app_key, send::current_secret(app, clock.now()), clock);
    let target = Arc::new(Target::of(to)?);
    runtime::on_this_thread(async {
        target.connect().await.with_context(|| format!("cannot connect to {to}"))?;
        let tried = async |group: &'static str, case: &'static Case| -> anyhow::Result<Row> {
            let asks = (case.asks)(&platform);
            Ok(Row::of(group, case, &asks, play::play(&target, case, &asks).await?))
        };
        let is_asked_for = chosen.iter().any(|(_, case)| case.name == PROPER);
        if let Some((group, case)) = all().find(|(group, case)| case.name == PROPER && !among(&args.skip, group, case))
            && !is_asked_for
            && tried(group, case).await?.problem.is_some()
        {
            chosen.insert(0, (group, case));
        }
        let mut failed = Vec::new();
        for (group, case) in &chosen {
            let row = tried(group, case).await?;
            if args.json {
                output::data(row.as_json())?;
            } else {
                output::data(row.as_text())?;
            }
            if row.problem.is_some() {
                failed.push(case.name);
            }
        }
        conclude(&chosen, &failed, &app.app_key);
        Ok(if failed.is_empty() { Exit::Yes } else { Exit::No })
    })
}

fn conclude(chosen: &[(&str, &Case)], failed: &[&str], app_key: &str) {
    let count = chosen.len();
    if failed.is_empty() {
        return output::talk(format_args!("\nall {count} cases passed"));
    }
    output::talk(format_args!("\n{} of {count} cases failed: {}", failed.len(), failed.join(", ")));
    if failed.contains(&PROPER) {
        output::talk(format_args!(
            "hint: even a proper call is not answered; does the receiver know the app {app_key} and its secret, and is \
             the path right?"
        ));
    }
}

fn all() -> impl Iterator<Item = (&'static str, &'static Case)> {
    GROUPS.iter().flat_map(|(group, cases)| cases.iter().map(move |case| (*group, case)))
}

/// Whether one of `words` means the case: its name, its group's, or both.
fn among(words: &[String], group: &str, case: &Case) -> bool {
    words.iter().any(|word| *word == case.name || *word == group || word.split_once('.') == Some((group, case.name)))
}

/// The cases that are to be tried, each with its group.
fn chosen(args: &Args) -> Result<Vec<(&'static str, &'static Case)>, WrongUse> {
    for word in args.only.iter().chain(&args.skip) {
        if !all().any(|(group, case)| among(std::slice::from_ref(word), group, case)) {
            return Err(WrongUse(format!("`{word}` is neither a case nor a group; --list shows them")));
        }
    }
    let wanted = |group: &str, case: &Case| {
        (args.only.is_empty() || among(&args.only, group, case)) && !among(&args.skip, group, case)
    };
    let chosen: Vec<_> = all().filter(|(group, case)| wanted(group, case)).collect();
    if chosen.is_empty() { Err(WrongUse("no case is left".to_owned())) } else { Ok(chosen) }
}
