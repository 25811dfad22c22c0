//! The same headers in other dress.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::Expects;

pub(super) const CASES: &[Case] = &[
    must(
        "names_lower",
        "a call with its header names in lower case",
        |platform| vec![platform.ask(CALL).spelt(str::to_lowercase)],
        Expects::Verdict,
        "every proxy that speaks HTTP/2 writes them so; names are case-insensitive",
    ),
    must(
        "names_upper",
        "a call with its header names in capitals",
        |platform| vec![platform.ask(CALL).spelt(str::to_uppercase)],
        Expects::Verdict,
        "names are case-insensitive; the platform's own pages do not agree on them",
    ),
    should(
        "digests_upper",
        "calls whose CheckSum, or MD5, is written in capitals",
        |platform| vec![platform.ask(CALL).capital("CheckSum"), platform.ask(CALL).capital("MD5")],
        Expects::NoFailure,
        "hex is hex; comparing it as text may refuse it, but must not fall over",
    ),
    must(
        "documented_extras",
        "a call with the other headers of the documentation: charset, Cache-Control, Postman-Token",
        |platform| {
            let ask = platform.ask(CALL).and("charset", "utf-8").and("Cache-Control", "no-cache");
            vec![ask.and("Postman-Token", "00000000-0000-4000-8000-000000000000")]
        },
        Expects::Verdict,
        "a header that you do not know is none of your business",
    ),
    must(
        "content_types",
        "calls with Content-Type application/json, with and without a charset",
        |platform| {
            let types = ["application/json", "application/json;charset=UTF-8", "application/json; charset=utf-8"];
            types.map(|value| platform.ask(CALL).with("Content-Type", value)).to_vec()
        },
        Expects::Verdict,
        "the platform's pages show both",
    ),
    should(
        "content_type_missing",
        "a call without Content-Type",
        |platform| vec![platform.ask(CALL).without("Content-Type")],
        Expects::Verdict,
        "what the body is stands in the body; a framework that parses by header sees an empty one",
    ),
    should(
        "repeated",
        "calls with one of the four headers twice, equal or not",
        |platform| {
            let equal = platform.ask(CALL).and("AppKey", "0f0e0d0c0b0a09080706050403020100");
            let time = platform.ask(CALL).and("CurTime", "1");
            let md5 = platform.ask(CALL).and("MD5", "00000000000000000000000000000000");
            let sum = platform.ask(CALL).and("CheckSum", "0000000000000000000000000000000000000000");
            vec![equal, time, md5, sum]
        },
        Expects::NoFailure,
        "a list where a text was expected must not end in an error page",
    ),
    must(
        "repeated_forged",
        "a forged call that names CheckSum twice",
        |platform| vec![platform.forged(CALL).and("CheckSum", "")],
        Expects::Refusal,
        "two wrong answers do not make a right one",
    ),
];
