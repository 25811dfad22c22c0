//! Which events somebody wants to read.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::microsecond;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::sealing::{self, Keys, Unreadable};
use crate::event::{Event, EventId};
use crate::kind::KindPattern;

/// Which events are wanted; the default wants all. What is set must all be true of an event.
///
/// ```
/// use offhook::journal::{Filter, Journal, Page, Position, ReadError};
/// use offhook::kind::KindPattern;
///
/// /// The first calls that an account was refused.
/// fn refused_calls(journal: &Journal, account: &str) -> Result<Page, ReadError> {
///     let filter = Filter {
///         kinds: KindPattern::parse("call.*").into_iter().collect(),
///         account: Some(account.to_owned()),
///         verdict: Some("reject".to_owned()),
///         ..Filter::default()
///     };
///     journal.reader().page(Position(0), 100, &filter)
/// }
/// # let _ = refused_calls;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Any of these kinds; empty: every kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindPattern>,
    /// Only this app's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Only events that this account is named in: who acted, or any text of the body that is the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only events that were answered so: `allow`, `reject`, or who gave the verdict, e.g. `rule:late` or `fallback:*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Only these events; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<EventId>,
    /// Received at this time or later.
    #[serde(with = "microsecond::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Received before this time.
    #[serde(with = "microsecond::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Filter {
    /// The same as it is written down: whom it asks for is encrypted where there are keys.
    pub(super) fn sealed_with(&self, keys: Option<&Keys>) -> Self {
        let account = self.account.as_deref().map(|account| sealing::sealed_account(keys, account));
        Self { account, ..self.clone() }
    }

    /// What was written down, again.
    pub(super) fn opened_with(mut self, keys: Option<&Keys>) -> Result<Self, Unreadable> {
        self.account = self.account.map(|account| sealing::opened_account(keys, account)).transpose()?;
        Ok(self)
    }

    /// Whether the event in `row`, whose columns are `record::COLUMNS`, is wanted.
    pub(super) fn wants(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let received: i64 = row.get(2)?;
        let too_early = self.since.is_some_and(|since| received < since.as_microsecond());
        let too_late = self.until.is_some_and(|until| received >= until.as_microsecond());
        if too_early || too_late {
            return Ok(false);
        }
        let kind = row.get_ref(4)?.as_str()?;
        if !self.kinds.is_empty() && !self.kinds.iter().any(|pattern| pattern.matches(kind)) {
            return Ok(false);
        }
        if let Some(app) = &self.app
            && row.get_ref(5)?.as_str()? != app
        {
            return Ok(false);
        }
        if !self.ids.is_empty() && !self.ids.contains(&EventId::from_bytes(row.get(1)?)) {
            return Ok(false);
        }
        Ok(self.wants_verdict(row)? && self.wants_account(row)?)
    }

    /// Whether the event in `record` is wanted, of which nothing is encrypted.
    pub(super) fn wants_record(&self, record: &Record<'_>) -> bool {
        let since = self.since.is_none_or(|since| record.received >= since.as_microsecond());
        let until = self.until.is_none_or(|until| record.received < until.as_microsecond());
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|pattern| pattern.matches(&record.kind));
        let app = self.app.as_ref().is_none_or(|app| *app == record.app);
        let id = self.ids.is_empty() || self.ids.contains(&record.id);
        let verdict = self
            .verdict
            .as_ref()
            .is_none_or(|wanted| said(wanted, record.verdict.as_deref(), record.decided_by.as_deref()));
        let account = || self.names_account(record.subject.as_deref(), &record.body);
        since && until && kind && app && id && verdict && account()
    }

    fn wants_verdict(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let Some(wanted) = &self.verdict else { return Ok(true) };
        let [word, by] = [row.get_ref(10)?, row.get_ref(14)?];
        let [word, by] = [word.as_str_or_null()?, by.as_str_or_null()?];
        Ok(said(wanted, word, by))
    }

    fn wants_account(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        if self.account.is_none() || row.get_ref(18)? != ValueRef::Null {
            return Ok(true);
        }
        Ok(self.names_account(row.get_ref(6)?.as_str_or_null()?, row.get_ref(9)?.as_str()?))
    }

    /// Whether `event` is wanted, which was read from `row`: of what is encrypted the row alone does not tell it.
    pub(super) fn wants_opened(&self, row: &Row<'_>, event: &Event) -> rusqlite::Result<bool> {
        let is_told = self.account.is_none() || row.get_ref(18)? == ValueRef::Null;
        Ok(is_told || self.names_account(event.subject(), event.text()))
    }

    fn names_account(&self, subject: Option<&str>, body: &str) -> bool {
        let Some(account) = &self.account else { return true };
        if subject == Some(account) {
            return true;
        }
        // As a JSON text, and as one inside a JSON text.
        let quoted = serde_json::to_string(account).unwrap_or_default();
        let nested = serde_json::to_string(&quoted).unwrap_or_default();
        let nested = nested.get(1..nested.len().saturating_sub(1)).unwrap_or_default();
        body.contains(&*quoted) || body.contains(nested)
    }
}

/// Whether this verdict, given by `by`, is the one that is wanted.
fn said(wanted: &str, word: Option<&str>, by: Option<&str>) -> bool {
    let is_by = |by: &str| wanted.strip_suffix('*').map_or(by == wanted, |start| by.starts_with(start));
    word == Some(wanted) || by.is_some_and(is_by)
}
