//! `offhook call callback`: where Tencent tells about calls.

use clap::Subcommand;

use super::{Common, Outcome, tell};
use crate::tencent::call_engine::{CALLBACK_COMMANDS, Request};

/// Tell or change where Tencent's call engine sends its callbacks
///
/// An app has one URL: setting it replaces what another tool has set. Put a long secret into the path, which
/// offhook checks: `https://your.host/tencent/call/SECRET`, with SECRET in `tencent.callback_tokens`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call callback get
  offhook call callback set --url https://your.host/tencent/call/SECRET")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell where callbacks go
    #[command(after_help = "Examples:
  offhook call callback get
  offhook call callback get --json")]
    Get {
        #[command(flatten)]
        common: Common,
    },
    /// Say where callbacks go
    #[command(after_help = "Examples:
  offhook call callback set --url https://your.host/tencent/call/SECRET
  offhook call callback set --url https://your.host/tencent/call/SECRET --command Call.CallbackAfterEndCall")]
    Set {
        /// http or https
        #[arg(long, value_name = "U")]
        url: String,
        /// About what [default: all three]
        #[arg(long = "command", value_name = "C", value_delimiter = ',', num_args = 1..)]
        commands: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// End callbacks
    #[command(after_help = "Examples:
  offhook call callback delete
  offhook call callback delete --dry-run")]
    Delete {
        #[command(flatten)]
        common: Common,
    },
}

pub(super) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Get { common } => common.ask(
            &Request::GetCallback,
            async |engine| engine.callback().await,
            |set| tell(common.json, &set, || format!("{}\n{}", set.url, set.commands.join("\n"))),
        ),
        Command::Set { url, commands, common } => {
            let all = || CALLBACK_COMMANDS.map(str::to_owned).to_vec();
            let commands = if commands.is_empty() { all() } else { commands.clone() };
            let request = Request::SetCallback { url: url.clone(), commands: commands.clone() };
            let set = serde_json::json!({ "Url": url, "CallbackCommandList": commands });
            common.ask(
                &request,
                async |engine| engine.set_callback(url, commands.clone()).await,
                |()| tell(common.json, &set, || "set".to_owned()),
            )
        }
        Command::Delete { common } => common.ask(
            &Request::DeleteCallback,
            async |engine| engine.delete_callback().await,
            |()| tell(common.json, &serde_json::json!({}), || "deleted".to_owned()),
        ),
    }
}
