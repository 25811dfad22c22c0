//! The four actions by which media are fed into a room, with their fields as trtc.io/document/57835 describes them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Shared;
use super::cloud::{Refused, code_of};
use super::fields::{Bad, Fields};
use super::life::tell_room;
use super::outbox::trtc_letter;
use super::plan::{Plan, Site};
use super::state::{Played, Task, trtc_room};
use super::user_sig;
use crate::tencent::RoomReading;

/// Media come from these.
const MEDIA: [&str; 3] = ["http", "https", "rtmp"];
const TEMPI: [f64; 7] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0];
/// What is written out where a medium repeats without end: longer than anybody waits.
const ENDLESS: u32 = 1000;

/// Does `action`; its `Response`, without the `RequestId`.
pub(super) fn act(shared: &Arc<Shared>, action: &str, map: &Map<String, Value>) -> Result<Value, Refused> {
    let body = Fields::of(map);
    let app = body.need("SdkAppId", body.integer("SdkAppId", 1..=i64::from(u32::MAX))).map_err(|bad| code_of(&bad))?;
    if app != i64::from(shared.plan.sdk_app_id) {
        return Err(("InvalidParameter.SdkAppId".to_owned(), "The SdkAppId is not one of this account.".to_owned()));
    }
    if action == "StartStreamIngest" {
        return start(shared, &body);
    }
    let task = body.need("TaskId", body.text("TaskId")).map_err(|bad| code_of(&bad))?.to_owned();
    let known = shared.lock().tasks.get(&task).map(|task| task.playing);
    match action {
        "DescribeStreamIngest" => {
            body.only(&["SdkAppId", "TaskId"]).map_err(|bad| code_of(&bad))?;
            let status = if known == Some(true) { "InProgress" } else { "NotExist" };
            Ok(json!({ "Status": status }))
        }
        "StopStreamIngest" => {
            body.only(&["SdkAppId", "TaskId"]).map_err(|bad| code_of(&bad))?;
            match known {
                Some(true) => {
                    stops(shared, &task);
                    Ok(json!({}))
                }
                Some(false) => Err(("FailedOperation.TaskFinished".to_owned(), "The task is finished.".to_owned())),
                None => Err(("InvalidParameter.TaskId".to_owned(), "There is no such task.".to_owned())),
            }
        }
        _ => {
            body.only(&["SdkAppId", "TaskId", "StreamUrl", "Volume", "IsPause", "EnableProgress", "Tempo"])
                .and_then(|()| update(&shared.plan, &body))
                .map_err(|bad| code_of(&bad))?;
            match known {
                Some(true) => Ok(json!({ "Status": "InProgress" })),
                _ => Err(("FailedOperation.TaskNotExist".to_owned(), "There is no such task.".to_owned())),
            }
        }
    }
}

fn start(shared: &Arc<Shared>, body: &Fields<'_>) -> Result<Value, Refused> {
    let plan = &shared.plan;
    let user = user(plan, body).map_err(|bad| code_of(&bad))?;
    let room = room(plan, body)?;
    let url = media(plan, body).map_err(|bad| code_of(&bad))?;
    let times = match body.integer("RepeatNum", -1..=1000).map_err(|bad| code_of(&bad))?.unwrap_or(1) {
        0 => return Err(code_of(&body.bad("RepeatNum", "is 0"))),
        -1 => ENDLESS,
        times => u32::try_from(times).unwrap_or(1),
    };
    let max_duration = body.integer("MaxDuration", 1..=10_080).map_err(|bad| code_of(&bad))?;
    if max_duration.is_some() && times != ENDLESS {
        return Err(code_of(&body.bad("MaxDuration", "needs RepeatNum -1")));
    }
    let now = plan.clock.now();
    let begun = shared.change(|state| {
        let is_same = |task: &Task| task.playing && task.room == room && task.user == user;
        if state.tasks.values().any(is_same) {
            return None;
        }
        // A made-up id with everything in it that has to be escaped in a URL.
        let digest = Sha256::digest(format!("{}{now}", state.next()));
        let id = format!("{}-.{}+.", hex::encode(&digest[..12]), hex::encode(&digest[12..20]));
        state.tasks.insert(id.clone(), Task { room: room.clone(), user: user.clone(), playing: plan.media_play });
        let listens = |call: &super::state::Call| call.accepted.is_some() && call.trtc_room().as_ref() == Some(&room);
        let heard = state.calls.values().any(listens);
        state.plays(Played { task: id.clone(), room: room.to_string(), user: user.clone(), url: url.clone(), heard });
        Some((id, heard))
    });
    let Some((id, heard)) = begun else {
        return Err(("FailedOperation.TaskExist".to_owned(), "This user plays into this room already.".to_owned()));
    };
    let hears = if heard { "somebody hears it" } else { "nobody is in a call there" };
    shared.tell(&format!("plays {url} into room {room} as {user}: {hears}"));
    tell_ingest(shared, 701, &id, i64::from(!plan.media_play));
    if plan.media_play {
        tell_room(shared, 1, 103, &room, &user, &[("Role", 20), ("TerminalType", 4), ("UserType", 3), ("Reason", 1)]);
        tell_room(shared, 2, 203, &room, &user, &[]);
        let whole = plan.medium.saturating_mul(times);
        let minutes = max_duration.map(|minutes| Duration::from_secs(60 * minutes.unsigned_abs()));
        let (shared, task, lasts) = (Arc::clone(shared), id.clone(), minutes.map_or(whole, |most| whole.min(most)));
        tokio::spawn(async move {
            tokio::time::sleep(lasts).await;
            stops(&shared, &task);
        });
    }
    Ok(json!({ "TaskId": id }))
}

