//! `[[deciders]]`: who is asked for a verdict, in which order, and what becomes of their failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::decide::rules::{ListSource, NamedList, RuleSource, Rulebook};
use crate::decide::{ALL, Action, LinkSettings, OnError, Settings};
use crate::verdict::{RejectCode, Verdict};

use super::outside;
use super::outward::patterns;
use super::reader::{Field, Section};
use super::tree::Value;
use super::verdicts::warn_of_clash;

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(60);
const ON_ERROR: [(&str, OnError); 4] =
    [("fallback", OnError::Fallback), ("next", OnError::Next), ("allow", OnError::Allow), ("reject", OnError::Reject)];

/// The keys that only some types have, each with the types.
const ELSEWHERE: [(&str, &str); 11] = [
    ("rules", "deciders of type `rules`"),
    ("lists", "deciders of type `rules`"),
    ("url", "deciders of type `http`"),
    ("headers", "deciders of type `http`"),
    ("breaker_failures", "deciders of type `http`"),
    ("breaker_pause", "deciders of type `http`"),
    ("command", "deciders of type `exec`"),
    ("args", "deciders of type `exec`"),
    ("env", "deciders of type `exec`"),
    ("max_concurrent", "deciders of type `http` or `exec`"),
    ("late", "deciders of type `http` or `exec`"),
];

/// The deciders of `[[deciders]]`; `apps` are the keys that exist, if that is known.
pub(super) fn deciders(fields: Vec<Field<'_>>, apps: &[&str]) -> Vec<Settings> {
    let mut deciders: Vec<Settings> = Vec::new();
    for field in &fields {
        let Some(mut section) = field.section() else { continue };
        let types: Vec<(&str, &str)> = ALL.iter().map(|(name, _)| (*name, *name)).collect();
        let what = "the decider's type, for example `rules`";
        let Some(kind) = section.need("type", what).and_then(|field| field.word(&types)) else { continue };
        let name_field = section.take("name");
        let name = match &name_field {
            Some(field) => field.text("a name"),
            None => Some(kind),
        };
        let mut link = LinkSettings::new(name.unwrap_or(kind));
        link.kinds = section.take("kinds").map(|field| patterns(&field)).unwrap_or_default();
        link.apps = section.take("apps").map(|field| app_keys(&field, apps)).unwrap_or_default();
        link.timeout = section.take("timeout").and_then(|field| field.duration(SHORTEST..=LONGEST));
        link.shadow = section.take("shadow").and_then(|field| field.boolean()).unwrap_or_default();
        link.on_error = section.take("on_error").and_then(|field| field.word(&ON_ERROR)).unwrap_or_default();
        let action = match kind {
            "http" => outside::http(&mut section, &mut link),
            "exec" => outside::exec(&mut section, &mut link),
            _ => rules(&mut section, &link),
        };
        section.finish_knowing(&ELSEWHERE);
        if name.is_some_and(|name| name == "default" || name.contains(':')) {
            let expected = "expected a name that cannot be mistaken in `verdictby`: not `default`, and no `:`";
            name_field.as_ref().unwrap_or(field).fault(expected, None);
        }
        if name.is_some() && deciders.iter().any(|other| other.link.name == link.name) {
            let expected = format!("expected a name of its own, but another decider is called `{}` too", link.name);
            let hint = "give each decider a `name`: verdicts, logs and metrics show it".to_owned();
            name_field.as_ref().unwrap_or(field).fault_hiding(expected, Some(hint));
        }
        deciders.extend(action.map(|action| Settings { link, action }));
    }
    deciders
}

fn app_keys(field: &Field<'_>, known: &[&str]) -> Vec<Arc<str>> {
    let Some(items) = field.list() else { return Vec::new() };
    if items.is_empty() {
        field.fault_hiding("expected at least one App Key", Some("leave `apps` out for every app".to_owned()));
    }
    let key = |item: &Field<'_>| {
        let key = item.text("an App Key")?;
        if !known.is_empty() && !known.contains(&key) {
            item.fault("expected the App Key of one of [[apps]]", None);
        }
        Some(Arc::from(key))
    };
    items.iter().filter_map(key).collect()
}

fn rules(section: &mut Section<'_>, link: &LinkSettings) -> Option<Action> {
    let lists = section.take("lists").map(|field| field.entries()).unwrap_or_default();
    let lists: Vec<Option<NamedList>> = lists.into_iter().map(|(name, field)| list(name, &field)).collect();
    let fields = section.need("rules", "at least one rule: [[deciders.rules]]")?.list()?;
    if fields.is_empty() {
        section.fault("rules", "expected at least one rule: [[deciders.rules]]".to_owned(), None);
    }
    let mut sources: Vec<RuleSource> = Vec::new();
    let mut expressions = Vec::new();
    let mut whole = true;
    for field in &fields {
        let Some((source, expression)) = rule(field) else {
            whole = false;
            continue;
        };
        if sources.iter().any(|other| other.name == source.name) {
            let hint = "verdicts, logs and metrics show it".to_owned();
            field.fault_hiding(
                format!("expected a name of its own, but another rule is called `{}` too", source.name),
                Some(hint),
            );
        }
        sources.push(source);
        expressions.push(expression);
    }
    // A rule that names a list which could not be read would be told off for that too.
    let lists: Vec<NamedList> = lists.into_iter().collect::<Option<_>>()?;
    match Rulebook::load(sources, lists, link.kinds.clone()) {
        Ok(book) => whole.then(|| Action::Rules(Arc::new(book))),
        Err(faults) => {
            for fault in faults {
                if let Some(field) = expressions.get(fault.rule) {
                    let (line, column) = (fault.line, fault.column);
                    field.fault(format!("in its line {line}, column {column}: {}", fault.what), fault.hint);
                }
            }
            None
        }
    }
}

