//! `offhook ingest`: plays media into a room of Tencent's, and stops it.

use std::path::PathBuf;

use clap::Subcommand;

use super::tencent::{self, AppArgs, Cloud, RoomArgs, answered, tell};
use super::{Exit, Outcome, WrongUse, output, runtime, text_of};
use crate::clock::Clock;
use crate::tencent::Host;
use crate::tencent::ingest::{Api, Change, Ingests, Playing, Site, StartIngest};
use crate::tencent::{RequestError, RoomReading};

/// Play media into a room (Tencent's StartStreamIngest), and stop it
///
/// Two official pages of Tencent contradict each other on RoomIdType here: the guide for server calls says 0 number, 1
/// text; the API reference says 1 number, 0 text. A room whose name has a letter in it is safe: the wrong reading
/// fails, and offhook tries the other one. A number, or a name of digits, could be a stranger's room under the wrong
/// reading; it is refused until you choose with --room-id-type or `tencent.ingest.room_id_type`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook ingest start --room stage-7 --user robot --url https://example.com/a.mp4 --config offhook.toml
  offhook ingest stop --task-id 'CR6Lq+…' --config offhook.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(StartArgs),
    /// Tell how a task stands
    Status(TaskArgs),
    /// Stop a task
    Stop(TaskArgs),
    Update(UpdateArgs),
}

/// Play a stream into a room; prints the task's id, which every later request needs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook ingest start --room stage-7 --user robot --url https://example.com/a.mp4
  offhook ingest start --room-number 4711 --room-id-type api-reference --user robot --url https://example.com/a.mp4 --dry-run")]
struct StartArgs {
    #[command(flatten)]
    room: RoomArgs,
    /// As whom; nobody else in the room may have this name
    #[arg(long, value_name = "USER")]
    user: String,
    #[command(flatten)]
    playing: PlayingArgs,
    #[command(flatten)]
    common: Common,
}

/// What is played.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PlayingArgs {
    /// What: http, https or rtmp
    #[arg(long, value_name = "MEDIA", required_unless_present = "file", conflicts_with = "file")]
    pub(super) url: Option<String>,
    /// Read what is played from this file instead: JSON with the fields of StartStreamIngest about the media
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    details: DetailArgs,
}

/// How it is played.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DetailArgs {
    /// How often, 1 to 1000; -1 for ever
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    repeat: Option<i32>,
    /// 0 to 100; on the site of China to 200
    #[arg(long, value_name = "V")]
    volume: Option<u32>,
    /// From this second on
    #[arg(long, value_name = "S")]
    seek: Option<u32>,
    /// With --repeat -1: for this many minutes, 1 to 10080
    #[arg(long, value_name = "M")]
    max_duration: Option<u32>,
    /// Relay the room to the CDN too
    #[arg(long)]
    auto_push: bool,
    /// Show the progress to the room (China only)
    #[arg(long)]
    progress: bool,
    /// 0.5 to 2 (China only)
    #[arg(long, value_name = "T")]
    tempo: Option<f64>,
    /// End after so many seconds with nothing to play, 0 to 600 (China only)
    #[arg(long, value_name = "S")]
    idle_timeout: Option<u32>,
    /// Send a PrivateMapKey, for apps with advanced permission control
    #[arg(long)]
    pub(super) private_map_key: bool,
}

/// Which task is meant.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook ingest status --task-id 'CR6Lq+…'
  offhook ingest stop --task-id 'CR6Lq+…' --json")]
struct TaskArgs {
    /// As `ingest start` printed it, with its `+`, `-` and dots
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    task_id: String,
    #[command(flatten)]
    common: Common,
}

/// Change what a task plays
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook ingest update --task-id 'CR6Lq+…' --url https://example.com/b.mp4
  offhook ingest update --task-id 'CR6Lq+…' --pause")]
struct UpdateArgs {
    /// As `ingest start` printed it
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    task_id: String,
    /// Play this instead
    #[arg(long, value_name = "MEDIA")]
    url: Option<String>,
    /// 0 to 100; on the site of China to 200
    #[arg(long, value_name = "V")]
    volume: Option<u32>,
    /// Pause; a paused task is billed, and dropped after 12 h
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Go on
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    app: AppArgs,
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
    region: Option<String>,
    /// Another host: https, or plain http on loopback
    #[arg(long, value_name = "URL", value_parser = tencent::host)]
    host: Option<Host>,
    /// Tencent's site: china or international
    #[arg(long, value_name = "SITE", value_parser = tencent::site)]
    site: Option<Site>,
    /// How a room's type is written: call-guide (0 number, 1 text) or api-reference (1 number, 0 text)
    #[arg(long, value_name = "READING", value_parser = tencent::room_id_type)]
    room_id_type: Option<RoomReading>,
    /// Print the request, its signatures masked, instead of sending it
    #[arg(long)]
    dry_run: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::Start(args) => start(&args),
        Command::Status(args) => task(&args, Api::Describe),
        Command::Stop(args) => task(&args, Api::Stop),
        Command::Update(args) => update(&args),
    }
}