/// The medium is at its end, or was stopped.
fn stops(shared: &Shared, id: &str) {
    let stopped = shared.change(|state| {
        let task = state.tasks.get_mut(id).filter(|task| task.playing)?;
        task.playing = false;
        let stopped = task.clone();
        state.tidies();
        Some(stopped)
    });
    if let Some(Task { room, user, .. }) = stopped {
        shared.tell(&format!("the medium in room {room} is at its end"));
        tell_room(shared, 2, 204, &room, &user, &[("Reason", 0)]);
        tell_room(shared, 1, 104, &room, &user, &[("Role", 20), ("Reason", 1)]);
        tell_ingest(shared, 702, id, 0);
    }
}

fn tell_ingest(shared: &Shared, number: u16, task: &str, status: i64) {
    let now = shared.plan.clock.now().as_millisecond();
    let info = json!({ "EventMsTs": now, "TaskId": task, "Status": status });
    let body = json!({ "EventGroupId": 7, "EventType": number, "CallbackMsTs": now, "EventInfo": info });
    shared.post(trtc_letter(shared, 7, number, &body));
}

/// Who publishes, with a UserSig of its own.
fn user(plan: &Plan, body: &Fields<'_>) -> Result<String, Bad> {
    let user = body.need("UserId", body.account("UserId"))?;
    let now = plan.clock.now().as_second();
    for (name, is_needed) in [("UserSig", true), ("PrivateMapKey", false)] {
        let text = body.text(name)?;
        let text = if is_needed { Some(body.need(name, Ok(text))?) } else { text };
        let key = plan.secret_key.expose();
        if let Some(text) = text
            && let Err(wrong) = user_sig::check(text, plan.sdk_app_id, key, user, now)
        {
            return Err(body.bad(name, &format!("is not a valid one of this user: {wrong:?}")));
        }
    }
    Ok(user.to_owned())
}

/// The room, by the reading that this stand-in has of its type.
fn room(plan: &Plan, body: &Fields<'_>) -> Result<Value, Refused> {
    let id = body.need("RoomId", body.text("RoomId")).map_err(|bad| code_of(&bad))?;
    let of_type = body.need("RoomIdType", body.integer("RoomIdType", 0..=1)).map_err(|bad| code_of(&bad))?;
    let is_number = match plan.room_reading {
        RoomReading::CallGuide => of_type == 0,
        RoomReading::ApiReference => of_type == 1,
    };
    let refused = |code: &str, why: &str| Err((code.to_owned(), why.to_owned()));
    if is_number {
        return match id.parse::<u32>() {
            Ok(1..=4_294_967_294) => Ok(trtc_room(id, true)),
            _ => refused("InvalidParameter.RoomId", "The RoomId is no number from 1 to 4294967294."),
        };
    }
    let is_good = (1..=64).contains(&id.len()) && id.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_good { Ok(trtc_room(id, false)) } else { refused("InvalidParameter.StrRoomId", "The RoomId is malformed.") }
}

/// What is played, and everything that says how.
fn media(plan: &Plan, body: &Fields<'_>) -> Result<String, Bad> {
    let everywhere = [
        "SdkAppId",
        "RoomId",
        "RoomIdType",
        "UserId",
        "UserSig",
        "StreamUrl",
        "PrivateMapKey",
        "SeekSecond",
        "AutoPush",
        "RepeatNum",
        "MaxDuration",
        "Volume",
        "SourceUrl",
        "VideoEncodeParams",
        "AudioEncodeParams",
    ];
    let in_china = ["EnableProgress", "Tempo", "IdleTimeout"];
    let more: &[&str] = if plan.site == Site::China { &in_china } else { &[] };
    body.only(&[&everywhere[..], more].concat())?;
    body.integer("SeekSecond", 0..=i64::from(u32::MAX))?;
    body.boolean("AutoPush")?;
    volume(plan, body)?;
    body.boolean("EnableProgress")?;
    body.one_of("Tempo", &TEMPI)?;
    body.integer("IdleTimeout", 0..=600)?;
    if let Some(video) = body.object("VideoEncodeParams")? {
        for (name, most) in [("Width", 1920), ("Height", 1080), ("Fps", 60), ("BitRate", 10_000), ("Gop", 2)] {
            video.integer(name, 1..=most)?;
        }
    }
    if let Some(audio) = body.object("AudioEncodeParams")? {
        audio.one_of("SampleRate", &[48_000.0, 44_100.0])?;
        for (name, range) in [("Channel", 1..=2), ("BitRate", 8..=500), ("Volume", 0..=300)] {
            audio.integer(name, range)?;
        }
    }
    // The older field: a list of one.
    if let Some(urls) = body.list("SourceUrl")? {
        let [Value::String(url)] = &urls[..] else { return Err(body.bad("SourceUrl", "is not a list of one URL")) };
        return Ok(url.clone());
    }
    body.need("StreamUrl", body.url("StreamUrl", &MEDIA)).map(ToOwned::to_owned)
}

fn update(plan: &Plan, body: &Fields<'_>) -> Result<(), Bad> {
    body.url("StreamUrl", &MEDIA)?;
    volume(plan, body)?;
    body.boolean("IsPause")?;
    body.boolean("EnableProgress")?;
    body.one_of("Tempo", &TEMPI)?;
    Ok(())
}

fn volume(plan: &Plan, body: &Fields<'_>) -> Result<(), Bad> {
    let most = if plan.site == Site::China { 200 } else { 100 };
    body.integer("Volume", 0..=most).map(|_| ())
}
