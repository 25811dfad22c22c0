//! The shape of an answer to a proper question.

use serde_json::{Map, Value};

use super::{CALL, Case, must, should};
use crate::cli::conform::case::Expects;
use crate::cli::conform::wire::Reply;

pub(super) const CASES: &[Case] = &[
    must(
        "reply_numbers",
        "a call; the answer's errCode and responseCode are looked at",
        |platform| vec![platform.ask(CALL)],
        Expects::Reply("integers: errCode 0 or 1, responseCode from 20000 to 20099 with a 1", numbers),
        "the platform reads numbers; anything else is no verdict",
    ),
    must(
        "reply_modify",
        "a call; the answer's modifyResponse is looked at",
        |platform| vec![platform.ask(CALL)],
        Expects::Reply("an object, {} when nothing is changed", |reply| {
            typed(reply, "modifyResponse", Value::is_object)
        }),
        "PHP writes an empty array as [], and some write a text; both are no object",
    ),
    must(
        "reply_ext",
        "a call; the answer's callbackExt is looked at",
        |platform| vec![platform.ask(CALL)],
        Expects::Reply("a text, \"\" when there is nothing to say", |reply| {
            typed(reply, "callbackExt", Value::is_string)
        }),
        "clients get it as text; an object or a list is none",
    ),
    should(
        "reply_type",
        "a call; the answer's Content-Type is looked at",
        |platform| vec![platform.ask(CALL)],
        Expects::Reply("application/json", json_type),
        "what says it is HTML may be taken for an error page",
    ),
    should(
        "reply_plain",
        "a call; the answer's encoding and length are looked at",
        |platform| vec![platform.ask(CALL)],
        Expects::Reply("no compression, which was not asked for, and less than 64 KiB", plain),
        "nothing says that the platform would unpack it",
    ),
];

fn verdict(reply: &Reply) -> Result<Map<String, Value>, String> {
    if reply.status != 200 {
        return Err(format!("status {}", reply.status));
    }
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(verdict)) => Ok(verdict),
        Ok(_) => Err("the body is no JSON object".to_owned()),
        Err(_) if reply.body.is_empty() => Err("there is no body".to_owned()),
        Err(_) => Err("the body is not JSON".to_owned()),
    }
}

fn numbers(reply: &Reply) -> Result<(), String> {
    let verdict = verdict(reply)?;
    let number = |key: &str| verdict.get(key).unwrap_or(&Value::Null);
    match (number("errCode"), number("responseCode")) {
        (code, _) if code.as_i64() == Some(0) => Ok(()),
        (code, custom) if code.as_i64() == Some(1) => match custom.as_i64() {
            Some(20000..=20099) => Ok(()),
            _ => Err(format!("responseCode is {custom}")),
        },
        (code, _) => Err(format!("errCode is {code}")),
    }
}

fn typed(reply: &Reply, key: &str, is_right: fn(&Value) -> bool) -> Result<(), String> {
    match verdict(reply)?.get(key) {
        Some(value) if !is_right(value) => Err(format!("{key} is {value}")),
        // Left out is as good: there is nothing in it that could be misread.
        _ => Ok(()),
    }
}

fn json_type(reply: &Reply) -> Result<(), String> {
    let found = reply.header("content-type").unwrap_or_default();
    let media = found.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(format!("Content-Type is `{found}`")) }
}

fn plain(reply: &Reply) -> Result<(), String> {
    match reply.header("content-encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(format!("Content-Encoding is {coding}")),
        _ if reply.body.len() > 64 << 10 => Err(format!("it has {} bytes", reply.body.len())),
        _ => Ok(()),
    }
}
