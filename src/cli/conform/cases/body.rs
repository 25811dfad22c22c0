//! Bodies of every size and of every sort, all properly signed.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::{Expects, Manner};

pub(super) const CASES: &[Case] = &[
    must(
        "chunked",
        "a call with its body in one chunk, without Content-Length",
        |platform| vec![platform.ask(CALL).in_chunks(usize::MAX)],
        Expects::Verdict,
        "who reads a body only where there is a Content-Length finds it empty",
    ),
    must(
        "chunks_small",
        "a call with its body in chunks of seven bytes",
        |platform| vec![platform.ask(CALL).in_chunks(7)],
        Expects::Verdict,
        "a body is the sum of its chunks; characters may be cut in two",
    ),
    must(
        "split",
        "a call that comes in three pieces: half of its head, the rest of it, the body",
        |platform| vec![platform.ask(CALL)],
        Expects::Verdict,
        "the network cuts requests where it likes",
    )
    .sent(Manner::Split),
    must(
        "slow_body",
        "a call whose body takes half a second to arrive",
        |platform| vec![platform.ask(CALL)],
        Expects::Verdict,
        "reading must go on until all of it is there",
    )
    .sent(Manner::Dripped),
    should(
        "expect_continue",
        "a call with Expect: 100-continue, its body a moment later",
        |platform| vec![platform.ask(CALL).and("Expect", "100-continue")],
        Expects::Verdict,
        "many HTTP clients do this with longer bodies",
    )
    .sent(Manner::Expecting),
    must(
        "large",
        "a message of 64 KiB",
        |platform| vec![platform.ask(padded(64 << 10))],
        Expects::Verdict,
        "messages carry attachments and extensions of several kilobytes each",
    ),
    should(
        "very_large",
        "a message of 1 MiB",
        |platform| vec![platform.ask(padded(1 << 20))],
        Expects::VerdictOrTooLarge,
        "where there is a limit, its answer is 413, and not an error page or silence",
    ),
    should(
        "one_byte",
        "bodies of one byte",
        |platform| ["1", "{", "\n"].map(|body| platform.ask(body)).to_vec(),
        Expects::NoFailure,
        "what cannot be understood must not end in an error page",
    ),
    should(
        "empty",
        "no body at all",
        |platform| vec![platform.ask("")],
        Expects::NoFailure,
        "what cannot be understood must not end in an error page",
    ),
    should(
        "no_object",
        "JSON that is no object, and text that is no JSON",
        |platform| {
            let bodies = ["[]", "null", "[{\"eventType\":20}]", "\"eventType\"", "eventType=20&fromAccount=x"];
            bodies.map(|body| platform.ask(body)).to_vec()
        },
        Expects::NoFailure,
        "what cannot be understood must not end in an error page",
    ),
    should(
        "no_utf8",
        "a call with a name that is not UTF-8",
        |platform| vec![platform.ask(b"{\"eventType\":20,\"fromAccount\":\"\xc1\xd6\xd4\xc2\"}")],
        Expects::NoFailure,
        "what cannot be understood must not end in an error page",
    ),
    should(
        "deep",
        "a call with lists in lists, a hundred thousand deep",
        |platform| {
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            vec![platform.ask(format!(r#"{{"eventType":20,"x":{open}{close}}}"#))]
        },
        Expects::NoFailure,
        "a parser that calls itself runs out of stack, and takes the process with it",
    ),
];

/// A message of exactly `length` bytes.
fn padded(length: usize) -> String {
    let (start, end) = (r#"{"eventType":1,"fromAccount":"lin.yue","to":"chen.bo","body":""#, r#""}"#);
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}
