//! Which kept events a command is about, as flags.

use super::WrongUse;
use super::journal::point_in_time;
use crate::event::EventId;
use crate::journal::Filter;
use crate::kind::KindPattern;

#[derive(Debug, clap::Args)]
pub(super) struct Select {
    /// Only these kinds: a name, or a pattern such as call.*
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only this app
    #[arg(long, value_name = "KEY")]
    app: Option<String>,
    /// Only events that name this account: who acted, or anybody in the body
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only events answered so: allow, reject, or by whom, e.g. rule:late or 'fallback:*'
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<String>,
    /// Only these events
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// Only events received since: RFC 3339, Unix milliseconds, or how long ago, e.g. 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events received before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Select {
    /// What was typed, understood.
    pub(super) fn filter(&self) -> Result<Filter, WrongUse> {
        let kinds: Result<Vec<_>, _> =
            self.kinds.iter().map(|kind| KindPattern::parse(kind).map_err(WrongUse)).collect();
        let time = |text: &Option<String>| text.as_deref().map(point_in_time).transpose();
        Ok(Filter {
            kinds: kinds?,
            app: self.app.clone(),
            account: self.account.clone(),
            verdict: self.verdict.clone(),
            ids: event_ids(&self.ids)?,
            since: time(&self.since)?,
            until: time(&self.until)?,
        })
    }

    /// Whether a time to begin at was typed.
    pub(super) fn has_since(&self) -> bool {
        self.since.is_some()
    }
}

/// Ids as they were typed.
pub(super) fn event_ids(texts: &[String]) -> Result<Vec<EventId>, WrongUse> {
    texts.iter().map(|text| event_id(text)).collect()
}

/// One id as it was typed.
pub(super) fn event_id(text: &str) -> Result<EventId, WrongUse> {
    EventId::parse(text).ok_or_else(|| WrongUse(format!("`{text}` is no event id; `events list` shows them")))
}
