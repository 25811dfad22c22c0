//! Who asks: requests that are not the platform's, or not as it sent them.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::Expects;
use crate::yunxin;

/// Another call than [`CALL`].
const ANOTHER: &str = r#"{"callType":2,"eventType":20,"fromAccount":"mallory","toAccountList":["chen.bo"]}"#;

pub(super) const CASES: &[Case] = &[
    must(
        "wrong_secret",
        "a call signed with another secret",
        |platform| vec![platform.forged(CALL)],
        Expects::Refusal,
        "anybody can write to a public address; the CheckSum alone tells the platform from them",
    ),
    must(
        "another_app",
        "a call of another app, signed with that app's secret",
        |platform| vec![platform.of_another_app(CALL)],
        Expects::Refusal,
        "everybody with an account of the platform has an app key and a secret",
    ),
    should(
        "app_key_unknown",
        "a call signed with the right secret under another AppKey",
        |platform| vec![platform.ask(CALL).with("AppKey", "0f0e0d0c0b0a09080706050403020100")],
        Expects::NoFailure,
        "looking up the secret of an app that is not there must not fall over",
    ),
    must(
        "body_changed",
        "a call with one character of its body changed after signing",
        |platform| vec![platform.ask_instead_of(CALL, CALL.replace("lin.yue", "lin.yuf"))],
        Expects::Refusal,
        "a CheckSum covers the MD5 header only; without hashing the body, anybody on the way can change it",
    ),
    must(
        "body_replaced",
        "the headers of one call over the body of another",
        |platform| vec![platform.ask_instead_of(CALL, ANOTHER)],
        Expects::Refusal,
        "whoever has once seen three headers could sign anything with them",
    ),
    must(
        "body_extended",
        "a call with a newline after its body, which was not signed",
        |platform| vec![platform.ask_instead_of(CALL, format!("{CALL}\n"))],
        Expects::Refusal,
        "what is hashed must be what came, and not what is left of it after parsing",
    ),
    must(
        "wrong_md5",
        "a call with the MD5 of another body, and a CheckSum made for that",
        |platform| vec![platform.ask_with_md5(&yunxin::sign("", ANOTHER.as_bytes(), "0").md5, CALL)],
        Expects::Refusal,
        "both digests must hold: the CheckSum for the MD5 header, and the MD5 header for the body",
    ),
    must(
        "md5_empty",
        "a call with an empty MD5 header, and a CheckSum made for that",
        |platform| vec![platform.ask_with_md5("", CALL)],
        Expects::Refusal,
        "a check that is skipped when its header is empty is a check that strangers can switch off",
    ),
    must(
        "check_sum_missing",
        "a call without CheckSum",
        |platform| vec![platform.ask(CALL).without("CheckSum")],
        Expects::Refusal,
        "without it nothing is proven",
    ),
    must(
        "check_sum_malformed",
        "calls whose CheckSum is empty, too short, too long, no hex, no ASCII",
        |platform| {
            let malformed: [&[u8]; 5] = [
                b"",
                b"6f08c5ee2dd16a5fc34a12005e5d5f1411e657a",
                b"6f08c5ee2dd16a5fc34a12005e5d5f1411e657a1a1",
                b"zf08c5ee2dd16a5fc34a12005e5d5f1411e657a1",
                b"\xe5\x91\xa8\xe6\x9c\xab",
            ];
            malformed.map(|value| platform.ask(CALL).with("CheckSum", value)).to_vec()
        },
        Expects::Refusal,
        "a digest that cannot be read proves nothing, and must not make the check fall over",
    ),
    must(
        "cur_time_missing",
        "a call without CurTime",
        |platform| vec![platform.ask(CALL).without("CurTime")],
        Expects::Refusal,
        "the CheckSum covers it, so nothing is proven without it",
    ),
    must(
        "cur_time_changed",
        "a call whose CurTime was changed after signing",
        |platform| vec![platform.ask(CALL).with("CurTime", platform.now().to_string())],
        Expects::Refusal,
        "a CheckSum that does not cover the time lets a captured request live for ever",
    ),
    should(
        "md5_missing",
        "a call without MD5",
        |platform| vec![platform.ask(CALL).without("MD5")],
        Expects::NoFailure,
        "a missing header must be refused, or done without safely; it must not end in an error page",
    ),
    should(
        "app_key_missing",
        "a call without AppKey",
        |platform| vec![platform.ask(CALL).without("AppKey")],
        Expects::NoFailure,
        "a missing header must be refused, or done without safely; it must not end in an error page",
    ),
    must(
        "nothing_told",
        "a call signed with another secret",
        |platform| vec![platform.forged(CALL)],
        Expects::NothingTold,
        "an error text with the right CheckSum or the secret in it hands out the key to the door",
    ),
];
