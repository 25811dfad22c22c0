//! `offhook call play`: rings, waits for the answer, plays media into the call's room, and hangs up.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::super::ingest::DetailArgs;
use super::super::tencent::{self, AppArgs, Cloud, EngineArgs, answered};
use super::super::{Exit, Outcome, WrongUse, dev, output, runtime};
use super::start::CallArgs;
use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::handlers::JournalWitness;
use crate::journal::Reader;
use crate::tencent::call_engine::{CallEngine, Media, Request};
use crate::tencent::ingest::{Ingests, Site, StartIngest};
use crate::tencent::play::{Asking, Plan, Played, Step, Witness, play};
use crate::tencent::{Chance, Host, RoomId, RoomReading};

/// Ring, wait for the answer, play media, hang up
///
/// The answer is learnt from Tencent's callbacks in the journal of a running offhook, or with --no-callback by asking
/// once a second. Without a configuration it rings the pretend phones of `offhook dev --tencent`. Progress goes to
/// stderr; Ctrl-C stops the media and hangs up. Exit 0 where somebody answered, 1 where nobody did.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call play --callee jack --media https://example.com/a.mp4
  offhook call play --callee jack --media https://example.com/a.mp4 --config offhook.toml --no-callback")]
pub(super) struct Args {
    #[command(flatten)]
    call: CallArgs,
    /// What is played once somebody answers: http, https or rtmp
    #[arg(long, value_name = "URL")]
    media: String,
    /// Ring with pictures or without: video or audio
    #[arg(long, value_name = "TYPE", default_value = "video", value_parser = super::start::media)]
    media_type: Media,
    #[command(flatten)]
    details: DetailArgs,
    /// Ask how the call goes instead of waiting for callbacks
    #[arg(long, conflicts_with = "journal")]
    no_callback: bool,
    /// The journal of the running offhook [default: the configuration's, or that of `dev`]
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    app: AppArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    cloud: CloudArgs,
    /// Print both requests, their signatures masked, instead of sending them
    #[arg(long)]
    dry_run: bool,
    /// One JSON object at the end
    #[arg(long)]
    json: bool,
}

/// The Cloud API, beside the call engine.
#[derive(Debug, Clone, clap::Args)]
struct CloudArgs {
    /// The SecretId of a pair of the Cloud API [default: TENCENTCLOUD_SECRET_ID or the configuration]
    #[arg(long, value_name = "ID")]
    secret_id: Option<String>,
    /// Its SecretKey; prefer TENCENTCLOUD_SECRET_KEY, a file or a configuration
    #[arg(long, value_name = "KEY", conflicts_with = "cloud_secret_key_file")]
    cloud_secret_key: Option<String>,
    /// A file that holds its SecretKey
    #[arg(long, value_name = "FILE")]
    cloud_secret_key_file: Option<PathBuf>,
    /// A region of the Cloud API, such as ap-singapore
    #[arg(long, value_name = "REGION")]
    ingest_region: Option<String>,
    /// Another host of the Cloud API: https, or plain http on loopback [default for a loopback --host: the same]
    #[arg(long, value_name = "URL", value_parser = tencent::host)]
    ingest_host: Option<Host>,
    /// Tencent's site: china or international
    #[arg(long, value_name = "SITE", value_parser = tencent::site)]
    site: Option<Site>,
    /// How a room's type is written: call-guide (0 number, 1 text) or api-reference (1 number, 0 text)
    #[arg(long, value_name = "READING", value_parser = tencent::room_id_type)]
    room_id_type: Option<RoomReading>,
}

pub(super) fn run(args: Args) -> Outcome {
    let (engine, ingests) = clients(&args)?;
    let mut call = args.call.call(args.media_type)?;
    if call.room.is_none() {
        call.room = Some(RoomId::text(format!("call-{:08x}", Chance::random().number())).map_err(anyhow::Error::from)?);
    }
    let (playing, private_map_key) = (args.details.playing(args.media.clone()), args.details.private_map_key);
    let plan = Plan { call, playing, private_map_key };
    let ingest = StartIngest {
        room: plan.call.room.clone().unwrap_or(RoomId::Number(1)),
        user: plan.call.robot.clone(),
        playing: plan.playing.clone(),
        private_map_key,
    };
    tencent::warn(&[plan.call.warnings(), ingests.warnings(&ingest)].concat());
    // What could not be played must not ring.
    let requests = [
        answered(engine.prepare(&Request::Start(Box::new(plan.call.clone()))))?,
        answered(ingests.prepare_start(&ingest))?,
    ];
    if args.dry_run {
        for request in &requests {
            tencent::show(request, args.json)?;
        }
        return Ok(Exit::Yes);
    }
    let journal = journal(&args)?;
    runtime::on_all_cores(async {
        let played = match journal {
            Some(reader) => {
                let mut witness = JournalWitness::from_now_on(reader)?;
                follow(&args, &engine, &ingests, &plan, &mut witness).await?
            }
            None => {
                let mut witness = Asking::new(&engine, plan.call.robot.as_str());
                follow(&args, &engine, &ingests, &plan, &mut witness).await?
            }
        };
        Ok(if matches!(played, Played::ToTheEnd | Played::CutShort) { Exit::Yes } else { Exit::No })
    })
}

