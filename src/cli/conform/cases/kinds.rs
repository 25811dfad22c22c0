//! What the platform asks about: each kind of question, one nobody knows, and the check of an address.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::Expects;
use crate::cli::conform::platform::{Ask, Platform};
use crate::kind::{Family, KINDS, KindRow, Wire};
use crate::yunxin;

pub(super) const CASES: &[Case] = &[
    must(
        "call_start",
        "a call (eventType 20), properly signed",
        |platform| vec![platform.ask(CALL)],
        Expects::Verdict,
        "without a valid answer the console's default decides about every call",
    ),
    must(
        "room_create",
        "a room (eventType 21), properly signed",
        |platform| vec![platform.ask(include_str!("../../../yunxin/samples/room.create.json"))],
        Expects::Verdict,
        "without a valid answer the console's default decides about every room",
    ),
    must(
        "message",
        "a message (eventType 1), properly signed",
        |platform| vec![platform.ask(include_str!("../../../yunxin/samples/message.p2p.json"))],
        Expects::Verdict,
        "each kind that is switched on in the console needs an answer, also one that your code does not care about",
    ),
    must(
        "login",
        "a login (eventType 36), properly signed",
        |platform| vec![platform.ask(include_str!("../../../yunxin/samples/login.im.json"))],
        Expects::Verdict,
        "with authType 2 this answer is the only authentication there is",
    ),
    must(
        "every_kind",
        "each documented eventType once",
        every_kind,
        Expects::Verdict,
        "an eventType without a branch in your code must not end in an error page",
    ),
    must(
        "unknown_event",
        "eventType 4711, which nobody documents yet",
        |platform| vec![platform.ask(r#"{"eventType":4711,"fromAccount":"lin.yue"}"#)],
        Expects::Verdict,
        "the platform adds kinds; a new one must not be refused because it is new",
    ),
    must(
        "probe",
        "the body {}, properly signed: the check of an address",
        |platform| vec![platform.ask("{}")],
        Expects::Status200,
        "the address is checked with it before it is saved in the console",
    ),
    should(
        "probe_dated",
        "the body {} with the time of the platform's documentation, in 2020",
        |platform| vec![platform.ask_at("1608110108512", "{}")],
        Expects::Status200,
        "whoever tries the documented command gets an error that says nothing about real questions",
    ),
];

/// The golden sample of each kind, or where there is none, who and when.
fn every_kind(platform: &Platform) -> Vec<Ask> {
    let asked = KINDS.iter().filter(|row| row.family == Family::YunxinCallback);
    let body = |row: &KindRow| match (yunxin::sample(row.name), row.wire) {
        (Some(sample), _) => Some(sample.to_owned()),
        (None, Wire::Number(number)) => Some(format!(r#"{{"eventType":{number},"fromAccount":"lin.yue"}}"#)),
        _ => None,
    };
    asked.filter_map(body).map(|body| platform.ask(body)).collect()
}
