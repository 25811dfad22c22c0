//! The call engine's REST API: the query is checked, then the body, then something happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::request::Parts;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::fields::{Bad, Fields};
use super::life;
use super::start::{self, NoStart};
use super::state::{CallbackTarget, State, Trouble};
use super::user_sig::{self, Wrong};

/// A refusal: the code and what it says.
type Refused = (i64, String);

/// What a command comes to: its `Response`, where it has one.
type Done = Result<Option<Value>, Refused>;

/// The commands that callbacks can be set for.
const COMMANDS: [&str; 3] =
    ["Call.CallbackAfterStartCall", "Call.CallbackAfterEndCall", "Call.CallbackAfterMemberChanged"];

/// An answer as it is documented; its status is 200 whatever it says.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    error_code: i64,
    error_info: String,
    action_status: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
}

/// Every command, as owned texts.
pub(super) fn all_commands() -> Vec<String> {
    COMMANDS.map(ToOwned::to_owned).to_vec()
}

/// Answers a request; `None` is silence.
pub(super) fn answer(shared: &Arc<Shared>, head: &Parts, body: &[u8]) -> Option<Vec<u8>> {
    let path = head.uri.path().trim_start_matches('/');
    let api = path.rsplit('/').next().unwrap_or_default();
    let (done, is_silent) = match checked(shared, head, body) {
        Ok(map) => match path {
            "v4/call_engine_http_srv/start_call_by_robot" => start_call(shared, &map),
            _ => (command(shared, path, &map), false),
        },
        Err(refused) => (Err(refused), false),
    };
    let (code, info, response) = match done {
        Ok(response) => (0, String::new(), response),
        Err((code, info)) => (code, info, None),
    };
    shared.tell(&match (is_silent, code) {
        (true, _) => format!("{api}: no answer, as was asked for"),
        (false, 0) => format!("{api}: ok"),
        (false, code) => format!("{api}: {code} {info}"),
    });
    let serial = shared.change(|state| {
        *state.seen.answers.entry(format!("{api} {code}")).or_default() += 1;
        state.next()
    });
    let status = if code == 0 { "OK" } else { "FAIL" };
    let request_id = format!("Id-{:032x}-O-Seq-{serial}", u128::from(serial) * 0x9e37_79b9_7f4a_7c15);
    let answer = Answer { error_code: code, error_info: info, action_status: status, request_id, response };
    (!is_silent).then(|| serde_json::to_vec(&answer).unwrap_or_default())
}

/// Checks everything that all commands have in common; the body's object.
fn checked(shared: &Shared, head: &Parts, body: &[u8]) -> Result<Map<String, Value>, Refused> {
    let plan = &shared.plan;
    let refused = |code: i64, info: &str| Err((code, info.to_owned()));
    let path = head.uri.path();
    if head.method != http::Method::POST {
        return refused(60002, "HTTP parsing error. Please check the HTTP request URL.");
    }
    if !PATHS.contains(&path) {
        return refused(60009, "Backend resource error. Please check whether the request URL is correct.");
    }
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    if plan.host.as_ref().is_some_and(|right| right != host) {
        return refused(60026, "The requested domain name does not match the SDKAppID.");
    }
    let query = head.uri.query().unwrap_or_default();
    let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let Some(app) = query.get("sdkappid") else {
        return refused(60012, "SDKAppID is required in the REST API call.");
    };
    let Ok(app) = app.parse::<u32>() else { return refused(60006, "The SDKAppID is invalid.") };
    if app != plan.sdk_app_id {
        return refused(70020, "SDKAppID does not exist. Please check your SDKAppID's public key.");
    }
    let (identifier, user_sig) = match (query.get("identifier"), query.get("usersig"), query.get("contenttype")) {
        (Some(identifier), Some(user_sig), Some(content)) if content == "json" => (identifier, user_sig),
        _ => return refused(60025, "SDKAppID, Identifier, UserSig and contenttype must be right in the URL."),
    };
    if query.get("random").is_none_or(|random| random.parse::<u32>().is_err()) {
        return refused(60002, "random must be an unsigned 32-bit integer.");
    }
    check_user_sig(shared, app, identifier, user_sig)?;
    if !plan.admins.contains(identifier) {
        return refused(60010, "The Identifier in the REST API call is not an app administrator.");
    }
    if !shared.lock().admits(path, plan.calls_a_second) {
        return refused(60007, "REST API call frequency exceeds the limit.");
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        _ => refused(60003, "JSON parsing error. Please check whether the request meets the JSON requirements."),
    }
}

