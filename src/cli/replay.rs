//! `offhook replay`: kept events are delivered again, to a handler or to a URL.

use std::time::Duration;

use tokio::time::sleep;
use url::Url;

use super::journal::JournalArgs;
use super::select::Select;
use super::{Exit, Outcome, WrongUse, orders, output, runtime, web_url};
use crate::clock::Clock;
use crate::deliver::{self, Handler, Order};
use crate::event::Event;
use crate::handlers::Http;
use crate::journal::{Filter, Position};

/// Deliver kept events again
///
/// To a handler: the server that runs on the journal does it, beside what it delivers anyway; where none runs, this
/// command does it with the handlers of the configuration. To a URL: this command posts them itself.
/// Each event has its own id again, and `"replayed": true`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook replay --handler billing --kind 'call.*' --since 2h
  offhook replay --to http://127.0.0.1:3000/hooks --id 01987c5e-7a00-7000-8000-000000000001")]
#[command(group = clap::ArgGroup::new("target").required(true))]
pub(super) struct Args {
    /// Which handler gets them
    #[arg(long, value_name = "NAME", group = "target")]
    handler: Option<String>,
    /// Where they are posted to, as a handler of type `http` would
    #[arg(long, value_name = "URL", group = "target", value_parser = web_url)]
    to: Option<Url>,
    /// At most so many in a second
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Leave it to the server, and do not wait for the end
    #[arg(long, requires = "handler")]
    no_wait: bool,
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    journal: JournalArgs,
}

/// Events read at once.
const PAGE: usize = 100;
/// For one attempt, and of it for reaching the target.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often an event is tried, and how long is waited between.
const ATTEMPTS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

pub(super) fn run(args: Args) -> Outcome {
    if let Some(rate) = args.rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
        return Err(WrongUse(format!("--rate {rate} makes no sense; give a number above 0")).into());
    }
    let filter = args.select.filter()?;
    match (args.handler, args.to) {
        (Some(handler), _) => to_handler(handler, filter, args.rate, args.no_wait, &args.journal),
        (_, Some(url)) => to_url(url, &filter, args.rate, &args.journal),
        // clap asks for one of the two.
        (None, None) => Ok(Exit::WrongUse),
    }
}

fn to_handler(handler: String, filter: Filter, rate: Option<f64>, no_wait: bool, journal: &JournalArgs) -> Outcome {
    let given = orders::give(journal, &Order::Replay { handler, filter, per_second: rate })?;
    let Some(number) = given.taken.replay else { anyhow::bail!("the server gave the replay no number") };
    if no_wait {
        output::talk(format_args!("replay {number} is under way"));
        return Ok(Exit::Yes);
    }
    let replay = given.replay(number)?;
    let none = ": no kept event is both meant and of a kind that this handler takes";
    let why = if replay.delivered + replay.parked == 0 { none } else { "" };
    output::talk(format_args!("{} delivered, {} parked{why}", replay.delivered, replay.parked));
    Ok(if replay.parked == 0 { Exit::Yes } else { Exit::No })
}

fn to_url(url: Url, filter: &Filter, rate: Option<f64>, journal: &JournalArgs) -> Outcome {
    let reader = journal.open()?;
    let handler = Http::new("replay", url, TIMEOUT, CONNECT_TIMEOUT, Clock::system())?;
    let between = rate.map(|rate| Duration::from_secs_f64((1.0 / rate).min(3600.0)));
    let (mut delivered, mut failed) = (0_u64, 0_u64);
    // Nothing that arrives while this runs was asked for.
    let last = reader.last()?;
    runtime::on_this_thread(async {
        let mut after = Position::default();
        loop {
            let page = reader.page(after, PAGE, filter)?;
            for (_, event) in page.events.into_iter().take_while(|(position, _)| *position <= last) {
                match post(&handler, &event.as_replayed()).await {
                    Ok(()) => delivered += 1,
                    Err((id, why)) => {
                        failed += 1;
                        output::talk(format_args!("not delivered: {id}: {why}"));
                    }
                }
                if let Some(between) = between {
                    sleep(between).await;
                }
            }
            after = page.scanned;
            if !page.more || after >= last {
                return anyhow::Ok(());
            }
        }
    })?;
    output::talk(format_args!("{delivered} delivered, {failed} not"));
    Ok(if failed == 0 { Exit::Yes } else { Exit::No })
}

/// Posts one event, a few times if need be; otherwise its id and what was in the way.
async fn post(handler: &Http, event: &Event) -> Result<(), (String, String)> {
    let mut attempt = 1;
    loop {
        let why = match handler.deliver(event).await {
            deliver::Outcome::Done => return Ok(()),
            deliver::Outcome::GiveUp { why } => return Err((event.id().to_string(), why)),
            deliver::Outcome::Retry { why, .. } | deliver::Outcome::Pause { why, .. } => why,
        };
        if attempt == ATTEMPTS {
            return Err((event.id().to_string(), why));
        }
        attempt += 1;
        sleep(BETWEEN).await;
    }
}
