//! The configuration word for word: a tree of values, each with the place where it was written.
//!
//! Nothing is understood here; layers are only read and laid over each other.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::fault::Origin;

/// The keys of one section.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Anything else that has no quotes: a date, a fraction, a number beyond 64 bits.
    Bare(String),
    /// Values in order.
    List(Vec<Node>),
    /// Values by key.
    Table(Table),
}

/// Where a text stops being TOML.
#[derive(Debug)]
pub(super) struct NotToml {
    pub(super) message: String,
    /// From 1; 0 where it is not known.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

/// Reads a TOML file; `origin` tells the origin of a line.
pub(super) fn read_document(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Table, NotToml> {
    let table = DeTable::parse(text).map_err(|error| not_toml(text, &error))?;
    Ok(table_of(table.into_inner(), &|offset| origin(line_of(text, offset))))
}

/// Reads one TOML value that was written at `origin`.
pub(super) fn read_value(text: &str, origin: &Origin) -> Result<Node, NotToml> {
    let value = DeValue::parse(text).map_err(|error| not_toml(text, &error))?;
    Ok(node_of(value.into_inner(), 0, &|_| origin.clone()))
}

/// Lays `over` on `under`: sections are joined, everything else is replaced.
pub(super) fn merge(under: &mut Table, over: Table) {
    for (key, node) in over {
        match (under.get_mut(&key), node) {
            (Some(Node { value: Value::Table(below), .. }), Node { value: Value::Table(above), .. }) => {
                merge(below, above);
            }
            (_, node) => {
                under.insert(key, node);
            }
        }
    }
}

fn table_of(table: DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Table {
    let entry = |(key, value): (toml::Spanned<_>, toml::Spanned<DeValue<'_>>)| {
        let start = key.span().start;
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        (key.into_owned(), node_of(value.into_inner(), start, origin))
    };
    table.into_iter().map(entry).collect()
}

fn node_of(value: DeValue<'_>, start: usize, origin: &dyn Fn(usize) -> Origin) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Bare(number.to_string()),
        },
        DeValue::Float(number) => Value::Bare(number.to_string()),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(time) => Value::Bare(time.to_string()),
        DeValue::Array(items) => {
            let item = |item: toml::Spanned<DeValue<'_>>| {
                let start = item.span().start;
                node_of(item.into_inner(), start, origin)
            };
            Value::List(items.into_iter().map(item).collect())
        }
        DeValue::Table(table) => Value::Table(table_of(table, origin)),
    };
    Node { value, origin: origin(start) }
}

fn not_toml(text: &str, error: &toml::de::Error) -> NotToml {
    let message = error.message().to_owned();
    let Some(span) = error.span() else { return NotToml { message, line: 0, column: 0 } };
    let before = text.get(..span.start).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    NotToml { message, line: line_of(text, span.start), column }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
