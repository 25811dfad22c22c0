//! The life of a call: phones ring, are answered or not, somebody hangs up; and every change is told.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::outbox::{call_letter, trtc_letter};
use super::plan::Phone;
use super::start::Start;
use super::state::{Call, Record, Status};
use crate::event::EventId;

/// Begins a call; its id, and for each callee a code: 0 where the phone rings.
pub(super) fn begin(shared: &Arc<Shared>, start: Start) -> (String, Vec<(String, i64)>) {
    let now = shared.plan.clock.now();
    // The ids in every sample are UUIDs.
    let id = EventId::at(now).to_string();
    let known = |callee: &String| *shared.plan.phone(callee) != Phone::Unknown;
    let results: Vec<_> =
        start.callees.iter().map(|callee| (callee.clone(), if known(callee) { 0 } else { 70107 })).collect();
    let ringing: Vec<String> = start.callees.iter().filter(|callee| known(callee)).cloned().collect();
    let mut members = vec![(start.robot.clone(), Status::Calling)];
    members.extend(ringing.iter().map(|callee| (callee.clone(), Status::Waiting)));
    let call = Call {
        id: id.clone(),
        robot: start.robot,
        callees: start.callees,
        media: start.media,
        room: start.room,
        members,
        started: now,
        accepted: None,
    };
    shared.tell(&format!("{} calls {}: call {id}", call.robot, ringing.join(", ")));
    let info = json!({
        "CallId": id, "CallMediaType": call.media, "ChatGroupId": "", "RoomId": room_id(&call), "RoomIdType": room_type(&call)
    });
    let users = users(&call);
    shared.change(|state| {
        for callee in &ringing {
            *state.seen.rings.entry(callee.clone()).or_default() += 1;
        }
        state.seen.going_on.push(id.clone());
        state.calls.insert(id.clone(), call);
    });
    let body = json!({ "CallInfo": info, "UserList": users });
    tell_call(shared, "Call.CallbackAfterStartCall", body);
    if ringing.is_empty() {
        end(shared, &id, "NotAnswer");
    }
    for callee in ringing {
        tokio::spawn(ring(Arc::clone(shared), id.clone(), callee));
    }
    let (waiting, call_id, timeout) = (Arc::clone(shared), id.clone(), start.timeout / shared.plan.hurry.max(1));
    tokio::spawn(async move {
        tokio::time::sleep(timeout).await;
        for callee in who_waits(&waiting, &call_id) {
            changes(&waiting, &call_id, &callee, "NotAnswer", "NotAnswer");
        }
    });
    (id, results)
}

/// Ends a call that goes on; false where there is none.
pub(super) fn hang_up(shared: &Arc<Shared>, call_id: &str) -> bool {
    let accepted = shared.lock().calls.get(call_id).map(|call| call.accepted.is_some());
    match accepted {
        Some(accepted) => end(shared, call_id, if accepted { "NormalEnd" } else { "Cancel" }),
        None => false,
    }
}

/// One phone.
async fn ring(shared: Arc<Shared>, call_id: String, callee: String) {
    match shared.plan.phone(&callee).clone() {
        Phone::Answers { after, talks } => {
            tokio::time::sleep(after).await;
            changes(&shared, &call_id, &callee, "Accept", "");
            if let Some(talks) = talks {
                tokio::time::sleep(talks).await;
                changes(&shared, &call_id, &callee, "Hangup", "NormalEnd");
            }
        }
        Phone::Rejects { after } => {
            tokio::time::sleep(after).await;
            changes(&shared, &call_id, &callee, "Reject", "Reject");
        }
        Phone::IsBusy => changes(&shared, &call_id, &callee, "Reject", "CallBusy"),
        Phone::Ignores | Phone::Unknown => {}
    }
}

fn who_waits(shared: &Shared, call_id: &str) -> Vec<String> {
    let state = shared.lock();
    let members = state.calls.get(call_id).map(|call| call.members.clone()).unwrap_or_default();
    members.into_iter().filter(|(_, status)| *status == Status::Waiting).map(|(account, _)| account).collect()
}

