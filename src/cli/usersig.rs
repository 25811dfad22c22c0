//! `offhook usersig`: makes the signed text with which a user shows who it is, and reads one.

use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::tencent::{AppArgs, RoomArgs};
use super::{Exit, Outcome, WrongUse, output};
use crate::clock::Clock;
use crate::tencent::{Privileges, RoomId, UserId, UserSig};

/// Make or read a Tencent UserSig
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook usersig make --user jack --expire 24h --config offhook.toml
  offhook usersig read eJyrVgrx… --config offhook.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a UserSig
    ///
    /// Without a configuration it is one of the published test app, which only `dev --tencent` believes. With a room it
    /// is a PrivateMapKey, which permits everything in that room; apps with advanced permission control want one beside
    /// the UserSig.
    #[command(after_help = "Examples:
  offhook usersig make --user jack
  offhook usersig make --user jack --room stage-7
  offhook usersig make --user jack --expire 7d --sdk-app-id 1400000000 --secret-key-file key.txt")]
    Make {
        /// Whose
        #[arg(long, value_name = "USER")]
        user: String,
        /// For how long it is valid
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = humantime::parse_duration)]
        expire: Duration,
        /// As if made at this Unix second [default: now]
        #[arg(long, value_name = "UNIX_SECONDS")]
        at: Option<i64>,
        #[command(flatten)]
        room: RoomArgs,
        /// One JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        app: AppArgs,
    },
    /// Tell what a UserSig says: identifier, sdkappid, time, expire, sig, and whether it is valid where a key is given
    ///
    /// Exit 1 where it is none, or the key says that it is not valid.
    #[command(after_help = "Examples:
  offhook usersig read eJyrVgrx…
  offhook usersig read eJyrVgrx… --sdk-app-id 1400000000 --secret-key-file key.txt")]
    Read {
        /// The UserSig
        #[arg(value_name = "SIG", allow_hyphen_values = true)]
        sig: String,
        /// Judge it at this Unix second [default: now]
        #[arg(long, value_name = "UNIX_SECONDS")]
        at: Option<i64>,
        /// One JSON object; it is JSON anyway
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        app: AppArgs,
    },
}

pub(super) fn run(args: Args) -> Outcome {
    match args.command {
        Command::Make { user, expire, at, room, json, app } => make(&user, expire, at, &room, json, &app),
        Command::Read { sig, at, app, .. } => read(&sig, at, &app),
    }
}

fn make(user: &str, expire: Duration, at: Option<i64>, room: &RoomArgs, json: bool, app: &AppArgs) -> Outcome {
    let user = UserId::parse(user).map_err(|error| WrongUse(format!("--user: {error}")))?;
    let key = app.account(None)?.key;
    let made = match room.room()? {
        Some(room) => key.make_private_map_key(&user, &room, Privileges::ALL, expire, moment(at)?),
        None => key.make(&user, expire, moment(at)?),
    };
    if json {
        let line = json!({
            "usersig": made.expose(), "identifier": user.as_str(), "sdkappid": key.sdk_app_id(),
            "time": moment(at)?.as_second(), "expire": expire.as_secs(),
        });
        output::data(line)?;
    } else {
        output::data(made.expose())?;
    }
    Ok(Exit::Yes)
}

fn read(sig: &str, at: Option<i64>, app: &AppArgs) -> Outcome {
    let read = match UserSig::read(sig.trim()) {
        Ok(read) => read,
        Err(error) => {
            output::talk(format_args!("error: this is no UserSig: {error}"));
            return Ok(Exit::No);
        }
    };
    let mut line = json!({
        "identifier": read.identifier, "sdkappid": read.sdk_app_id, "time": read.time, "expire": read.expire,
        "sig": read.sig,
    });
    if let Some(user_buf) = read.user_buf_text() {
        line["userbuf"] = json!(user_buf);
    }
    if let Some(key) = read.private_map_key() {
        let (room, kind) = match &key.room {
            RoomId::Number(number) => (json!(number), "number"),
            RoomId::Text(text) => (json!(text), "text"),
        };
        let bits = key.privileges.bits();
        line["private_map_key"] =
            json!({ "room": room, "room_type": kind, "privileges": bits, "expires": key.expires });
    }
    let verdict = app.signing_key()?.map(|key| Ok::<_, anyhow::Error>(read.verify(&key, moment(at)?)));
    let exit = match verdict.transpose()? {
        None => Exit::Yes,
        Some(Ok(())) => {
            line["valid"] = json!(true);
            Exit::Yes
        }
        Some(Err(why)) => {
            line["valid"] = json!(false);
            output::talk(format_args!("not valid: {why}"));
            Exit::No
        }
    };
    output::data(line)?;
    Ok(exit)
}

fn moment(at: Option<i64>) -> Result<Timestamp, WrongUse> {
    match at {
        None => Ok(Clock::system().now()),
        Some(second) => {
            Timestamp::from_second(second).map_err(|_| WrongUse(format!("--at {second} is no Unix second")))
        }
    }
}
