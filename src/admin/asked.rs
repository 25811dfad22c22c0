//! What a query asks for: which events, from where, how many.

use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::answer::Problem;
use crate::clock::Clock;
use crate::event::EventId;
use crate::journal::{Filter, Position};
use crate::kind::KindPattern;

/// A query, understood.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) filter: Filter,
    pub(super) before: Option<Position>,
    pub(super) after: Option<Position>,
    pub(super) limit: Option<usize>,
    /// `zh`, or else English.
    pub(super) chinese: bool,
}

impl Asked {
    /// Reads the part of an address after `?`: the filters of `offhook events`, and `before`, `after`, `limit`, `lang`.
    pub(super) fn read(query: Option<&str>, clock: &Clock) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match &*name {
                "kind" => {
                    for kind in value.split([',', ' ']).filter(|kind| !kind.is_empty()) {
                        asked.filter.kinds.push(KindPattern::parse(kind).map_err(Problem::wrong)?);
                    }
                }
                "app" => asked.filter.app = Some(value.to_owned()),
                "account" => asked.filter.account = Some(value.to_owned()),
                "verdict" => asked.filter.verdict = Some(value.to_owned()),
                "id" => asked.filter.ids.push(event_id(value)?),
                "since" => asked.filter.since = Some(moment(value, clock)?),
                "until" => asked.filter.until = Some(moment(value, clock)?),
                "before" => asked.before = Some(Position(number(&name, value)?)),
                "after" => asked.after = Some(Position(number(&name, value)?)),
                "limit" => asked.limit = usize::try_from(number(&name, value)?).ok(),
                "lang" => asked.chinese = value.starts_with("zh"),
                other => return Err(Problem::wrong(format!("`{other}` is not something to ask for here"))),
            }
        }
        Ok(asked)
    }
}

/// An id as somebody typed it.
pub(super) fn event_id(text: &str) -> Result<EventId, Problem> {
    EventId::parse(text).ok_or_else(|| Problem::wrong(format!("`{text}` is no event id")))
}

fn number(name: &str, value: &str) -> Result<u64, Problem> {
    value.parse().map_err(|_| Problem::wrong(format!("{name} = `{value}`: a whole number was expected")))
}

/// RFC 3339, Unix milliseconds, or how long ago: `90s`, `15m`, `2h`, `7d`.
fn moment(text: &str, clock: &Clock) -> Result<Timestamp, Problem> {
    let expected = || Problem::wrong(format!("`{text}` is no time: RFC 3339, Unix milliseconds, or e.g. 15m, 2h, 7d"));
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Timestamp::from_millisecond(milliseconds).map_err(|_| expected());
    }
    let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds: i64 = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let ago = count.parse::<i64>().ok().and_then(|count| count.checked_mul(seconds)).ok_or_else(expected)?;
    clock.now().checked_sub(SignedDuration::from_secs(ago)).map_err(|_| expected())
}
