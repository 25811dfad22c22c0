//! One event as the expressions of a rulebook see it; nothing is read or converted before an expression asks for it.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use cel::common::types::{CelBool, CelInt, CelString, CelTimestamp};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, IdedExpr, Value};
use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;

use super::book::{Hidden, Plan, Rulebook, Source, environment};
use super::values::{Alarm, of_json, of_plain, text_of};
use crate::event::Event;
use crate::lenient::Fields;

/// One event, its fields read at most once each.
pub(super) struct Facts<'e> {
    event: &'e Event,
    book: &'e Rulebook,
    plan: &'e Plan,
    alarm: &'e Alarm,
    fields: OnceLock<Option<Fields<'e>>>,
    values: Box<[Once<'e>]>,
    /// Below 0: not counted, since its key cannot be told.
    counts: Box<[AtomicI64]>,
}

/// A field's value, once it was asked for; `None` where there is none.
type Once<'e> = OnceLock<Option<Box<dyn Val + 'e>>>;

/// Why an expression has no value for an event.
#[derive(Debug)]
pub(super) enum Fault {
    Engine(ExecutionError),
    NotBoolean,
}

impl<'e> Facts<'e> {
    pub(super) fn of(event: &'e Event, book: &'e Rulebook, plan: &'e Plan, alarm: &'e Alarm) -> Self {
        let values = book.slots.iter().map(|_| OnceLock::new()).collect();
        let counts = book.counters.iter().map(|_| AtomicI64::new(-1)).collect();
        Self { event, book, plan, alarm, fields: OnceLock::new(), values, counts }
    }

    /// The context in which expressions are evaluated on this event.
    pub(super) fn context(&self) -> Context<'_, '_> {
        let mut context = Context::with_env(environment());
        context.set_variable_resolver(self);
        context
    }

    pub(super) fn set_count(&self, counter: usize, count: u32) {
        self.counts[counter].store(i64::from(count), Ordering::Relaxed);
    }

    fn value(&self, slot: usize) -> Option<&(dyn Val + 'e)> {
        self.values.get(slot)?.get_or_init(|| self.read(slot)).as_deref()
    }

    fn read(&self, slot: usize) -> Option<Box<dyn Val + 'e>> {
        let fields = self.fields.get_or_init(|| Fields::parse(self.event.text()).ok()).as_ref()?;
        let slot_row = &self.book.slots[slot];
        let raw = fields.get(&slot_row.name)?.get();
        match (slot_row.source, self.plan.readers.get(slot).copied().flatten()) {
            (Source::Data, Some(read)) => Some(of_plain(read(raw)?, self.alarm)),
            (Source::Data, None) if raw == "null" => None,
            _ => of_json(raw, self.alarm),
        }
    }

    fn hidden(&self, hidden: Hidden) -> Option<CowVal<'_, '_>> {
        Some(match hidden {
            Hidden::Value(slot) => CowVal::Borrowed(self.value(slot)?),
            Hidden::Has(slot) => CowVal::owned(CelBool::from(self.value(slot).is_some())),
            Hidden::Count(counter) => {
                let count = self.counts.get(counter)?.load(Ordering::Relaxed);
                CowVal::owned(CelInt::from(Some(count).filter(|count| *count >= 0)?))
            }
            Hidden::Applied(applied) => CowVal::Borrowed(self.book.applied.get(applied)?),
            Hidden::List(list) => CowVal::Borrowed(self.book.lists.get(list)?),
        })
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(hidden) = Hidden::named(variable) {
            return self.hidden(hidden);
        }
        Some(match variable {
            "kind" => CowVal::owned(CelString::from(self.event.kind().name())),
            "family" => CowVal::owned(CelString::from(self.event.family().name())),
            "app" => CowVal::owned(CelString::from(&**self.event.app_key())),
            "now" => CowVal::owned(CelTimestamp::from(moment(self.event.received())?)),
            "sentat" => {
                let sent = self.event.sent_at()?.parse().ok()?;
                CowVal::owned(CelTimestamp::from(moment(Timestamp::from_millisecond(sent).ok()?)?))
            }
            _ => return None,
        })
    }
}

fn moment(time: Timestamp) -> Option<DateTime<FixedOffset>> {
    DateTime::from_timestamp(time.as_second(), u32::try_from(time.subsec_nanosecond()).ok()?)
        .map(|time| time.fixed_offset())
}

/// Whether `expression` holds.
pub(super) fn holds(expression: &IdedExpr, context: &Context<'_, '_>) -> Result<bool, Fault> {
    let value = Value::resolve_val(expression, context).map_err(Fault::Engine)?;
    value.downcast_ref::<CelBool>().map(|truth| *truth.inner()).ok_or(Fault::NotBoolean)
}

/// What `expression` comes to, as a counter's key.
pub(super) fn key(expression: &IdedExpr, context: &Context<'_, '_>) -> Result<String, Fault> {
    let value = Value::resolve_val(expression, context).map_err(Fault::Engine)?;
    text_of(&*value).map(std::borrow::Cow::into_owned).ok_or(Fault::NotBoolean)
}

impl Fault {
    /// The fault in words; never a value of the event.
    pub(super) fn said(&self, book: &Rulebook) -> String {
        let error = match self {
            Self::NotBoolean => return "it is neither true nor false".to_owned(),
            Self::Engine(error) => error,
        };
        match error {
            ExecutionError::UndeclaredReference(name) => match Hidden::named(name) {
                Some(Hidden::Value(slot)) => {
                    let name = book.slots.get(slot).map(ToString::to_string).unwrap_or_default();
                    format!("{name} is missing, or of an impossible type")
                }
                Some(Hidden::Count(_)) => "the key of a counter cannot be told".to_owned(),
                _ => format!("{name} is missing"),
            },
            ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
            ExecutionError::NoSuchOverload(overload) => overload.to_string(),
            ExecutionError::UnexpectedType { got, want } => format!("{want} was expected, found {got}"),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
            ExecutionError::Overflow(..) => "a number became too large".to_owned(),
            ExecutionError::IndexOutOfBounds(_) => "a place beyond the end of a list".to_owned(),
            ExecutionError::UnsupportedBinaryOperator(operator, ..) => format!("`{operator}` of what cannot be joined"),
            _ => "a value of a type that does not fit".to_owned(),
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("event", self.event).finish_non_exhaustive()
    }
}
