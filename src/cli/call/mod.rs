//! `offhook call`: rings users from the server through Tencent's call engine, and tells what became of it.

mod callback;
mod play;
mod records;
mod start;

use clap::Subcommand;

use super::tencent::{self, AppArgs, EngineArgs, answered, tell};
use super::{Exit, Outcome, WrongUse, output, runtime};
use crate::clock::Clock;
use crate::tencent::RequestError;
use crate::tencent::call_engine::{CallEngine, CallInfo, Request};

/// Ring users from the server (Tencent's call engine)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call start --robot robot --callee jack --media video --room stage-7 --config offhook.toml
  offhook call play --callee jack --media https://example.com/a.mp4")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(Box<start::Args>),
    /// End a call
    End(CallArgs),
    /// Tell how a call stands: its room, its members and what each of them does
    Info(CallArgs),
    Records(Box<records::Args>),
    Callback(callback::Args),
    Play(Box<play::Args>),
}

/// Which call is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call info --call-id 35fd577d-1d10-4201-a40d-6d7316560986
  offhook call end --call-id 35fd577d-1d10-4201-a40d-6d7316560986 --json")]
struct CallArgs {
    /// The call's id
    #[arg(long, value_name = "ID")]
    call_id: String,
    #[command(flatten)]
    common: Common,
}

/// What all of them take.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print the request, its signature masked, instead of sending it
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::Start(args) => start::run(&args),
        Command::End(args) => end(&args),
        Command::Info(args) => info(&args),
        Command::Records(args) => records::run(&args),
        Command::Callback(args) => callback::run(&args),
        Command::Play(args) => play::run(*args),
    }
}

fn end(args: &CallArgs) -> Outcome {
    let request = Request::End(args.call_id.clone());
    args.common.ask(
        &request,
        async |engine| engine.end(&args.call_id).await,
        |()| tell(args.common.json, &serde_json::json!({ "CallId": args.call_id }), || "ended".to_owned()),
    )
}

fn info(args: &CallArgs) -> Outcome {
    let request = Request::Info(args.call_id.clone());
    args.common.ask(
        &request,
        async |engine| engine.info(&args.call_id).await,
        |info| tell(args.common.json, &info, || words(&info)),
    )
}

fn words(info: &CallInfo) -> String {
    let room = info.room.as_ref().map_or_else(|| "none named".to_owned(), ToString::to_string);
    let mut text = format!("call   {}\nmedia  {}\nroom   {room}\n", info.call_id, info.media);
    for member in &info.members {
        text.push_str(&format!("{:<16} {}\n", member.user, member.status));
    }
    text
}

impl Common {
    fn engine(&self) -> anyhow::Result<CallEngine> {
        Ok(self.app.account(Some(&self.engine))?.call_engine(&Clock::system())?)
    }

    /// Shows `request`, or asks and tells the answer.
    fn ask<T>(
        &self,
        request: &Request,
        ask: impl AsyncFnOnce(&CallEngine) -> Result<T, RequestError>,
        tell: impl FnOnce(T) -> anyhow::Result<()>,
    ) -> Outcome {
        let engine = self.engine()?;
        if self.dry_run {
            return tencent::show(&answered(engine.prepare(request))?, self.json);
        }
        let answer = runtime::on_this_thread(async { answered(ask(&engine).await) })?;
        tell(answer)?;
        Ok(Exit::Yes)
    }
}
