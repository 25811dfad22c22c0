//! Sees in the journal what Tencent's callbacks tell about a call.
//!
//! It only reads, so a command may use it beside a running server.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::event::Event;
use crate::journal::{Filter, Position, ReadError, Reader};
use crate::kind::KindPattern;
use crate::lenient::Fields;
use crate::tencent::play::{Sign, Witness};

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(150);
const PAGE: usize = 200;

/// A witness that follows a journal.
///
/// ```
/// use offhook::handlers::JournalWitness;
/// use offhook::journal::{Options, ReadError, Reader};
///
/// /// Sees what becomes of calls in the callbacks that another process keeps.
/// fn witness() -> Result<JournalWitness, ReadError> {
///     JournalWitness::from_now_on(Reader::of(&Options::at("data"))?)
/// }
/// # let _ = witness;
/// ```
#[derive(Debug)]
pub struct JournalWitness {
    reader: Reader,
    after: Position,
    filter: Filter,
    seen: VecDeque<(Option<String>, Sign)>,
}

impl JournalWitness {
    /// Follows the journal from its present end on. Blocking.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_now_on(reader: Reader) -> Result<Self, ReadError> {
        let after = reader.last()?;
        let kinds = ["call_engine.member_changed", "call_engine.end", "trtc.7.702"];
        let kinds = kinds.iter().filter_map(|kind| KindPattern::parse(kind).ok()).collect();
        let filter = Filter { kinds, ..Filter::default() };
        Ok(Self { reader, after, filter, seen: VecDeque::new() })
    }
}

impl Witness for JournalWitness {
    async fn next(&mut self, call_id: &str) -> Sign {
        loop {
            while let Some((call, sign)) = self.seen.pop_front() {
                // A stream's end names its task only, which tells it from others.
                if call.is_none_or(|call| call == call_id) {
                    return sign;
                }
            }
            let (reader, filter, after) = (self.reader.clone(), self.filter.clone(), self.after);
            match spawn_blocking(move || reader.page(after, PAGE, &filter)).await {
                Ok(Ok(page)) => {
                    self.after = page.scanned;
                    self.seen.extend(page.events.iter().flat_map(|(_, event)| signs(event)));
                    if self.seen.is_empty() && !page.more {
                        sleep(LOOK).await;
                    }
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the journal cannot be read");
                    sleep(LOOK).await;
                }
                Err(_) => std::future::pending().await, // the runtime ends
            }
        }
    }
}

/// What an event says about a call, and about which.
fn signs(event: &Event) -> Vec<(Option<String>, Sign)> {
    let Ok(fields) = Fields::parse(event.text()) else { return Vec::new() };
    let inside = |value: &RawValue| Some(value.get().to_owned());
    match event.kind().name() {
        "call_engine.member_changed" => {
            let call: Option<String> = fields.read("CallId");
            let changes: Vec<&RawValue> = fields
                .get("ChangedUserList")
                .and_then(|changes| serde_json::from_str(changes.get()).ok())
                .unwrap_or_default();
            let sign = |change: &RawValue| {
                let change = Fields::parse(change.get()).ok()?;
                let (user, action): (String, String) = (change.read("User_Account")?, change.read("ActionType")?);
                Some(if is_accept(&action) { Sign::Accepted(user) } else { Sign::Declined(user, action) })
            };
            let Some(call) = call else { return Vec::new() };
            changes.into_iter().filter_map(sign).map(|sign| (Some(call.clone()), sign)).collect()
        }
        "call_engine.end" => {
            let ended = fields.get("CallRecord").and_then(inside).and_then(|record| {
                let record = Fields::parse(&record).ok()?;
                Some((record.read("CallId"), Sign::Ended(record.read("CallResult"))))
            });
            ended.into_iter().filter(|(call, _)| call.is_some()).collect()
        }
        _ => {
            let task =
                fields.get("EventInfo").and_then(inside).and_then(|info| Fields::parse(&info).ok()?.read("TaskId"));
            task.map(|task| (None, Sign::MediaEnded(task))).into_iter().collect()
        }
    }
}

/// Tencent's pages write `Accept` and `Answer`.
fn is_accept(action: &str) -> bool {
    ["accept", "answer"].iter().any(|word| action.trim().eq_ignore_ascii_case(word))
}
