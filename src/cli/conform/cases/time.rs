//! When it was asked: old requests, early ones, and times that are none.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::Expects;

const SECOND: i64 = 1000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

pub(super) const CASES: &[Case] = &[
    should(
        "stale",
        "a call signed a day ago",
        |platform| vec![platform.ask_at(&(platform.now() - DAY).to_string(), CALL)],
        Expects::Refusal,
        "a captured request could be played again for ever",
    ),
    should(
        "from_the_future",
        "a call signed for tomorrow",
        |platform| vec![platform.ask_at(&(platform.now() + DAY).to_string(), CALL)],
        Expects::Refusal,
        "a request kept for later is a captured one, too",
    ),
    must(
        "a_little_off",
        "calls signed five seconds ago, and five seconds ahead",
        |platform| [-5, 5].map(|off| platform.ask_at(&(platform.now() + off * SECOND).to_string(), CALL)).to_vec(),
        Expects::Verdict,
        "no two clocks agree; a window that is too narrow refuses real questions",
    ),
    should(
        "seconds",
        "a call with CurTime in seconds instead of milliseconds, properly signed",
        |platform| vec![platform.ask_at(&(platform.now() / 1000).to_string(), CALL)],
        Expects::NoFailure,
        "the platform's REST API uses seconds under the same name; it must not end in an error page",
    ),
    should(
        "no_time",
        "calls whose CurTime is no number, negative, or too large for one, properly signed",
        |platform| {
            let times = ["yesterday", "-1", "99999999999999999999999", "1e15"];
            times.map(|time| platform.ask_at(time, CALL)).to_vec()
        },
        Expects::Refusal,
        "a time that cannot be read cannot be fresh, and must not make the check fall over",
    ),
];
