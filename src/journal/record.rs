//! An event as it is stored: the columns of a row, and the fields of a spill line.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Row, Statement};
use serde::{Deserialize, Serialize};

use super::repeats::RepeatKey;
use crate::event::{Event, EventId, EventParts};
use crate::kind::{Family, Kind};
use crate::verdict::{Decision, RejectCode, Verdict};

/// Reads all columns in the order that [`read_event`] expects, `position` first.
pub(super) const COLUMNS: &str = "position, id, received, family, kind, app, subject, sent_at, headers, body, \
     verdict, code, ext, modify, decided_by, repeat_key, repeat_until";

/// Everything that is stored of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record<'a> {
    pub id: EventId,
    /// Microseconds since 1970.
    pub received: i64,
    pub family: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub app: Cow<'a, str>,
    pub subject: Option<Cow<'a, str>>,
    pub sent_at: Option<Cow<'a, str>>,
    pub headers: Cow<'a, str>,
    pub body: Cow<'a, str>,
    pub verdict: Option<Cow<'a, str>>,
    pub code: Option<u16>,
    pub ext: Option<Cow<'a, str>>,
    /// A JSON object; absent where nothing is changed.
    pub modify: Option<Cow<'a, str>>,
    pub decided_by: Option<Cow<'a, str>>,
    pub repeat: Option<RepeatKey>,
}

impl<'a> Record<'a> {
    pub(super) fn of(event: &'a Event, repeat: Option<RepeatKey>) -> Self {
        let decision = event.decision();
        let modify = decision.and_then(|decision| match &decision.verdict {
            Verdict::Allow { modify, .. } if !modify.is_empty() => serde_json::to_string(modify).ok(),
            _ => None,
        });
        Self {
            id: event.id(),
            received: event.received().as_microsecond(),
            family: Cow::Borrowed(event.family().name()),
            kind: Cow::Borrowed(event.kind().name()),
            app: Cow::Borrowed(event.app_key()),
            subject: event.subject().map(Cow::Borrowed),
            sent_at: event.sent_at().map(Cow::Borrowed),
            headers: Cow::Borrowed(event.headers()),
            body: Cow::Borrowed(event.text()),
            verdict: decision.map(|decision| Cow::Borrowed(decision.verdict.word())),
            code: decision.map(|decision| decision.verdict.code()),
            ext: decision.map(|decision| Cow::Borrowed(decision.verdict.ext())),
            modify: modify.map(Cow::Owned),
            decided_by: decision.map(|decision| Cow::Borrowed(&*decision.by)),
            repeat,
        }
    }

    /// Binds and runs the insert of [`Record::INSERT`].
    pub(super) fn insert(&self, position: u64, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        statement.execute(rusqlite::params![
            i64::try_from(position).unwrap_or(i64::MAX),
            self.id.as_bytes(),
            self.received,
            &*self.family,
            &*self.kind,
            &*self.app,
            self.subject.as_deref(),
            self.sent_at.as_deref(),
            &*self.headers,
            &*self.body,
            self.verdict.as_deref(),
            self.code,
            self.ext.as_deref(),
            self.modify.as_deref(),
            self.decided_by.as_deref(),
            self.repeat.map(|repeat| repeat.stored()),
            self.repeat.map(|repeat| repeat.valid_until),
        ])?;
        Ok(())
    }

    /// The statement of [`Record::insert`].
    pub(super) const INSERT: &'static str =
        "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

    /// About how many bytes the row takes.
    pub(super) fn weight(&self) -> u64 {
        let texts = self.body.len() + self.headers.len() + self.modify.as_ref().map_or(0, |text| text.len());
        (texts + self.ext.as_ref().map_or(0, |text| text.len()) + 160) as u64
    }

    /// What was decided about it.
    pub(super) fn decision(&self) -> Option<Decision> {
        decision(
            self.verdict.as_deref(),
            self.code,
            self.ext.as_deref(),
            self.modify.as_deref(),
            self.decided_by.as_deref(),
        )
    }
}

/// The event of a row of [`COLUMNS`].
pub(super) fn read_event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let family: String = row.get(3)?;
    let family = Family::named(&family).ok_or(rusqlite::Error::InvalidColumnName(format!("family {family}")))?;
    let kind = row.get_ref(4)?.as_str()?;
    let text = |column: usize| row.get_ref(column).map(|value| value.as_str_or_null().ok().flatten());
    let (verdict, ext, modify, by) = (text(10)?, text(12)?, text(13)?, text(14)?);
    Ok(Event::new(EventParts {
        id: EventId::from_bytes(row.get(1)?),
        kind: if kind == "probe" { Kind::probe() } else { Kind::named(family, kind) },
        app_key: Arc::from(row.get_ref(5)?.as_str()?),
        received: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
        subject: row.get(6)?,
        sent_at: row.get(7)?,
        headers: Arc::from(row.get_ref(8)?.as_str()?),
        body: Bytes::from(row.get::<_, String>(9)?),
        decision: decision(verdict, row.get(11)?, ext, modify, by),
    }))
}

/// The decision of these columns.
pub(super) fn decision(
    verdict: Option<&str>,
    code: Option<u16>,
    ext: Option<&str>,
    modify: Option<&str>,
    by: Option<&str>,
) -> Option<Decision> {
    let ext = ext.unwrap_or_default().to_owned();
    let verdict = match verdict? {
        "allow" => {
            Verdict::Allow { modify: modify.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(), ext }
        }
        _ => Verdict::Reject {
            code: code.and_then(|code| RejectCode::new(i64::from(code))).unwrap_or(RejectCode::DEFAULT),
            ext,
        },
    };
    let by = match by.unwrap_or("default") {
        "default" => Cow::Borrowed("default"),
        other => Cow::Owned(other.to_owned()),
    };
    Some(Decision { verdict, by })
}
