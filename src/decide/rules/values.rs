//! Values as expressions see them: lists that stop being read when time is up, named sets, JSON as it was sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp, CelUInt, LIST_TYPE, Type,
};
use cel::common::value::{BuiltinRef, CowVal, StaticVal, Val};
use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::Value as Json;

use crate::budget::Budget;
use crate::lenient::Plain;

/// Tells when evaluating has taken as long as it may.
#[derive(Debug)]
pub(super) struct Alarm {
    budget: Option<Budget>,
    rang: AtomicBool,
}

impl Alarm {
    /// One that never rings.
    pub(super) fn never() -> Self {
        Self { budget: None, rang: AtomicBool::new(false) }
    }

    /// One that rings when `budget` is used up.
    pub(super) fn at_end_of(budget: Budget) -> Self {
        Self { budget: Some(budget), rang: AtomicBool::new(false) }
    }

    /// Whether it rang: what was evaluated since means nothing.
    pub(super) fn rang(&self) -> bool {
        self.rang.load(Ordering::Relaxed)
    }

    fn look(&self) -> bool {
        if self.budget.is_some_and(|budget| budget.remaining().is_zero()) {
            self.rang.store(true, Ordering::Relaxed);
        }
        self.rang()
    }
}

/// A list out of an event, which ends early when the alarm rings.
#[derive(Debug)]
pub(super) struct Listed<'e> {
    list: CelList<'e>,
    alarm: &'e Alarm,
}

/// How many elements are read between two looks at the clock.
const STRIDE: u32 = 64;

struct Elements<'b, 'e> {
    items: std::slice::Iter<'b, Box<dyn Val + 'e>>,
    alarm: &'b Alarm,
    since: u32,
}

impl<'b, 'v, 'e: 'v> Iterator<'b, 'v> for Elements<'b, 'e> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.since = (self.since + 1) % STRIDE;
        if self.since == 1 && self.alarm.look() {
            return None;
        }
        self.items.next().map(|item| &**item as &(dyn Val + 'v))
    }
}

impl<'e> Iterable for Listed<'e> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Elements { items: self.list.inner().iter(), alarm: self.alarm, since: 0 })
    }
}

impl Val for Listed<'_> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(&self.list)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(&self.list)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(&self.list)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.list.equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self { list: self.list.clone(), alarm: self.alarm })
    }

    /// Equal to a list that an expression writes out, from either side.
    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        BuiltinRef::List(&self.list)
    }
}

/// A named list: only whether something is in it, and how many are.
#[derive(Debug, Clone)]
pub(super) struct Named(pub(super) Arc<HashSet<Box<str>>>);

impl Val for Named {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Named {}

impl Container for Named {
    /// Texts, and numbers as they are written.
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        match text_of(value) {
            Some(text) => Ok(self.0.contains(&*text)),
            None => Err(unexpected(value, "text or a number")),
        }
    }
}

impl Sizer for Named {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.0.len()).unwrap_or(i64::MAX))
    }
}

/// What an expression writes out and was read when its rule was loaded. Looking a value up in it applies it.
#[derive(Debug, Clone)]
pub(super) enum Applied {
    /// Whether a text matches.
    Pattern(Regex),
    /// A time as clocks show it there.
    Zone(TimeZone),
}

impl Val for Applied {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &cel::common::types::DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

impl StaticVal for Applied {}

impl Indexer for Applied {
    fn get<'b, 'v>(&'b self, value: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match self {
            Self::Pattern(pattern) => {
                let text = value.downcast_ref::<CelString<'_>>().ok_or_else(|| unexpected(value, "text"))?;
                Ok(CowVal::owned(CelBool::from(pattern.is_match(text.inner()))))
            }
            Self::Zone(zone) => {
                let time = value.downcast_ref::<CelTimestamp>().and_then(|time| shown_in(zone, time.inner()));
                Ok(CowVal::owned(CelTimestamp::from(time.ok_or_else(|| unexpected(value, "a time"))?)))
            }
        }
    }

    fn steal<'v>(self: Box<Self>, value: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(value).map(CowVal::into_owned)
    }
}

fn shown_in(zone: &TimeZone, time: &DateTime<FixedOffset>) -> Option<DateTime<FixedOffset>> {
    let offset = zone.to_offset(Timestamp::from_second(time.timestamp()).ok()?);
    Some(time.with_timezone(&FixedOffset::east_opt(offset.seconds())?))
}

fn unexpected(value: &dyn Val, want: &str) -> ExecutionError {
    ExecutionError::UnexpectedType { got: value.get_type().name().to_owned(), want: want.to_owned() }
}

/// A text, or a whole number as it is written.
pub(super) fn text_of<'v>(value: &'v (dyn Val + '_)) -> Option<std::borrow::Cow<'v, str>> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(text.inner().into());
    }
    let number = value.downcast_ref::<CelInt>().map(|number| number.inner().to_string());
    number.or_else(|| value.downcast_ref::<CelUInt>().map(|number| number.inner().to_string())).map(Into::into)
}

/// A documented field's value.
pub(super) fn of_plain<'e>(plain: Plain, alarm: &'e Alarm) -> Box<dyn Val + 'e> {
    match plain {
        Plain::Text(text) => Box::new(CelString::from(text)),
        Plain::Integer(number) => Box::new(CelInt::from(number)),
        Plain::Unsigned(number) => number_of(number),
        Plain::Boolean(truth) => Box::new(CelBool::from(truth)),
        Plain::Json(json) => of_value(json, alarm),
        Plain::Texts(texts) => {
            let texts = texts.into_iter().map(|text| Box::new(CelString::from(text)) as Box<dyn Val + 'e>);
            Box::new(Listed { list: CelList::from(texts.collect::<Vec<_>>()), alarm })
        }
    }
}

/// A JSON value as it was sent.
pub(super) fn of_json<'e>(raw: &str, alarm: &'e Alarm) -> Option<Box<dyn Val + 'e>> {
    if raw.starts_with('"') {
        return crate::lenient::unquote(raw).map(|text| Box::new(CelString::from(text.into_owned())) as Box<dyn Val>);
    }
    serde_json::from_str(raw).ok().map(|json| of_value(json, alarm))
}

fn of_value<'e>(json: Json, alarm: &'e Alarm) -> Box<dyn Val + 'e> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(truth) => Box::new(CelBool::from(truth)),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Box::new(CelInt::from(number)),
            (None, Some(number)) => Box::new(CelUInt::from(number)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text)),
        Json::Array(items) => {
            let items: Vec<_> = items.into_iter().map(|item| of_value(item, alarm)).collect();
            Box::new(Listed { list: CelList::from(items), alarm })
        }
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (CelMapKey::from(key), of_value(value, alarm)));
            Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
        }
    }
}

/// As `int` where it fits, so that it can be compared with and added to what an expression writes.
fn number_of<'e>(number: u64) -> Box<dyn Val + 'e> {
    match i64::try_from(number) {
        Ok(number) => Box::new(CelInt::from(number)),
        Err(_) => Box::new(CelUInt::from(number)),
    }
}