async fn follow(
    args: &Args,
    engine: &CallEngine,
    ingests: &Ingests,
    plan: &Plan,
    witness: &mut impl Witness,
) -> anyhow::Result<Played> {
    let clock = Clock::system();
    let (mut call, mut task) = (None, None);
    let tell = |step: Step| {
        match &step {
            Step::Ringing { call_id } => call = Some(call_id.clone()),
            Step::Playing { task_id } => task = Some(task_id.clone()),
            _ => {}
        }
        say(&step, clock.now());
    };
    let stop = async {
        runtime::asked_to_stop().await;
        output::talk("asked to stop: hanging up");
    };
    let played = play(engine, ingests, plan, witness, tell, stop).await?;
    let outcome = match played {
        Played::ToTheEnd => "played",
        Played::CutShort => "cut_short",
        Played::NotAnswered => "not_answered",
        Played::Stopped => "stopped",
    };
    if args.json {
        output::data(json!({ "CallId": call, "TaskId": task, "outcome": outcome }))?;
    } else {
        output::data(outcome)?;
    }
    Ok(played)
}

fn say(step: &Step, at: Timestamp) {
    let words = match step {
        Step::Ringing { call_id } => format!("rings        call {call_id}"),
        Step::NotRung(callee, code) => format!("not rung     {callee}, result code {code}"),
        Step::Accepted(callee) => format!("answered     {callee}"),
        Step::Declined(callee, what) => format!("{callee}: {what}"),
        Step::Playing { task_id } => format!("plays        task {task_id}"),
        Step::MediaEnded => "media ended".to_owned(),
        Step::HangingUp => "hanging up".to_owned(),
        Step::Trouble(what) => format!("warning: {what}"),
        Step::Ended(Some(how)) => format!("ended        {how}"),
        Step::Ended(None) => "ended".to_owned(),
        Step::RoomReading(reading) => {
            let word = reading.word();
            format!("warning: Tencent reads RoomIdType as `{word}`; set tencent.ingest.room_id_type to it")
        }
    };
    output::talk(format_args!("{at:.3}  {words}"));
}

fn clients(args: &Args) -> anyhow::Result<(CallEngine, Ingests)> {
    let mut account = args.app.account(Some(&args.engine))?;
    let CloudArgs {
        secret_id,
        cloud_secret_key,
        cloud_secret_key_file,
        ingest_region,
        ingest_host,
        site,
        room_id_type,
    } = args.cloud.clone();
    // A stand-in on this machine plays both.
    let same = || args.engine.host.clone().filter(Host::is_loopback);
    let cloud = Cloud {
        secret_id,
        secret_key: cloud_secret_key,
        secret_key_file: cloud_secret_key_file,
        region: ingest_region,
        host: ingest_host.or_else(same),
        site,
        room_id_type,
    };
    cloud.over(&mut account)?;
    let clock = Clock::system();
    Ok((account.call_engine(&clock)?, account.ingests(&clock)?))
}

/// The journal in which callbacks are seen; `None` where it is asked instead.
fn journal(args: &Args) -> anyhow::Result<Option<Reader>> {
    if args.no_callback {
        return Ok(None);
    }
    let path = match (&args.journal, &args.app.config) {
        (Some(path), _) => path.clone(),
        (None, Some(file)) => {
            let options = config::load_journal(&Sources::of_process(Some(file.clone())), &Clock::system())?;
            return Ok(Some(Reader::of(&options)?));
        }
        (None, None) => match dev::place::dev_journal() {
            Some(path) => path,
            None => {
                let what = "no offhook runs here that Tencent's callbacks come to: start `offhook dev --tencent`, give \
                            --config or --journal, or --no-callback to ask instead";
                return Err(WrongUse(what.to_owned()).into());
            }
        },
    };
    Ok(Some(Reader::open(&path)?))
}
