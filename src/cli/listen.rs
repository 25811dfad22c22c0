//! `offhook listen`: a deployed offhook's live events on a laptop, printed and sent on to a server of yours.

mod bookmark;
mod line;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;
use url::Url;

use super::dev::forward::Forward;
use super::dev::show;
use super::select::Select;
use super::{Exit, Outcome, WrongUse, output, runtime, secret_in, web_url};
use crate::admin::stream::{Kept, Line};
use crate::cloud_event::CloudEvent;
use crate::yunxin::App;
use bookmark::Bookmark;
use line::{Lost, Source};

/// Get a deployed offhook's live events
///
/// Prints each event as `dev` does, and with --forward-to sends its exact bytes and headers to a server of yours; nothing
/// that this answers reaches the sender. It goes on where it stopped, also after a restart of either end, and several
/// may listen at once. Events come whole, with what people wrote: listen only to what you may read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook listen --from http://127.0.0.1:8081
  offhook listen --from https://admin.your.host --token-file token.txt --forward-to http://localhost:3000/callback --kind 'call.*'")]
pub(super) struct Args {
    /// The admin listener of the offhook that is listened to
    #[arg(long, value_name = "URL", value_parser = web_url)]
    from: Url,
    /// Its `admin.token`; visible to other users of this machine, so prefer a file or `OFFHOOK_ADMIN_TOKEN`
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds its token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Send each event on to this URL, with the bytes and headers it came with
    #[arg(long, value_name = "URL", value_parser = web_url)]
    forward_to: Option<Url>,
    /// Sign what is sent on anew, as this app; for callbacks and copies of Yunxin's
    #[arg(long, value_name = "KEY", requires = "forward_to")]
    app_key: Option<String>,
    /// The secret of that app: a local one, such as that of `dev`
    #[arg(long, value_name = "SECRET", requires = "app_key", conflicts_with = "app_secret_file")]
    app_secret: Option<String>,
    /// A file that holds it
    #[arg(long, value_name = "FILE", requires = "app_key")]
    app_secret_file: Option<PathBuf>,
    #[command(flatten)]
    select: Select,
    /// Begin with what comes now, or with --since, wherever it stopped before
    #[arg(long)]
    new: bool,
    /// Keep in this file how far it is [default: a file of its own for these flags, with the user's other state]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// One JSON object an event: the CloudEvent with its position
    #[arg(long)]
    json: bool,
}

/// The first wait before connecting again; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(10);

pub(super) fn run(args: Args) -> Outcome {
    let token = secret(args.token.as_ref(), args.token_file.as_ref())?.or_else(|| variable("OFFHOOK_ADMIN_TOKEN"));
    let filter = args.select.filter()?;
    let query = line::query(&filter);
    let source = Source::new(&args.from, token, &query)?;
    let mut listener = Listener {
        bookmark: Bookmark::find(args.state.as_deref(), [args.from.to_string(), query, forwards_to(&args)])?,
        forward: forward(&args)?,
        json: args.json,
    };
    if args.new {
        listener.bookmark.forget();
    }
    runtime::on_this_thread(async {
        tokio::select! {
            // A Ctrl-C is listened for before anything is said to listen.
            biased;
            _ = runtime::asked_to_stop() => Ok(Exit::Yes),
            ended = listener.listens(&source, &args) => ended,
        }
    })
}

/// Somebody who listens.
struct Listener {
    bookmark: Bookmark,
    forward: Option<Forward>,
    json: bool,
}