/// A member does something; with at most one member left the call ends with `result`.
fn changes(shared: &Arc<Shared>, call_id: &str, account: &str, action: &str, result: &'static str) {
    let now = shared.plan.clock.now();
    let changed = shared.change(|state| {
        let call = state.calls.get_mut(call_id)?;
        let place = call.members.iter().position(|(member, _)| member == account)?;
        let is_first = call.accepted.is_none();
        if action == "Accept" {
            if call.members[place].1 == Status::Calling {
                return None;
            }
            call.members[place].1 = Status::Calling;
            call.accepted.get_or_insert(now);
        } else {
            call.members.remove(place);
        }
        Some((call.clone(), is_first))
    });
    let Some((call, is_first)) = changed else { return };
    shared.tell(&format!("{account}: {action}"));
    let change = json!([{ "User_Account": account, "ActionType": action }]);
    let body = json!({ "CallId": call_id, "UserList": users(&call), "ChangedUserList": change });
    tell_call(shared, "Call.CallbackAfterMemberChanged", body);
    if let Some(room) = call.trtc_room() {
        match action {
            "Accept" => {
                if is_first {
                    tell_room(shared, 1, 101, &room, &call.robot, &[]);
                }
                let more = [("Role", 20), ("TerminalType", 3), ("UserType", 3), ("Reason", 1)];
                tell_room(shared, 1, 103, &room, account, &more);
            }
            "Hangup" => tell_room(shared, 1, 104, &room, account, &[("Role", 20), ("Reason", 1)]),
            _ => {}
        }
    }
    if call.members.len() <= 1 {
        end(shared, call_id, result);
    }
}

/// The call is over.
fn end(shared: &Arc<Shared>, call_id: &str, result: &'static str) -> bool {
    let now = shared.plan.clock.now();
    let ended = shared.change(|state| {
        let call = state.calls.remove(call_id)?;
        state.seen.going_on.retain(|id| id != call_id);
        let mut members = vec![call.robot.clone()];
        members.extend(call.callees.iter().cloned());
        let record = Record {
            call_id: call.id.clone(),
            caller: call.robot.clone(),
            media_type: call.media.clone(),
            call_type: if call.callees.len() == 1 { "SingleCall" } else { "MultiCall" },
            start_time: call.started.as_second(),
            end_time: now.as_second(),
            accept_time: call.accepted.map_or(0, |accepted| accepted.as_second()),
            call_result: result,
            callees: members,
            room_id: room_id(&call),
            room_id_type: room_type(&call),
        };
        state.over.push(record.clone());
        state.tidies();
        Some((call, record))
    });
    let Some((call, record)) = ended else { return false };
    shared.tell(&format!("call {call_id} is over: {result}"));
    if let (Some(room), Some(_)) = (call.trtc_room(), call.accepted) {
        for (account, _) in
            call.members.iter().filter(|(account, status)| *account != call.robot && *status == Status::Calling)
        {
            tell_room(shared, 1, 104, &room, account, &[("Role", 20), ("Reason", 1)]);
        }
        tell_room(shared, 1, 102, &room, "", &[]);
    }
    let record = serde_json::to_value(record).unwrap_or_default();
    tell_call(shared, "Call.CallbackAfterEndCall", json!({ "CallRecord": record }));
    true
}

/// Sends a callback of the call engine.
fn tell_call(shared: &Shared, command: &str, mut body: Value) {
    body["CallbackCommand"] = command.into();
    body["EventTime"] = shared.plan.clock.now().as_millisecond().into();
    shared.post(call_letter(shared, command, &body));
}

/// Sends an event of a room or its media.
pub(super) fn tell_room(shared: &Shared, group: u16, number: u16, room: &Value, user: &str, more: &[(&str, i64)]) {
    let now = shared.plan.clock.now().as_millisecond();
    let mut info = json!({ "RoomId": room, "EventTs": now / 1000, "EventMsTs": now });
    if !user.is_empty() {
        info["UserId"] = user.into();
    }
    for (name, value) in more {
        info[*name] = (*value).into();
    }
    let body = json!({ "EventGroupId": group, "EventType": number, "CallbackTs": now, "EventInfo": info });
    shared.post(trtc_letter(shared, group, number, &body));
}

/// `UserList`, as callbacks and replies have it.
pub(super) fn users(call: &Call) -> Value {
    let user = |(account, status): &(String, Status)| json!({ "User_Account": account, "Status": status });
    call.members.iter().map(user).collect()
}

pub(super) fn room_id(call: &Call) -> String {
    call.room.as_ref().map(|(id, _)| id.clone()).unwrap_or_default()
}

/// 0 where there is no room, as in a published sample.
pub(super) fn room_type(call: &Call) -> i64 {
    call.room.as_ref().map_or(0, |(_, of_type)| *of_type)
}
