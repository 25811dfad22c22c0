//! `offhook call start`: rings, and says for each callee whether it rang.

use std::path::PathBuf;
use std::time::Duration;

use super::super::tencent::RoomArgs;
use super::super::text_of;
use super::{Common, Exit, Outcome, WrongUse, answered, output, runtime, tell, tencent};
use crate::tencent::call_engine::{Media, OfflinePush, Request, StartCall, Started};

/// Ring users from the server
///
/// Exit 0 where somebody is rung, 1 where Tencent says no or nobody knows. What may have rung is never tried again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call start --robot robot --callee jack --media video --room stage-7
  offhook call start --file request.json --dry-run")]
pub(super) struct Args {
    /// Read the request from this file: JSON as Tencent documents it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["callee", "media"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    call: CallArgs,
    /// With pictures or without: video or audio
    #[arg(long, value_name = "MEDIA", value_parser = media, required_unless_present = "file")]
    media: Option<Media>,
    #[command(flatten)]
    common: Common,
}

/// Who rings whom, where, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CallArgs {
    /// Who calls; needs no client [default: robot]
    #[arg(long, value_name = "USER")]
    pub(super) robot: Option<String>,
    /// Who is called; several by repeating it or with commas
    #[arg(long, value_name = "USER", value_delimiter = ',', num_args = 1..)]
    callee: Vec<String>,
    #[command(flatten)]
    room: RoomArgs,
    /// How long it rings: 10s to 10m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = ringing)]
    pub(super) timeout: Duration,
    /// For the callees' clients, at most 1000 bytes
    #[arg(long, value_name = "TEXT")]
    user_data: Option<String>,
    /// The title that a callee sees whose client is not running
    #[arg(long, value_name = "TEXT")]
    push_title: Option<String>,
    /// The text that it sees
    #[arg(long, value_name = "TEXT")]
    push_desc: Option<String>,
    /// What its app gets: JSON text
    #[arg(long, value_name = "JSON")]
    push_ext: Option<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let call = match (&args.file, args.media) {
        (Some(file), _) => {
            let refused = |error| WrongUse(format!("{}: {error}", file.display()));
            StartCall::from_json(&text_of(file)?).map_err(refused)?
        }
        (None, Some(media)) => args.call.call(media)?,
        (None, None) => return Err(WrongUse("give --media or --file".to_owned()).into()),
    };
    let faults = call.faults();
    if faults.is_empty() {
        tencent::warn(&call.warnings());
    }
    let engine = args.common.engine()?;
    if args.common.dry_run {
        let request = Request::Start(Box::new(call));
        return tencent::show(&answered(engine.prepare(&request))?, args.common.json);
    }
    let started = runtime::on_this_thread(async { answered(engine.start(&call).await) })?;
    tell(args.common.json, &started, || words(&started))?;
    let nobody = !started.callees.is_empty() && !started.callees.iter().any(|callee| callee.rang());
    Ok(if nobody { Exit::No } else { Exit::Yes })
}

impl CallArgs {
    pub(super) fn call(&self, media: Media) -> anyhow::Result<StartCall> {
        let push = OfflinePush {
            title: self.push_title.clone(),
            desc: self.push_desc.clone(),
            ext: self.push_ext.clone(),
            ..OfflinePush::default()
        };
        let robot = self.robot.clone().unwrap_or_else(|| "robot".to_owned());
        Ok(StartCall {
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            user_data: self.user_data.clone(),
            room: self.room.room()?,
            push: (push != OfflinePush::default()).then_some(push),
            ..StartCall::new(robot, self.callee.clone(), media)
        })
    }
}

fn words(started: &Started) -> String {
    let mut text = match &started.call_id {
        Some(id) => format!("call {id}\n"),
        None => {
            output::talk("warning: Tencent named no CallId: the call cannot be ended or looked up by it");
            "call without an id\n".to_owned()
        }
    };
    for callee in &started.callees {
        let rang = if callee.rang() { "rings".to_owned() } else { format!("was not rung: {}", callee.result_code) };
        text.push_str(&format!("{:<16} {rang}\n", callee.callee));
    }
    text
}

pub(super) fn media(word: &str) -> Result<Media, String> {
    Media::named(word).ok_or_else(|| "video or audio".to_owned())
}

/// A duration; bare seconds are what people mean by a bare number.
fn ringing(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 0..=600) => Ok(Duration::from_secs(seconds)),
        Ok(number) => Err(format!("{number} looks like milliseconds; write the unit: {number}ms")),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}