impl Listener {
    /// Until there is no use in it any more.
    async fn listens(&mut self, source: &Source, args: &Args) -> Outcome {
        let (mut wait, mut told) = (FIRST_WAIT, false);
        loop {
            let why = match self.hears(source, args, &mut wait, &mut told).await {
                Ok(never) => match never {},
                Err(Lost::ForGood(why)) => return Err(why),
                Err(Lost::ForNow(why)) => why,
            };
            if !std::mem::replace(&mut told, true) {
                output::talk(format_args!("not connected: {why}; trying again"));
            }
            sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// One connection, from its beginning to its end.
    async fn hears(
        &mut self,
        source: &Source,
        args: &Args,
        wait: &mut Duration,
        told: &mut bool,
    ) -> Result<std::convert::Infallible, Lost> {
        let mut lines = source.connect(self.bookmark.position()).await?;
        loop {
            match lines.next().await? {
                Line::Hello { after, last, beat_seconds } => {
                    lines.expects_one_each(Duration::from_secs(beat_seconds));
                    (*wait, *told) = (FIRST_WAIT, false);
                    self.greet(args, after, last)?;
                }
                Line::Event(kept) => self.takes(*kept).await?,
                Line::Beat { after, gone } => {
                    gone.iter().for_each(|gone| missed(args, *gone));
                    self.bookmark.moves_to(after)?;
                }
                Line::Trouble(what) => return Err(Lost::ForNow(format!("it cannot read its journal: {what}"))),
            }
        }
    }

    fn greet(&mut self, args: &Args, after: u64, last: u64) -> Result<(), Lost> {
        let from = &args.from;
        match self.bookmark.position() {
            Some(before) if before > after => {
                let what =
                    format!("{from} has another journal now, which ends at {last}: beginning with its first event");
                output::talk(format_args!("warning: {what}"));
            }
            Some(_) if last > after => {
                output::talk(format_args!("listening to {from}: {} to catch up with, after {after}", last - after));
            }
            Some(_) => output::talk(format_args!("listening to {from}, after {after}")),
            None => output::talk(format_args!("listening to {from}; Ctrl-C ends it")),
        }
        Ok(self.bookmark.moves_to(after)?)
    }

    /// Shows an event and sends it on; only then it counts as heard.
    async fn takes(&mut self, kept: Kept) -> Result<(), Lost> {
        let position = kept.position;
        let (id, family) = (kept.id, kept.family.clone());
        match kept.into_event() {
            Some(event) => {
                let shown = if self.json { self.line(position, &event) } else { show::page(&event) };
                output::data(shown).map_err(|error| Lost::ForGood(error.into()))?;
                if let Some(forward) = &self.forward {
                    let answer = forward.ask(&event).await;
                    // stdout is for data where somebody else reads it.
                    if self.json {
                        output::talk(answer);
                    } else {
                        output::data(answer).map_err(|error| Lost::ForGood(error.into()))?;
                    }
                }
            }
            None => output::talk(format_args!(
                "warning: event {id} is of the family {family}, which this version does not know"
            )),
        }
        Ok(self.bookmark.moves_to(position)?)
    }

    fn line(&self, position: u64, event: &crate::event::Event) -> String {
        let mut line = serde_json::to_string(&CloudEvent::of(event)).unwrap_or_default();
        line.insert_str(1, &format!("\"position\":{position},"));
        line
    }
}

/// Says what will never be heard.
fn missed(args: &Args, (first, last): (u64, u64)) {
    let (from, count) = (&args.from, last.saturating_sub(first).saturating_add(1));
    output::talk(format_args!(
        "warning: {from} no longer keeps {first} to {last}, {count} events of any kind: they went by its `journal.keep` or \
         `journal.max_size` before they were heard"
    ));
}

fn forward(args: &Args) -> anyhow::Result<Option<Forward>> {
    let Some(to) = args.forward_to.clone() else { return Ok(None) };
    let forward = Forward::to(to)?;
    let secret = secret(args.app_secret.as_ref(), args.app_secret_file.as_ref())?;
    match (&args.app_key, secret) {
        (Some(key), Some(secret)) => Ok(Some(forward.signed_by(App::new(key.clone(), secret)))),
        (Some(_), None) => Err(WrongUse("--app-key without --app-secret or --app-secret-file".to_owned()).into()),
        (None, _) => Ok(Some(forward)),
    }
}

fn forwards_to(args: &Args) -> String {
    args.forward_to.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn secret(typed: Option<&String>, file: Option<&PathBuf>) -> anyhow::Result<Option<String>> {
    match (typed, file) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(file)) => Ok(Some(secret_in(file)?)),
        (None, None) => Ok(None),
    }
}

#[expect(clippy::disallowed_methods, reason = "a command may read its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
