//! The Cloud API 3.0 as far as streams are fed into rooms: head and signature are checked, then the action is done.

use std::sync::Arc;

use http::request::Parts;
use serde_json::{Map, Value, json};

use super::fields::Bad;
use super::plan::Site;
use super::{Shared, ingest, tc3};

/// A refusal: the code and what it says.
pub(super) type Refused = (String, String);

const ACTIONS: [&str; 4] = ["StartStreamIngest", "DescribeStreamIngest", "StopStreamIngest", "UpdateStreamIngest"];
const CHINA: [&str; 5] = ["ap-beijing", "ap-chongqing", "ap-guangzhou", "ap-shanghai", "ap-singapore"];
const INTERNATIONAL: [&str; 6] = ["ap-bangkok", "ap-guangzhou", "ap-jakarta", "ap-mumbai", "ap-singapore", "ap-tokyo"];

/// Answers a request; its status is 200 whatever it says.
pub(super) fn answer(shared: &Arc<Shared>, head: &Parts, body: &[u8]) -> Vec<u8> {
    let action = header(head, "x-tc-action").unwrap_or_default().to_owned();
    let api = if ACTIONS.contains(&&*action) { &*action } else { "unknown" };
    let done = checked(shared, head, &action, body).and_then(|map| ingest::act(shared, &action, &map));
    let code = match &done {
        Ok(_) => "0".to_owned(),
        Err((code, _)) => code.clone(),
    };
    shared.tell(&match &done {
        Ok(_) => format!("{api}: ok"),
        Err((code, message)) => format!("{api}: {code} {message}"),
    });
    let serial = shared.change(|state| {
        *state.seen.answers.entry(format!("{api} {code}")).or_default() += 1;
        state.next()
    });
    let mut response = match done {
        Ok(response) => response,
        Err((code, message)) => json!({ "Error": { "Code": code, "Message": message } }),
    };
    response["RequestId"] = format!("{serial:08x}-6ab8-4768-9124-118e0a20c45f").into();
    serde_json::to_vec(&json!({ "Response": response })).unwrap_or_default()
}

fn checked(shared: &Shared, head: &Parts, action: &str, body: &[u8]) -> Result<Map<String, Value>, Refused> {
    let plan = &shared.plan;
    let refused = |code: &str, message: &str| Err((code.to_owned(), message.to_owned()));
    if head.method != http::Method::POST || head.uri.path() != "/" || head.uri.query().is_some() {
        return refused("UnsupportedProtocol", "The request is not POST / without a query.");
    }
    let content = header(head, "content-type").unwrap_or_default();
    if !["application/json", "application/json; charset=utf-8"].contains(&content) {
        return refused("UnsupportedProtocol", "The Content-Type is not application/json.");
    }
    let now = plan.clock.now();
    tc3::check(plan, &head.headers, body, now).map_err(|(code, message)| (code.to_owned(), message))?;
    if header(head, "x-tc-token").is_some() {
        return refused("AuthFailure.TokenFailure", "The pair is no temporary one, so there is no token.");
    }
    if action.is_empty() {
        return refused("MissingParameter", "The request is missing the header `X-TC-Action`.");
    }
    if !ACTIONS.contains(&action) {
        return refused("InvalidAction", "The action is invalid or does not exist.");
    }
    match header(head, "x-tc-version") {
        Some("2019-07-22") => {}
        Some(_) => return refused("NoSuchVersion", "The API version does not exist."),
        None => return refused("MissingParameter", "The request is missing the header `X-TC-Version`."),
    }
    let regions: &[&str] = if plan.site == Site::China { &CHINA } else { &INTERNATIONAL };
    match header(head, "x-tc-region") {
        Some(region) if regions.contains(&region) => {}
        Some(_) => return refused("UnsupportedRegion", "The region is not supported."),
        None => return refused("MissingParameter", "The request is missing the header `X-TC-Region`."),
    }
    if header(head, "x-tc-language").is_some_and(|language| !["zh-CN", "en-US"].contains(&language)) {
        return refused("InvalidParameter", "X-TC-Language is neither zh-CN nor en-US.");
    }
    if !shared.lock().admits(action, plan.ingests_a_second) {
        return refused("RequestLimitExceeded", "Your current request times exceed the limit of this action.");
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        _ => refused("InvalidParameter.BodyParamsError", "The body is no JSON object."),
    }
}

/// The code for a field that is not as it is documented.
pub(super) fn code_of(bad: &Bad) -> Refused {
    let own = |prefix: &str, names: &[(&str, &str)]| {
        names.iter().find(|(field, _)| *field == bad.field).map(|(_, name)| format!("{prefix}.{name}"))
    };
    let code = if bad.unknown {
        "UnknownParameter".to_owned()
    } else if bad.missing {
        let names = [("RoomId", "RoomId"), ("SdkAppId", "SdkAppId"), ("TaskId", "TaskId")];
        own("MissingParameter", &names).unwrap_or_else(|| "MissingParameter".to_owned())
    } else {
        let names = [
            ("RoomId", "RoomId"),
            ("SdkAppId", "SdkAppId"),
            ("TaskId", "TaskId"),
            ("UserSig", "UserSig"),
            ("StreamUrl", "StreamUrl"),
            ("SourceUrl", "StreamUrl"),
        ];
        own("InvalidParameter", &names).unwrap_or_else(|| "InvalidParameter.BodyParamsError".to_owned())
    };
    (code, bad.to_string())
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}
