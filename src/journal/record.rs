//! An event as it is stored: the columns of a row, and the fields of a spill line.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Row, Statement};
use serde::{Deserialize, Serialize};

use super::repeats::RepeatKey;
use super::sealing::{self, Keys, Sealed, Unreadable};
use crate::event::{Event, EventId, EventParts, Marks};
use crate::kind::{Family, Kind};
use crate::verdict::{Decision, RejectCode, Verdict};

/// Reads all columns in the order that [`read_event`] expects, `position` first.
pub(super) const COLUMNS: &str = "position, id, received, family, kind, app, subject, sent_at, headers, body, \
     verdict, code, ext, modify, decided_by, repeat_key, repeat_until, marks, sealed";

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
    /// What is to be known of the record, a JSON object; absent where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Cow<'a, str>>,
    /// Where it is encrypted: who acted, the headers and the body, which are empty then. `ext` and `modify` are
    /// encrypted in their own places.
    #[serde(default, with = "in_base64", skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Vec<u8>>,
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
            marks: event.marks().and_then(|marks| serde_json::to_string(marks).ok()).map(Cow::Owned),
            sealed: None,
        }
    }

    /// The same, encrypted where there are keys.
    pub(super) fn sealed_with(mut self, keys: Option<&Keys>) -> Self {
        if let Some(keys) = keys.filter(|_| self.sealed.is_none()) {
            let body = std::mem::replace(&mut self.body, Cow::Borrowed("{}"));
            let parts = Sealed { subject: self.subject.take(), headers: std::mem::take(&mut self.headers), body };
            self.sealed = Some(keys.seal(self.id, &parts));
            let hide = |text: Cow<'a, str>| match &*text {
                "" => text,
                shown => Cow::Owned(sealing::sealed_answer(keys, self.id, shown)),
            };
            (self.ext, self.modify) = (self.ext.map(hide), self.modify.map(hide));
        }
        self
    }

    /// The same, with what is encrypted of it opened.
    pub(super) fn opened_with(mut self, keys: Option<&Keys>) -> Result<Self, Unreadable> {
        if let Some(sealed) = self.sealed.take() {
            let Sealed { subject, headers, body } = sealing::open(keys, self.id, &sealed)?;
            (self.subject, self.headers, self.body) = (subject, headers, body);
            let open = |text: Cow<'a, str>| sealing::opened_answer(keys, self.id, &text).map(Cow::Owned);
            (self.ext, self.modify) = (self.ext.map(open).transpose()?, self.modify.map(open).transpose()?);
        }
        Ok(self)
    }

    /// Runs [`Record::INSERT`]. What is as in the record `before`, the last one that `statement` inserted, is bound to it
    /// already.
    pub(super) fn insert(
        &self,
        position: u64,
        before: Option<&Self>,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<()> {
        let key_of = |record: &Self| record.repeat.map(|repeat| repeat.stored());
        let (key, key_before) = (key_of(self), before.and_then(key_of));
        let bound = before.map(|before| before.columns(key_before.as_ref()));
        statement.raw_bind_parameter(1, i64::try_from(position).unwrap_or(i64::MAX))?;
        for (index, value) in self.columns(key.as_ref()).into_iter().enumerate() {
            if bound.as_ref().is_none_or(|bound| bound[index] != value) {
                statement.raw_bind_parameter(index + 2, ToSqlOutput::Borrowed(value))?;
            }
        }
        statement.raw_execute().map(drop)
    }

    /// Its columns but for the position; `key` is what is stored of `repeat`.
    fn columns<'r>(&'r self, key: Option<&'r [u8; 20]>) -> [ValueRef<'r>; 18] {
        let number = |number: Option<i64>| number.map_or(ValueRef::Null, ValueRef::Integer);
        [
            self.id.as_bytes().as_slice().into(),
            ValueRef::Integer(self.received),
            (&*self.family).into(),
            (&*self.kind).into(),
            (&*self.app).into(),
            self.subject.as_deref().into(),
            self.sent_at.as_deref().into(),
            (&*self.headers).into(),
            (&*self.body).into(),
            self.verdict.as_deref().into(),
            number(self.code.map(i64::from)),
            self.ext.as_deref().into(),
            self.modify.as_deref().into(),
            self.decided_by.as_deref().into(),
            key.map(<[u8; 20]>::as_slice).into(),
            number(self.repeat.map(|repeat| repeat.valid_until.into())),
            self.marks.as_deref().into(),
            self.sealed.as_deref().into(),
        ]
    }

    /// The statement of [`Record::insert`].
    pub(super) const INSERT: &'static str = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

    /// About how many bytes the row takes.
    pub(super) fn weight(&self) -> u64 {
        let texts = self.body.len()
            + self.headers.len()
            + self.sealed.as_ref().map_or(0, Vec::len)
            + self.modify.as_ref().map_or(0, |text| text.len());
        (texts + self.ext.as_ref().map_or(0, |text| text.len()) + 160) as u64
    }

    /// The same, of its own.
    pub(super) fn owned(self) -> Record<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Record {
            id: self.id,
            received: self.received,
            family: own(self.family),
            kind: own(self.kind),
            app: own(self.app),
            subject: self.subject.map(own),
            sent_at: self.sent_at.map(own),
            headers: own(self.headers),
            body: own(self.body),
            verdict: self.verdict.map(own),
            code: self.code,
            ext: self.ext.map(own),
            modify: self.modify.map(own),
            decided_by: self.decided_by.map(own),
            repeat: self.repeat,
            marks: self.marks.map(own),
            sealed: self.sealed,
        }
    }

    /// The event; `None` where its family is not known here.
    pub(super) fn into_event(self) -> Option<Event> {
        let (family, decision) = (Family::named(&self.family)?, self.decision());
        let marks = marks(self.marks.as_deref());
        let event = Event::new(EventParts {
            id: self.id,
            kind: Kind::named(family, &self.kind),
            app_key: Arc::from(&*self.app),
            received: Timestamp::from_microsecond(self.received).ok()?,
            subject: self.subject.map(Cow::into_owned),
            sent_at: self.sent_at.map(Cow::into_owned),
            headers: Arc::from(&*self.headers),
            body: Bytes::from(self.body.into_owned()),
            decision,
        });
        Some(event.with_marks(marks))
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

    /// The same of a record that may be encrypted; what of the answer cannot be decrypted is left out.
    pub(super) fn decision_with(&self, keys: Option<&Keys>) -> Option<Decision> {
        if self.sealed.is_none() {
            return self.decision();
        }
        let open = |text: &Option<Cow<'_, str>>| sealing::opened_answer(keys, self.id, text.as_deref()?).ok();
        let (ext, modify) = (open(&self.ext), open(&self.modify));
        let (verdict, by) = (self.verdict.as_deref(), self.decided_by.as_deref());
        decision(verdict, self.code, ext.as_deref(), modify.as_deref(), by)
    }
}

