//! `offhook dev`: a receiver for a laptop: loopback only, a scratch journal, every callback printed readably.

pub(super) mod forward;
pub(super) mod place;
pub(super) mod show;
#[cfg(feature = "simulator")]
mod tencent;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::sync::watch;
use url::Url;

use super::{Exit, Outcome, WrongUse, output, runtime, send, serve, web_url};
use crate::app::{Addresses, App, StartError};
use crate::clock::Clock;
use crate::config::{self, Config, DEV_APP_KEY, DEV_APP_SECRET, Sources};
use crate::decide::{Shared, Word};
use crate::deliver::{AnyHandler, LaneSettings};
use crate::kind::Family;
use crate::metrics::Metrics;
use crate::telemetry::LogForm;
use crate::tencent::callback::CallbackSecrets;
use crate::tencent::{DEV_CALLBACK_TOKEN, DEV_SDK_APP_ID, DEV_TRTC_KEY};
use crate::yunxin;
use forward::Forward;
use show::Show;

/// Receive on this machine, and print every callback readably
///
/// Listens on loopback only, and keeps its journal in a scratch directory that goes with it. Without --config it needs
/// no configuration and believes the published test app.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook dev --demo
  offhook dev --tencent
  offhook dev --port 9090 --verdict reject
  offhook dev --forward-to http://localhost:3000/callback
  offhook dev --config offhook.toml")]
pub(super) struct Args {
    /// The port on 127.0.0.1; the admin listener takes the next one [default: 8080, or the configuration's]
    #[arg(long)]
    port: Option<u16>,
    /// Send one of each seed sample to itself first
    #[arg(long)]
    demo: bool,
    /// Play Tencent too, on the port after the admin listener's: phones that ring and answer, callbacks that come here
    #[cfg(feature = "simulator")]
    #[arg(long, conflicts_with = "config")]
    tencent: bool,
    /// What to answer where nobody decides [default: allow, or what the configuration says]
    #[arg(long, value_enum)]
    verdict: Option<Answer>,
    /// Send each callback on to a server of yours, and show what it would have answered; that changes no answer
    #[arg(long, value_name = "URL", value_parser = web_url)]
    forward_to: Option<Url>,
    /// Use the apps, verdicts, deciders, handlers and paths of this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Answer {
    Allow,
    Reject,
}

/// The kinds that the demo plays: the two of the callbacks' own documentation.
const DEMO: [&str; 2] = ["call.start", "room.create"];

pub(super) fn run(args: Args) -> Outcome {
    runtime::log(LogForm::Text, "warn");
    let clock = Clock::system();
    let scratch = tempfile::Builder::new().prefix("offhook-dev-").tempdir().context("no scratch directory")?;
    let config = configured(&args, scratch.path(), &clock)?;
    if args.demo && config.apps.iter().next().is_none() {
        return Err(
            WrongUse("--demo sends samples of an app of Yunxin's, and the configuration has none".to_owned()).into()
        );
    }
    let forward = args.forward_to.clone().map(Forward::to).transpose()?;
    runtime::on_all_cores(async {
        // A configuration may be of Tencent's alone.
        let app = config.apps.iter().next().cloned();
        let paths: Vec<_> =
            config.edge.endpoints.iter().map(|endpoint| (endpoint.family, endpoint.path.clone())).collect();
        let (admin, answers) = (config.admin.clone(), answers(&args, &config));
        let journal = config.journal.path.clone();
        let (shown, mut seen) = watch::channel(0_u64);
        let shared = Shared::new(Metrics::new(config.edge.deadline));
        let mut builder = serve::builder(config, &clock, &shared)?;
        if args.config.is_none() {
            builder = builder.tencent(published_callbacks());
        }
        let show = Show::new(shown, forward, clock.clone());
        builder.handlers.push((LaneSettings::new("show"), AnyHandler::new(show)));
        let running = App::build(builder, Some(admin)).await.map_err(with_the_way_out)?;
        let addresses = running.addresses()?;
        screen(&args, &addresses, &paths, app.as_ref(), answers, &journal);
        let word = place::leave_word(&journal);
        if let Err(error) = &word {
            output::talk(format_args!("other commands have to be told where the journal is (--journal): {error:#}"));
        }
        #[cfg(feature = "simulator")]
        let _tencent = if args.tencent {
            let public = addresses.public.port();
            let port = if args.port == Some(0) { 0 } else { public.checked_add(2).unwrap_or(0) };
            let simulator = tencent::start(port, &format!("http://{}", addresses.public), &clock).await?;
            tencent::invite(&simulator, port);
            Some(simulator)
        } else {
            None
        };
        let path = paths.iter().find(|(family, _)| *family == Family::YunxinCallback);
        let to = format!("http://{}{}", addresses.public, path.map_or("/", |(_, path)| path));
        let run = running.run(runtime::asked_to_stop());
        let play = async {
            match &app {
                Some(app) => {
                    if args.demo {
                        demo(&to, app, &mut seen).await?;
                    }
                    output::talk(format_args!("\nlistening; send one yourself from another terminal:\n"));
                    output::talk(format_args!("  offhook send call.start --to {to} {}\n", whose(&args)));
                }
                None => output::talk("\nlistening for Tencent's callbacks; the configuration has no app of Yunxin's\n"),
            }
            std::future::pending::<anyhow::Result<()>>().await
        };
        tokio::select! {
            // The receiver first: a Ctrl-C is listened for before anything is said to listen.
            biased;
            _ended = run => Ok(Exit::Yes),
            failed = play => failed.map(|()| Exit::Yes),
        }
    })
}