/// A rule, and the field of its expression.
fn rule<'r>(field: &Field<'r>) -> Option<(RuleSource, Field<'r>)> {
    let mut section = field.section()?;
    let name = section.need("name", "the rule's name").and_then(|field| field.text("a name").map(str::to_owned));
    let when = section.need("when", "a CEL expression");
    let expression = when.as_ref().and_then(|when| match &when.node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => {
            when.fault("expected a CEL expression as text, in quotes", None);
            None
        }
    });
    let verdicts = [section.take("allow"), section.take("reject"), section.take("modify")];
    let then = match verdicts {
        [Some(allow), None, None] => answer(&allow, |_| {}).map(|ext| Verdict::Allow { modify: Map::new(), ext }),
        [None, Some(reject), None] => {
            let mut code = Some(RejectCode::CONFIGURED);
            let ext = answer(&reject, |section| {
                if let Some(field) = section.take("code") {
                    code = field.integer(20000..=20099).and_then(RejectCode::new);
                    if let Some(code) = code.filter(|code| code.clashes_with_sdk()) {
                        warn_of_clash(&field, code);
                    }
                }
            });
            ext.and_then(|ext| Some(Verdict::Reject { code: code?, ext }))
        }
        [None, None, Some(modify)] => changes(&modify),
        _ => {
            let hint = "for example reject = { code = 20010, ext = \"too many people\" }".to_owned();
            field.fault_hiding("expected exactly one of `allow`, `reject` and `modify`", Some(hint));
            None
        }
    };
    section.finish();
    Some((RuleSource { name: name?, when: expression?, then: then? }, when?))
}

/// The `ext` of `allow = { … }` or `reject = { … }`; `true` stands for a table without anything.
fn answer(field: &Field<'_>, more: impl FnOnce(&mut Section<'_>)) -> Option<String> {
    if let Value::Boolean(true) = field.node.value {
        return Some(String::new());
    }
    let Value::Table(_) = field.node.value else {
        field.fault("expected `true` or a table such as { ext = \"…\" }", None);
        return None;
    };
    let mut section = field.section()?;
    let ext = section.take("ext").map(|field| plain_text(&field));
    more(&mut section);
    section.finish();
    ext.unwrap_or_else(|| Some(String::new()))
}

/// `modify = { body = "…" }`: an allow that changes the message.
fn changes(field: &Field<'_>) -> Option<Verdict> {
    let mut section = field.section()?;
    let mut modify = Map::new();
    for part in ["body", "attach", "ext"] {
        if let Some(text) = section.take(part) {
            modify.insert(part.to_owned(), Json::String(plain_text(&text)?));
        }
    }
    section.finish();
    if modify.is_empty() {
        field.fault_hiding("expected at least one of `body`, `attach` and `ext`", None);
        return None;
    }
    Some(Verdict::Allow { modify, ext: String::new() })
}

fn plain_text(field: &Field<'_>) -> Option<String> {
    field.plain_text().map(str::to_owned)
}

/// `lists.<name> = { file = "…" }` or a list that is written out.
fn list(name: &str, field: &Field<'_>) -> Option<NamedList> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(is_name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        field.fault_hiding("expected a list's name of letters, digits and `_`", None);
        return None;
    }
    if let Value::List(_) = field.node.value {
        let items = field.list()?;
        let entries: Option<Vec<String>> = items.iter().map(|item| item.text("an entry").map(str::to_owned)).collect();
        return Some(NamedList::written(name, entries?));
    }
    let mut section = field.section()?;
    let file = section.need("file", "the path of a file with an entry a line");
    section.finish();
    let file = file?;
    let path = Path::new(file.text("a path")?);
    let read = std::fs::read_to_string(path).map_err(|error| format!("expected a readable file: {error}"));
    let list =
        read.and_then(|text| NamedList::of_file(name, path.to_owned(), &text).map_err(|error| error.to_string()));
    list.map_err(|expected| file.fault(expected, None)).ok()
}

/// The files that the lists of `deciders` were read from.
pub(super) fn files(deciders: &[Settings]) -> impl Iterator<Item = &std::path::PathBuf> {
    let books = deciders.iter().filter_map(|settings| match &settings.action {
        Action::Rules(book) => Some(book),
        Action::Http(_) | Action::Exec(_) => None,
    });
    books.flat_map(|book| book.files())
}

/// Where a list comes from, as a configuration writes it.
pub(super) fn written_list(list: &NamedList) -> toml::Value {
    match &list.source {
        ListSource::File(path) => {
            let file = toml::Value::String(path.display().to_string());
            toml::Value::Table([("file".to_owned(), file)].into_iter().collect())
        }
        ListSource::Written(entries) => toml::Value::Array(entries.iter().cloned().map(toml::Value::String).collect()),
    }
}