/// The event of a row of [`COLUMNS`]; what is encrypted of it is read with `keys`.
pub(super) fn read_event(row: &Row<'_>, keys: Option<&Keys>) -> rusqlite::Result<Event> {
    let family: String = row.get(3)?;
    let family = Family::named(&family).ok_or(rusqlite::Error::InvalidColumnName(format!("family {family}")))?;
    let kind = row.get_ref(4)?.as_str()?;
    let text = |column: usize| row.get_ref(column).map(|value| value.as_str_or_null().ok().flatten());
    let (verdict, by) = (text(10)?, text(14)?);
    let (id, sealed) = (EventId::from_bytes(row.get(1)?), row.get_ref(18)?.as_blob_or_null()?);
    let answer = |column: usize| {
        match (sealed, text(column)?) {
            (Some(_), Some(text)) => sealing::opened_answer(keys, id, text).map(|text| Some(Cow::Owned(text))),
            (_, text) => Ok(text.map(Cow::Borrowed)),
        }
        .map_err(unreadable)
    };
    let (ext, modify) = (answer(12)?, answer(13)?);
    let mut parts = EventParts {
        id,
        kind: if kind == "probe" { Kind::probe() } else { Kind::named(family, kind) },
        app_key: Arc::from(row.get_ref(5)?.as_str()?),
        received: Timestamp::from_microsecond(row.get(2)?).unwrap_or_default(),
        subject: row.get(6)?,
        sent_at: row.get(7)?,
        headers: Arc::from(row.get_ref(8)?.as_str()?),
        body: Bytes::from(row.get::<_, String>(9)?),
        decision: decision(verdict, row.get(11)?, ext.as_deref(), modify.as_deref(), by),
    };
    if let Some(sealed) = sealed {
        let Sealed { subject, headers, body } = sealing::open(keys, id, sealed).map_err(unreadable)?;
        parts.subject = subject.map(Cow::into_owned);
        (parts.headers, parts.body) = (Arc::from(headers), Bytes::from(body.into_owned()));
    }
    let event = Event::new(parts);
    let found = text(17)?.map(|text| marks(Some(text)));
    Ok(match found {
        Some(marks) => event.with_marks(marks),
        None => event,
    })
}

/// As an error of the column `sealed`.
pub(super) fn unreadable(why: Unreadable) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(18, Type::Blob, Box::new(why))
}

/// What a record's mark says; what a newer version says beside it is passed over.
fn marks(text: Option<&str>) -> Marks {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
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

/// Bytes as text, for the spill file.
mod in_base64 {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| BASE64_STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| BASE64_STANDARD.decode(text)).transpose().map_err(serde::de::Error::custom)
    }
}
