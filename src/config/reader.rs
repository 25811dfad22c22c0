//! Reads the tree key by key: each getter says what it expected, and a section knows which of its keys nobody asked for.
//!
//! A getter that returns `None` has told its fault already; nothing is ever read by default here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;

use super::fault::{ConfigFault, Origin};
use super::tree::{Node, Table, Value};

/// The longest value a fault shows.
const SHOWN: usize = 60;

/// Sections that there may be several of.
const SEVERAL: [&str; 4] = ["apps", "deciders", "handlers", "endpoints"];

/// What all sections share while a configuration is read.
pub(super) struct Reader<'r> {
    /// The environment, for secrets that are there.
    pub(super) variables: &'r BTreeMap<String, String>,
    /// The time at which secrets are judged.
    pub(super) now: Timestamp,
    /// Whether the published test app may be used.
    pub(super) published_app: bool,
    /// Secrets that are kept elsewhere are not looked for: nothing is proven or sent with them.
    pub(super) secrets_unread: Cell<bool>,
    /// The files that secrets were read from.
    pub(super) secret_files: RefCell<Vec<PathBuf>>,
    pub(super) faults: RefCell<Vec<ConfigFault>>,
    pub(super) warnings: RefCell<Vec<String>>,
}

/// One section: a table of keys.
pub(super) struct Section<'r> {
    reader: &'r Reader<'r>,
    path: Path,
    origin: Origin,
    table: &'r Table,
    asked: BTreeSet<&'static str>,
}

/// One value, not understood yet.
#[derive(Clone)]
pub(super) struct Field<'r> {
    pub(super) reader: &'r Reader<'r>,
    path: Path,
    pub(super) node: &'r Node,
}

/// Where a value stands, as it is shown.
#[derive(Clone, Default)]
struct Path(String);

impl<'r> Reader<'r> {
    pub(super) fn new(variables: &'r BTreeMap<String, String>, now: Timestamp, faults: Vec<ConfigFault>) -> Self {
        let faults = RefCell::new(faults);
        Self {
            variables,
            now,
            published_app: false,
            secrets_unread: Cell::new(false),
            secret_files: RefCell::default(),
            faults,
            warnings: RefCell::default(),
        }
    }

    /// The whole configuration as a section.
    pub(super) fn top(&'r self, table: &'r Table) -> Section<'r> {
        Section { reader: self, path: Path::default(), origin: Origin::Default, table, asked: BTreeSet::new() }
    }

    pub(super) fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }
}