fn check_user_sig(shared: &Shared, app: u32, identifier: &str, user_sig: &str) -> Result<(), Refused> {
    let (plan, now) = (&shared.plan, shared.plan.clock.now());
    let minute = |state: &mut State| {
        let old = now.checked_sub(SignedDuration::from_secs(60)).unwrap_or(now);
        state.failed_checks.retain(|failed| *failed > old);
        state.failed_checks.len()
    };
    if minute(&mut shared.lock()) >= plan.failed_checks {
        return Err((70050, "UserSig verification failed too often. Please try again one minute later.".to_owned()));
    }
    let Err(wrong) = user_sig::check(user_sig, app, plan.secret_key.expose(), identifier, now.as_second()) else {
        return Ok(());
    };
    shared.lock().failed_checks.push_back(now);
    let (code, info) = match wrong {
        Wrong::Malformed => (70003, "UserSig is illegal. It may have been truncated; please make it again."),
        Wrong::App => (70014, "The SDKAppID in the request does not match the one in the UserSig."),
        Wrong::User => (70013, "The Identifier in the request does not match the one in the UserSig."),
        Wrong::Key => (70009, "UserSig verification Failed. It may be generated by the key of another SDKAppID."),
        Wrong::Expired => (70001, "The UserSig has expired. Please make it again."),
    };
    Err((code, info.to_owned()))
}

const PATHS: [&str; 8] = [
    "/v4/call_engine_http_srv/start_call_by_robot",
    "/v4/call_engine_http_srv/end_call",
    "/v4/call_engine_http_srv/get_call_info",
    "/v4/call_record_http_srv/get_record_by_callid",
    "/v4/call_record_http_srv/get_record_by_filter",
    "/v4/call_config/set_callback",
    "/v4/call_config/get_callback",
    "/v4/call_config/delete_callback",
];

fn start_call(shared: &Arc<Shared>, map: &Map<String, Value>) -> (Done, bool) {
    let start = match start::read(map) {
        Ok(start) => start,
        Err(NoStart::Account) => {
            return (Err((60015, "The account in the request body must be a string.".to_owned())), false);
        }
        Err(NoStart::Field(bad)) => return (Err(invalid(&bad)), false),
    };
    let trouble = shared.lock().troubles.pop_front();
    if let Some(Trouble::Code(code)) = trouble {
        return (Err((code, "as was asked for".to_owned())), false);
    }
    let (call_id, results) = life::begin(shared, start);
    if let Some(Trouble::CodeAfterRinging(code)) = trouble {
        return (Err((code, "as was asked for".to_owned())), false);
    }
    let result = |(callee, code)| json!({ "Callee_Account": callee, "ResultCode": code });
    let results: Vec<Value> = results.into_iter().map(result).collect();
    let response = shared.plan.says_call_id.then(|| json!({ "CallId": call_id, "CallResult": results }));
    (Ok(response), trouble == Some(Trouble::Silence))
}

/// Every command but the start.
fn command(shared: &Arc<Shared>, path: &str, map: &Map<String, Value>) -> Done {
    let body = Fields::of(map);
    let call_id = || body.only(&["CallId"]).and_then(|()| body.need("CallId", body.text("CallId")));
    match path {
        "v4/call_engine_http_srv/end_call" => {
            let call_id = call_id().map_err(|bad| invalid(&bad))?;
            if life::hang_up(shared, call_id) { Ok(None) } else { Err(no_call()) }
        }
        "v4/call_engine_http_srv/get_call_info" => {
            let call_id = call_id().map_err(|bad| invalid(&bad))?;
            let call = shared.lock().calls.get(call_id).cloned().ok_or_else(no_call)?;
            let (room_id, room_type) = (life::room_id(&call), life::room_type(&call));
            let info = json!({
                "CallId": call.id, "MediaType": call.media, "ChatGroupId": "", "RoomId": room_id, "RoomIdType": room_type
            });
            Ok(Some(json!({ "CallInfo": info, "UserList": life::users(&call) })))
        }
        "v4/call_record_http_srv/get_record_by_callid" => {
            let call_id = call_id().map_err(|bad| invalid(&bad))?;
            let known = known_records(shared);
            let record = known.into_iter().find(|record| record["CallId"] == call_id).ok_or_else(no_record)?;
            Ok(Some(json!({ "CallRecord": record })))
        }
        "v4/call_record_http_srv/get_record_by_filter" => {
            records(shared, &body).map_err(|bad| invalid(&bad))?.map(Some).ok_or_else(no_record)
        }
        "v4/call_config/set_callback" => {
            let target = target(&body).map_err(|bad| (100_002, bad.to_string()))?;
            shared.change(|state| state.target = Some(target));
            Ok(None)
        }
        "v4/call_config/get_callback" => {
            let target = shared.lock().target.clone().ok_or((100_301, "no callback is configured".to_owned()))?;
            Ok(Some(json!({ "Url": target.url, "CallbackCommandList": target.commands })))
        }
        _ => {
            shared.change(|state| state.target = None);
            Ok(None)
        }
    }
}

