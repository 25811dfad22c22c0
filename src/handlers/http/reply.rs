//! What a target's answer means for the delivery, and what of it is worth telling a person.
//!
//! Nothing of the event that we sent may come back into a log this way.

use std::collections::HashSet;
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::deliver::{Outcome, answered};

/// How much of an answer's first line is told, in bytes.
const EXCERPT: usize = 200;
/// How much of an answer is read, and how long, so that its connection can be used again.
const WORTH_READING: usize = 64 * 1024;
const WORTH_WAITING: Duration = Duration::from_secs(1);
/// So many bytes of what we sent, found in the answer, are no coincidence.
const ECHO: usize = 24;

/// What `reply` means. `sent` is what it answers to.
pub(super) async fn outcome(mut reply: Response, sent: &[u8], clock: &Clock) -> Outcome {
    let status = reply.status();
    let after = reply.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, clock));
    let mut start = Vec::new();
    // A body that breaks off, or is too long or too slow, changes nothing: the status has been said.
    let _ = timeout(WORTH_WAITING, read(&mut reply, &mut start)).await;
    if status.is_success() {
        answered(status.to_string());
        return Outcome::Done;
    }
    let why = match excerpt(&start, sent) {
        Some(excerpt) => format!("{status}: {excerpt}"),
        None => status.to_string(),
    };
    judge(status, after, why)
}

fn judge(status: StatusCode, after: Option<Duration>, why: String) -> Outcome {
    match status.as_u16() {
        429 | 503 => Outcome::Pause { after, why },
        408 | 425 | 500..=599 => Outcome::Retry { after, why },
        300..=399 => Outcome::give_up(format!("redirects are not followed: {why}")),
        _ => Outcome::GiveUp { why },
    }
}

/// Reads `reply` to its end, within reason, and keeps its `start`.
async fn read(reply: &mut Response, start: &mut Vec<u8>) {
    let mut left = WORTH_READING;
    while let Ok(Some(chunk)) = reply.chunk().await {
        let wanted = (EXCERPT + 1).saturating_sub(start.len()).min(chunk.len());
        start.extend_from_slice(&chunk[..wanted]);
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            return;
        }
    }
}

/// The first line of an answer, where it says something and does not repeat what we sent.
fn excerpt(start: &[u8], sent: &[u8]) -> Option<String> {
    let line = start.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let line = line[..line.len().min(EXCERPT)].trim_ascii_end();
    let pieces: HashSet<&[u8]> = line.windows(ECHO).collect();
    if line.is_empty() {
        None
    } else if sent.windows(ECHO).any(|piece| pieces.contains(piece)) || repeats_a_value(line, sent) {
        Some("(the answer repeats the event)".to_owned())
    } else {
        Some(String::from_utf8_lossy(line).into_owned())
    }
}

/// Whether `line` holds one of the longer values of the sender's JSON, however it is written there.
fn repeats_a_value(line: &[u8], sent: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let event: Value = serde_json::from_slice(sent).unwrap_or_default();
    let found = |scalar: &str| scalar.len() >= TELLING && line.contains(scalar);
    match &event {
        Value::Array(batch) => batch.iter().any(|event| any_scalar(&event["data"], &found)),
        event => any_scalar(&event["data"], &found),
    }
}

fn any_scalar(value: &Value, found: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|value| any_scalar(value, found)),
        Value::Array(items) => items.iter().any(|value| any_scalar(value, found)),
        Value::String(text) => found(text),
        other => found(&other.to_string()),
    }
}

/// A shorter value is in many a text by chance, `true` and `false` among them.
const TELLING: usize = 6;

/// `Retry-After` in either of its forms.
fn retry_after(value: &str, clock: &Clock) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(clock.now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let clock = Clock::fixed("2026-03-01T10:00:00Z".parse().expect("a time"));
        assert_eq!(retry_after(" 7 ", &clock), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 10:02:00 GMT", &clock), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 09:00:00 GMT", &clock), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", &clock), None);
        assert_eq!(retry_after("-1", &clock), None);
    }

    #[test]
    fn the_first_line_of_an_answer_is_told_and_cut() {
        let told = |answer: &str| excerpt(answer.as_bytes(), b"what we sent, which is much longer than an echo");
        assert_eq!(told("\n no such customer \r\nat line 3").as_deref(), Some("no such customer"));
        assert_eq!(told("  \n"), None);
        assert_eq!(told(&"é".repeat(300)).map(|line| line.len()), Some(EXCERPT));
    }

    #[test]
    fn an_answer_that_repeats_the_event_is_not_told() {
        let sent = br#"{"specversion":"1.0","data":{"fromAccount":"alice","toAccountList":["bob","carol"]}}"#;
        let told = excerpt(br#"cannot read {"fromAccount":"alice","toAccountList":["bob","carol"]}"#, sent);
        assert_eq!(told.as_deref(), Some("(the answer repeats the event)"));
    }

    #[test]
    fn every_status_means_what_the_contract_says() {
        let meant = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            match judge(status, Some(Duration::from_secs(3)), String::new()) {
                Outcome::Pause { after: Some(_), .. } => "pause",
                Outcome::Retry { after: Some(_), .. } => "retry",
                Outcome::GiveUp { .. } => "give up",
                other => panic!("{status}: {other:?}"),
            }
        };
        for status in 300..=599 {
            let expected = match status {
                429 | 503 => "pause",
                408 | 425 | 500.. => "retry",
                _ => "give up",
            };
            assert_eq!(meant(status), expected, "{status}");
        }
    }
}
