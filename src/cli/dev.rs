//! `offhook dev`: a receiver for a laptop: no configuration, loopback only, every callback printed readably.

pub(super) mod place;
pub(super) mod show;
#[cfg(feature = "simulator")]
mod tencent;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::sync::watch;

use super::{Exit, Outcome, output, runtime, send, serve};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, DEV_APP_KEY, DEV_APP_SECRET, Sources};
use crate::decide::{Shared, Word};
use crate::deliver::{AnyHandler, LaneSettings};
use crate::metrics::Metrics;
use crate::telemetry::{self, LogForm};
use crate::tencent::callback::CallbackSecrets;
use crate::tencent::{DEV_CALLBACK_TOKEN, DEV_SDK_APP_ID, DEV_TRTC_KEY};
use crate::yunxin;
use show::Show;

/// Receive on this machine with the published test app, and print every callback readably
///
/// Needs no configuration, listens on loopback only, and keeps its journal in a scratch directory that goes with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook dev --demo
  offhook dev --tencent
  offhook dev --port 9090 --verdict reject")]
pub(super) struct Args {
    /// The port on 127.0.0.1; the admin listener takes the next one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Send one of each seed sample to itself first
    #[arg(long)]
    demo: bool,
    /// Play Tencent too, on the port after the admin listener's: phones that ring and answer, callbacks that come here
    #[cfg(feature = "simulator")]
    #[arg(long)]
    tencent: bool,
    /// What to answer
    #[arg(long, value_enum, default_value_t = Answer::Allow)]
    verdict: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Answer {
    Allow,
    Reject,
}

/// The kinds that the demo plays: the two of the callbacks' own documentation.
const DEMO: [&str; 2] = ["call.start", "room.create"];

pub(super) fn run(args: Args) -> Outcome {
    telemetry::start(LogForm::Text, "warn");
    let clock = Clock::system();
    let mut config = config::load(&Sources::of_dev(), &clock)?;
    let scratch = tempfile::Builder::new().prefix("offhook-dev-").tempdir().context("no scratch directory")?;
    config.edge.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let journal = scratch.path().join("journal");
    config.journal.path.clone_from(&journal);
    config.journal.spill = scratch.path().join("spill.jsonl");
    config.journal.min_free = 0;
    if args.verdict == Answer::Reject {
        config.policy.scope.all.default = Some(Word::Reject);
    }
    let mut admin = config.admin.clone();
    admin.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port.checked_add(1).unwrap_or(0)));
    if args.port == 0 {
        admin.listen.set_port(0);
    }
    runtime::on_all_cores(async {
        let (shown, mut seen) = watch::channel(0_u64);
        let shared = Shared::new(Metrics::new(config.edge.deadline));
        let mut builder = serve::builder(config, &clock, &shared)?.tencent(published_callbacks());
        builder.handlers.push((LaneSettings::new("show"), AnyHandler::new(Show::new(shown))));
        let app = App::build(builder, Some(admin)).await?;
        let addresses = app.addresses()?;
        let base = format!("http://{}", addresses.public);
        output::talk(format_args!("offhook dev: receiving on {base}/receiveMsg.action and {base}/yunxin/callback"));
        if let Some(admin) = addresses.admin {
            output::talk(format_args!(
                "numbers and health on http://{admin}/metrics; journal in {}",
                scratch.path().display()
            ));
        }
        let word = place::leave_word(&journal);
        if let Err(error) = &word {
            output::talk(format_args!("other commands have to be told where the journal is (--journal): {error:#}"));
        }
        #[cfg(feature = "simulator")]
        let _tencent = if args.tencent {
            let port = if args.port == 0 { 0 } else { args.port.checked_add(2).unwrap_or(0) };
            let simulator = tencent::start(port, &base, &clock).await?;
            tencent::invite(&simulator, port);
            Some(simulator)
        } else {
            None
        };
        let run = app.run(runtime::asked_to_stop());
        let play = async {
            if args.demo {
                demo(&base, &mut seen).await?;
            }
            let to = format!("{base}/receiveMsg.action");
            output::talk(format_args!("\nlistening; send one yourself from another terminal:\n"));
            output::talk(format_args!(
                "  offhook send call.start --to {to} --app-key {DEV_APP_KEY} --app-secret {DEV_APP_SECRET}\n"
            ));
            std::future::pending::<anyhow::Result<()>>().await
        };
        tokio::select! {
            _ended = run => Ok(Exit::Yes),
            failed = play => failed.map(|()| Exit::Yes),
        }
    })
}

/// What the published test app's callbacks of Tencent's are proven with.
fn published_callbacks() -> CallbackSecrets {
    CallbackSecrets::new(DEV_SDK_APP_ID, [DEV_CALLBACK_TOKEN.into()], [DEV_TRTC_KEY.into()])
}

/// Sends the demo's samples to this receiver, signed, and shows each with the answer it got.
async fn demo(base: &str, seen: &mut watch::Receiver<u64>) -> anyhow::Result<()> {
    let to: url::Url = format!("{base}/receiveMsg.action").parse()?;
    let client = send::client(&to)?;
    let app = yunxin::App::new(DEV_APP_KEY, DEV_APP_SECRET);
    for (number, kind) in (1..).zip(DEMO) {
        output::data(format_args!("\n→ POST {to}  ({kind}, signed)"))?;
        let answer = send::ask(client.clone(), to.clone(), send::sample(kind, &app)?).await;
        if answer.reply.is_ok() {
            // What is shown comes out of the journal, after the answer.
            seen.wait_for(|shown| *shown >= number).await.context("nothing shows events any more")?;
        }
        output::data(send::as_text(&answer))?;
    }
    Ok(())
}