fn target(body: &Fields<'_>) -> Result<CallbackTarget, Bad> {
    body.only(&["Url", "CallbackCommandList"])?;
    let url = body.need("Url", body.url("Url", &["http", "https"]))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_?%=#./+:&".contains(&byte);
    if url.len() > 2083 || !url.bytes().all(is_plain) {
        return Err(
            body.bad("Url", "has more than 2083 characters, or one that is none of a-z A-Z 0-9 - _ ? % = # . / + : &")
        );
    }
    let list = body.need("CallbackCommandList", body.list("CallbackCommandList"))?;
    let commands: Vec<String> = list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    let are_known = commands.iter().all(|command| COMMANDS.contains(&command.as_str()));
    if commands.is_empty() || commands.len() < list.len() || !are_known {
        return Err(body.bad("CallbackCommandList", &format!("is not a list of {}", COMMANDS.join(", "))));
    }
    Ok(CallbackTarget { url: url.to_owned(), commands })
}

/// The records that can be asked for already, oldest first.
fn known_records(shared: &Shared) -> Vec<Value> {
    let wait = i64::try_from(shared.plan.record_after.as_secs()).unwrap_or(i64::MAX);
    let now = shared.plan.clock.now().as_second();
    let state = shared.lock();
    let known = state.over.iter().filter(|record| record.end_time.saturating_add(wait) <= now);
    known.filter_map(|record| serde_json::to_value(record).ok()).collect()
}

/// A page of records; `None` where none fits.
fn records(shared: &Shared, body: &Fields<'_>) -> Result<Option<Value>, Bad> {
    body.only(&["StartTime", "EndTime", "CallResult", "CallType", "NumberPerPage", "Page"])?;
    let times = 0..=i64::from(u32::MAX);
    let now = shared.plan.clock.now().as_second();
    // Records are kept for seven days; an earlier start is moved without a word.
    let start = body.integer("StartTime", times.clone())?.unwrap_or(0).max(now - 7 * 24 * 3600);
    let end = body.integer("EndTime", times)?.unwrap_or(i64::MAX);
    let results = ["Cancel", "Reject", "NotAnswer", "NormalEnd", "CallBusy", "Interrupt", "Offline"];
    let result = body.word("CallResult", &results)?;
    let call_type = body.word("CallType", &["SingleCall", "MultiCall"])?;
    let per_page = body.integer("NumberPerPage", 1..=100)?.unwrap_or(10).unsigned_abs();
    let page = body.integer("Page", 1..=i64::from(u32::MAX))?.unwrap_or(1);
    let fits = |record: &Value| {
        let began = record["StartTime"].as_i64().unwrap_or(0);
        (start..=end).contains(&began)
            && result.is_none_or(|result| record["CallResult"] == result)
            && call_type.is_none_or(|call_type| record["CallType"] == call_type)
    };
    let found: Vec<Value> = known_records(shared).into_iter().filter(fits).collect();
    if found.is_empty() {
        return Ok(None);
    }
    let (total, per_page) = (found.len(), usize::try_from(per_page).unwrap_or(10));
    let first = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(per_page);
    let list: Vec<Value> = found.into_iter().skip(first).take(per_page).collect();
    // Whoever pages goes on while this is above 0.
    let page = if first.saturating_add(per_page) < total { page } else { 0 };
    Ok(Some(json!({ "TotalNum": total, "Page": page, "CallRecordList": list })))
}

fn invalid(bad: &Bad) -> Refused {
    (101_002, bad.to_string())
}

fn no_call() -> Refused {
    (101_004, "The call does not exist, or is over.".to_owned())
}

fn no_record() -> Refused {
    (101_050, "The call record does not exist.".to_owned())
}