/// The error, and what to do about a port that another program has.
fn with_the_way_out(error: StartError) -> anyhow::Error {
    let taken = matches!(&error, StartError::Listen { error, .. } if error.kind() == ErrorKind::AddrInUse);
    let error = anyhow::Error::from(error);
    if taken { error.context("a port is taken, choose another one with --port") } else { error }
}

/// What the published test app's callbacks of Tencent's are proven with.
fn published_callbacks() -> CallbackSecrets {
    CallbackSecrets::new(DEV_SDK_APP_ID, [DEV_CALLBACK_TOKEN.into()], [DEV_TRTC_KEY.into()])
}

/// What was configured, on loopback and with a journal in `scratch`.
fn configured(args: &Args, scratch: &Path, clock: &Clock) -> anyhow::Result<Config> {
    let sources = args.config.clone().map_or_else(Sources::of_dev, |file| Sources::of_process(Some(file)));
    let mut config = config::load(&sources, clock)?;
    if args.config.is_some() {
        for warning in &config.warnings {
            output::talk(format_args!("warning: {warning}"));
        }
    }
    let port = args.port.unwrap_or(config.edge.listen.port());
    config.edge.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let next = if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) };
    config.admin.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, next));
    (config.admin.write, config.admin.samples) = (true, true);
    config.journal.path = scratch.join("journal");
    config.journal.spill = scratch.join("spill.jsonl");
    config.journal.min_free = 0;
    config.journal.nats = None;
    if let Some(verdict) = args.verdict {
        let word = if verdict == Answer::Allow { Word::Allow } else { Word::Reject };
        config.policy.scope.all.default = Some(word);
    }
    Ok(config)
}

/// In a few words, what is answered.
fn answers(args: &Args, config: &Config) -> &'static str {
    match (args.config.is_some(), config.policy.scope.all.default) {
        (true, _) => "as the configuration says",
        (false, Some(Word::Reject)) => "reject",
        (false, _) => "allow",
    }
}

/// Says where everything is.
fn screen(
    args: &Args,
    addresses: &Addresses,
    paths: &[(Family, String)],
    app: Option<&yunxin::App>,
    answers: &str,
    journal: &Path,
) {
    let line = |name: &str, value: &str| output::talk(format_args!("  {name:<16}  {value}"));
    output::talk("offhook dev: receiving on this machine only; Ctrl-C ends it\n");
    for family in Family::ALL {
        for (_, path) in paths.iter().filter(|(of, _)| *of == family) {
            line(family.name(), &format!("http://{}{path}", addresses.public));
        }
    }
    let secret = if args.config.is_none() { format!(", whose secret is {DEV_APP_SECRET}") } else { String::new() };
    match app {
        Some(app) => line("app", &format!("{}{secret}", app.app_key)),
        None => line("app", "none of Yunxin's: only Tencent's callbacks are believed"),
    }
    line("answers", answers);
    if let Some(url) = &args.forward_to {
        line("forwards to", &format!("{url}, and shows what it would have answered"));
    }
    if let Some(admin) = addresses.admin {
        line("inspector", &format!("http://{admin}/"));
        line("what is refused", &format!("http://{admin}/#/refusals says why, and what to do"));
        line("numbers, health", &format!("http://{admin}/metrics"));
    }
    line("journal", &format!("{} until this ends", journal.display()));
}

/// How `send` is told which app to use.
fn whose(args: &Args) -> String {
    match &args.config {
        Some(file) => format!("--config {}", file.display()),
        None => format!("--app-key {DEV_APP_KEY} --app-secret {DEV_APP_SECRET}"),
    }
}

/// Sends the demo's samples to this receiver, signed, and shows each with the answer it got.
async fn demo(to: &str, app: &yunxin::App, seen: &mut watch::Receiver<u64>) -> anyhow::Result<()> {
    let to: Url = to.parse()?;
    let client = send::client(&to)?;
    for (number, kind) in (1..).zip(DEMO) {
        output::data(format_args!("\n→ POST {to}  ({kind}, signed)"))?;
        let answer = send::ask(client.clone(), to.clone(), send::sample(kind, app)?).await;
        if answer.reply.is_ok() {
            // What is shown comes out of the journal, after the answer.
            seen.wait_for(|shown| *shown >= number).await.context("nothing shows events any more")?;
        }
        output::data(send::as_text(&answer))?;
    }
    Ok(())
}