impl<'r> Section<'r> {
    /// The value of `key`, where there is one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'r>> {
        self.asked.insert(key);
        let path = self.path.key(key);
        self.table.get(key).map(|node| Field { reader: self.reader, path, node })
    }

    /// The value of `key`, of which there must be one: `what` it is.
    pub(super) fn need(&mut self, key: &'static str, what: &str) -> Option<Field<'r>> {
        let found = self.take(key);
        if found.is_none() {
            self.fault(key, format!("expected {what}, found nothing"), None);
        }
        found
    }

    /// The fields of the list at `key`; none where there is no such key.
    pub(super) fn items(&mut self, key: &'static str) -> Vec<Field<'r>> {
        self.take(key).and_then(|field| field.list()).unwrap_or_default()
    }

    /// Tells a fault about `key`, which has no value.
    pub(super) fn fault(&self, key: &str, expected: String, hint: Option<String>) {
        let path = self.path.key(key).0;
        self.reader.push(ConfigFault { path, value: None, expected, hint, origin: self.origin.clone() });
    }

    /// Tells a fault for every key that nobody asked for.
    pub(super) fn finish(self) {
        self.finish_knowing(&[]);
    }

    /// The same; `elsewhere` are keys that belong somewhere else, each with the place.
    pub(super) fn finish_knowing(self, elsewhere: &[(&str, &str)]) {
        for (key, node) in self.table.iter().filter(|(key, _)| !self.asked.contains(key.as_str())) {
            let place = elsewhere.iter().find(|(name, _)| name == key);
            let hint = match (place, nearest(key, self.asked.iter().copied())) {
                (Some((_, place)), _) => format!("`{key}` belongs to {place}"),
                (None, Some(name)) => format!("did you mean `{name}`?"),
                (None, None) => format!("known here: {}", quoted(self.asked.iter().copied(), ", ")),
            };
            let expected = "unknown key".to_owned();
            let (path, origin) = (self.path.key(key).0, node.origin.clone());
            self.reader.push(ConfigFault { path, value: None, expected, hint: Some(hint), origin });
        }
    }
}

impl<'r> Field<'r> {
    /// The path as it is shown.
    pub(super) fn path(&self) -> &str {
        &self.path.0
    }

    /// Tells a fault that shows the value.
    pub(super) fn fault(&self, expected: impl Into<String>, hint: Option<String>) {
        let shown = |text: &str| {
            let text: String = text.chars().take(SHOWN).collect();
            text.escape_debug().to_string()
        };
        let (value, found) = match &self.node.value {
            Value::Text(text) | Value::Bare(text) => (Some(shown(text)), ""),
            Value::Integer(number) => (Some(number.to_string()), ""),
            Value::Boolean(truth) => (Some(truth.to_string()), ""),
            Value::List(_) => (None, ", found a list"),
            Value::Table(_) => (None, ", found a section"),
        };
        self.push(value, format!("{}{found}", expected.into()), hint);
    }

    /// Tells a fault that does not show the value, because it is a secret or might be one.
    pub(super) fn fault_hiding(&self, expected: impl Into<String>, hint: Option<String>) {
        self.push(None, expected.into(), hint);
    }

    fn push(&self, value: Option<String>, expected: String, hint: Option<String>) {
        let (path, origin) = (self.path.0.clone(), self.node.origin.clone());
        self.reader.push(ConfigFault { path, value, expected, hint, origin });
    }

    /// A text of at least one character, all of them printable.
    pub(super) fn text(&self, what: &str) -> Option<&'r str> {
        match &self.node.value {
            Value::Text(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => Some(text),
            Value::Text(_) => self.none(format!("expected {what}, printable and not empty")),
            _ => self.none(format!("expected {what} as text, in quotes")),
        }
    }

    /// A text of any characters, perhaps of none.
    pub(super) fn plain_text(&self) -> Option<&'r str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => self.none("expected text, in quotes".to_owned()),
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        let text = match &self.node.value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        let found = words.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let hint = nearest(text, names()).map(|name| format!("did you mean `{name}`?"));
            self.fault(format!("expected {}", one_of(names())), hint);
        }
        found
    }

    /// A whole number.
    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match &self.node.value {
            Value::Integer(number) => Some(*number),
            Value::Text(text) if self.is_from_variable() => text.trim().parse().ok(),
            _ => None,
        };
        let expected = format!("expected a whole number from {} to {}", range.start(), range.end());
        number.filter(|number| range.contains(number)).or_else(|| self.none(expected))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let truth = match &self.node.value {
            Value::Boolean(truth) => Some(*truth),
            Value::Text(text) if self.is_from_variable() => text.trim().parse().ok(),
            _ => None,
        };
        truth.or_else(|| self.none("expected true or false".to_owned()))
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let bare = match &self.node.value {
            Value::Text(text) => text.trim().to_owned(),
            Value::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        let read = humantime::parse_duration(&bare).ok().filter(|duration| range.contains(duration));
        if read.is_none() {
            let [least, most] = [range.start(), range.end()].map(|end| limit(*end));
            let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
            let hint = is_number.then(|| format!("write the unit too: \"{bare}ms\" or \"{bare}s\""));
            self.fault(format!("expected a duration from {least} to {most}"), hint);
        }
        read
    }

    /// A size in bytes, with a unit or without.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let bytes = match &self.node.value {
            Value::Text(text) => text.trim().parse().ok().map(|size: ByteSize| size.as_u64()),
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        let most = if *range.end() == u64::MAX { String::new() } else { format!(" to {}", size_text(*range.end())) };
        let expected = format!("expected a size from {}{most}", size_text(*range.start()));
        bytes.filter(|bytes| range.contains(bytes)).or_else(|| self.none(expected))
    }

    /// An IP address and a port.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let address = match &self.node.value {
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        if address.is_none() {
            let hint = "for example `0.0.0.0:8080`, `127.0.0.1:8081` or `[::]:8080`; names are not looked up";
            self.fault("expected an IP address and a port", Some(hint.to_owned()));
        }
        address
    }

    /// The values of a list. A variable's text is a list of one.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(items) => {
                let item = |(place, node)| Self { reader: self.reader, path: self.path.place(place), node };
                Some(items.iter().enumerate().map(item).collect())
            }
            Value::Text(_) if self.is_from_variable() => {
                Some(vec![Self { reader: self.reader, path: self.path.place(0), node: self.node }])
            }
            // What is here instead may be a secret that lost its brackets.
            other => {
                let path = self.path().to_string();
                let hint = match other {
                    Value::Table(_) if SEVERAL.contains(&path.as_str()) => {
                        format!("there may be several of them: write `[[{path}]]`, with two brackets")
                    }
                    _ => "a list stands in brackets: […]".to_owned(),
                };
                self.fault_hiding("expected a list", Some(hint));
                None
            }
        }
    }

    /// The keys of a section.
    pub(super) fn section(&self) -> Option<Section<'r>> {
        match &self.node.value {
            Value::Table(table) => {
                let (path, origin) = (self.path.clone(), self.node.origin.clone());
                Some(Section { reader: self.reader, path, origin, table, asked: BTreeSet::new() })
            }
            other => {
                let hint = format!("there is only one of it: write `[{}]`, with one bracket", self.path());
                self.fault_hiding("expected a section of keys", matches!(other, Value::List(_)).then_some(hint));
                None
            }
        }
    }

    /// The entries of a section whose keys the user chooses.
    pub(super) fn entries(&self) -> Vec<(&'r str, Self)> {
        let Some(section) = self.section() else { return Vec::new() };
        let entry = |(key, node): (&'r String, &'r Node)| {
            (key.as_str(), Self { reader: self.reader, path: self.path.key(key), node })
        };
        section.table.iter().map(entry).collect()
    }

    /// Whether it came as a variable's text, which may mean more than a text.
    pub(super) fn is_from_variable(&self) -> bool {
        matches!(self.node.origin, Origin::Variable(_))
    }

    fn none<T>(&self, expected: String) -> Option<T> {
        self.fault(expected, None);
        None
    }
}

impl Reader<'_> {
    fn push(&self, fault: ConfigFault) {
        self.faults.borrow_mut().push(fault);
    }
}

impl Path {
    fn key(&self, key: &str) -> Self {
        let bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let written = if bare && !key.is_empty() { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) };
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{written}", self.0))
    }

    fn place(&self, place: usize) -> Self {
        Self(format!("{}[{place}]", self.0))
    }
}

/// A size as a configuration would write it.
pub(super) fn size_text(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    whole.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = |name| (strsim::damerau_levenshtein(word, name), name);
    let (distance, name) = names.map(near).min()?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// Names in quotes, as a choice: "`a`, `b` or `c`".
fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let listed = quoted(names, ", ");
    match listed.rsplit_once(", ") {
        Some((first, last)) => format!("{first} or {last}"),
        None => listed,
    }
}

fn quoted(names: impl Iterator<Item = impl Display>, separator: &str) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(separator)
}

/// The end of a range: days are not told as years and months.
fn limit(duration: Duration) -> String {
    match duration.as_secs() {
        secs if secs >= 86_400 && secs.is_multiple_of(86_400) => format!("{}d", secs / 86_400),
        _ => humantime::format_duration(duration).to_string(),
    }
}