fn start(args: &StartArgs) -> Outcome {
    let room = args.room.room()?.ok_or_else(|| WrongUse("give --room or --room-number".to_owned()))?;
    let (playing, private_map_key) = (args.playing.playing()?, args.playing.details.private_map_key);
    let ingest = StartIngest { room, user: args.user.clone(), playing, private_map_key };
    let ingests = args.common.ingests()?;
    tencent::warn(&ingests.warnings(&ingest));
    if args.common.dry_run {
        return tencent::show(&answered(ingests.prepare_start(&ingest))?, args.common.json);
    }
    let begun = wait(ingests.start(&ingest))?;
    if let Some(reading) = begun.other_reading {
        let word = reading.word();
        output::talk(format_args!(
            "warning: Tencent reads RoomIdType as `{word}`; set tencent.ingest.room_id_type to it"
        ));
    }
    tell(args.common.json, &begun, || begun.task_id.clone())?;
    Ok(Exit::Yes)
}

fn task(args: &TaskArgs, api: Api) -> Outcome {
    let ingests = args.common.ingests()?;
    if args.common.dry_run {
        return tencent::show(&answered(ingests.prepare(api, &args.task_id, &Change::default()))?, args.common.json);
    }
    if api == Api::Stop {
        wait(ingests.stop(&args.task_id))?;
        tell(args.common.json, &serde_json::json!({ "TaskId": args.task_id }), || "stopped".to_owned())?;
        return Ok(Exit::Yes);
    }
    let status = wait(ingests.status(&args.task_id))?;
    tell(args.common.json, &status, || status.to_string())?;
    Ok(Exit::Yes)
}

fn update(args: &UpdateArgs) -> Outcome {
    let pause = (args.pause || args.resume).then_some(args.pause);
    let change = Change { url: args.url.clone(), volume: args.volume, pause, ..Change::default() };
    let ingests = args.common.ingests()?;
    if args.common.dry_run {
        return tencent::show(&answered(ingests.prepare(Api::Update, &args.task_id, &change))?, args.common.json);
    }
    let status = wait(ingests.update(&args.task_id, &change))?;
    tell(args.common.json, &status, || status.to_string())?;
    Ok(Exit::Yes)
}

impl PlayingArgs {
    fn playing(&self) -> anyhow::Result<Playing> {
        match (&self.url, &self.file) {
            (_, Some(file)) => {
                let refused = |error| WrongUse(format!("{}: {error}", file.display()));
                Ok(StartIngest::playing_from_json(&text_of(file)?).map_err(refused)?)
            }
            (url, None) => Ok(self.details.playing(url.clone().unwrap_or_default())),
        }
    }
}

impl DetailArgs {
    /// `url`, played as these say.
    pub(super) fn playing(&self, url: String) -> Playing {
        Playing {
            url,
            seek: self.seek,
            auto_push: self.auto_push.then_some(true),
            repeat: self.repeat,
            max_minutes: self.max_duration,
            volume: self.volume,
            progress: self.progress.then_some(true),
            tempo: self.tempo,
            idle_timeout: self.idle_timeout,
        }
    }
}

impl Common {
    fn ingests(&self) -> anyhow::Result<Ingests> {
        let mut account = self.app.account(None)?;
        let cloud = Cloud {
            secret_id: self.secret_id.clone(),
            secret_key: self.cloud_secret_key.clone(),
            secret_key_file: self.cloud_secret_key_file.clone(),
            region: self.region.clone(),
            host: self.host.clone(),
            site: self.site,
            room_id_type: self.room_id_type,
        };
        cloud.over(&mut account)?;
        Ok(account.ingests(&Clock::system())?)
    }
}

fn wait<T>(asking: impl Future<Output = Result<T, RequestError>>) -> anyhow::Result<T> {
    runtime::on_this_thread(async { answered(asking.await) })
}
