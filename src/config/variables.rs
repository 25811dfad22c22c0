//! The environment as a layer of the configuration: `OFFHOOK__SECTION__KEY`, and one app for a container.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::fault::{ConfigFault, Origin};
use super::tree::{self, Node, Table, Value};

/// What the names of variables that stand for a key begin with.
const PREFIX: &str = "OFFHOOK__";
/// The variable with the key of a container's one app.
const APP_KEY: &str = "OFFHOOK_APP_KEY";
/// The variable with its secret.
const APP_SECRET: &str = "OFFHOOK_APP_SECRET";

/// Lays `variables` over `root`, telling `faults` what does not fit.
pub(super) fn overlay(root: &mut Table, variables: &BTreeMap<String, String>, faults: &mut Vec<ConfigFault>) {
    let mut keys: Vec<(Vec<Step>, &str, &str)> = Vec::new();
    for (name, value) in variables {
        if let Some(key) = name.strip_prefix(PREFIX) {
            keys.push((key.split("__").map(Step::of).collect(), name, value));
        }
    }
    // A list grows by one place after the other, so `__2__` must come before `__10__`.
    keys.sort();
    let mut top = Node { value: Value::Table(std::mem::take(root)), origin: Origin::Default };
    for (steps, name, value) in keys {
        let origin = Origin::Variable(Arc::from(name));
        let placed = node_of(value, &origin).and_then(|node| place(&mut top, &steps, node));
        if let Err(expected) = placed {
            faults.push(ConfigFault { path: path_of(&steps), value: None, expected, hint: hint_for(value), origin });
        }
    }
    if let Value::Table(table) = top.value {
        *root = table;
    }
    add_app(root, variables, faults);
}

/// One part of a variable's name.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Place(usize),
    Key(String),
}

impl Step {
    fn of(part: &str) -> Self {
        part.parse().map_or_else(|_| Self::Key(part.to_lowercase()), Self::Place)
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Place(left), Self::Place(right)) => left.cmp(right),
            (Self::Key(left), Self::Key(right)) => left.cmp(right),
            (Self::Place(_), Self::Key(_)) => Ordering::Less,
            (Self::Key(_), Self::Place(_)) => Ordering::Greater,
        }
    }
}

fn node_of(value: &str, origin: &Origin) -> Result<Node, String> {
    // `[::]:8080` is no TOML either.
    if !value.starts_with(['[', '{']) || value.parse::<SocketAddr>().is_ok() {
        return Ok(Node { value: Value::Text(value.to_owned()), origin: origin.clone() });
    }
    tree::read_value(value, origin)
        .map_err(|error| format!("expected TOML, which its first character promises, but {}", error.message))
}

fn hint_for(value: &str) -> Option<String> {
    let hint = "a secret that begins with `[` or `{` is given as { env = \"NAME\" } or { file = \"PATH\" }";
    value.starts_with(['[', '{']).then(|| hint.to_owned())
}

fn place(at: &mut Node, steps: &[Step], node: Node) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        match (&mut at.value, node.value) {
            (Value::Table(under), Value::Table(over)) => tree::merge(under, over),
            (_, value) => *at = Node { value, origin: node.origin },
        }
        return Ok(());
    };
    let empty = || {
        let value = match rest.first() {
            Some(Step::Place(_)) => Value::List(Vec::new()),
            _ => Value::Table(Table::new()),
        };
        Node { value, origin: node.origin.clone() }
    };
    let next = match (step, &mut at.value) {
        (Step::Place(place), Value::List(items)) if *place <= items.len() => {
            if *place == items.len() {
                items.push(empty());
            }
            &mut items[*place]
        }
        (Step::Place(place), Value::List(items)) => {
            return Err(format!("expected place {} to be set before place {place}", items.len()));
        }
        (Step::Key(key), Value::Table(table)) => table.entry(key.clone()).or_insert_with(empty),
        (Step::Key(key), Value::List(_)) => return Err(format!("expected a place in the list, not `{key}`")),
        (Step::Place(place), Value::Table(_)) => return Err(format!("expected a key, not place {place} of a list")),
        _ => return Err("expected a section, but a value is set there".to_owned()),
    };
    place(next, rest, node)
}

fn path_of(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Place(place) => path.push_str(&format!("[{place}]")),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.push_str(&format!(".{key}")),
        }
    }
    path
}

/// `OFFHOOK_APP_KEY` and `OFFHOOK_APP_SECRET`: one more app, or other secrets for the one of this key.
fn add_app(root: &mut Table, variables: &BTreeMap<String, String>, faults: &mut Vec<ConfigFault>) {
    let (key, secret) = match (variables.get(APP_KEY), variables.get(APP_SECRET)) {
        (Some(key), Some(secret)) => (key, secret),
        (None, None) => return,
        (key, _) => {
            let (given, missing) = if key.is_some() { (APP_KEY, APP_SECRET) } else { (APP_SECRET, APP_KEY) };
            let expected = format!("`{given}` is set, but `{missing}` is not");
            let hint = Some(format!("set `{missing}` too, or neither"));
            faults.push(ConfigFault {
                path: "apps".to_owned(),
                value: None,
                expected,
                hint,
                origin: Origin::Variable(Arc::from(given)),
            });
            return;
        }
    };
    let node = |name: &str, value| Node { value, origin: Origin::Variable(Arc::from(name)) };
    let text = |name: &str, text: &str| node(name, Value::Text(text.to_owned()));
    let secrets = node(APP_SECRET, Value::List(vec![text(APP_SECRET, secret)]));
    let apps = root.entry("apps".to_owned()).or_insert_with(|| node(APP_KEY, Value::List(Vec::new())));
    let Value::List(apps) = &mut apps.value else { return };
    for app in apps.iter_mut() {
        if let Value::Table(app) = &mut app.value
            && matches!(app.get("app_key"), Some(Node { value: Value::Text(its_key), .. }) if its_key == key)
        {
            app.insert("secrets".to_owned(), secrets);
            return;
        }
    }
    let app = Table::from([("app_key".to_owned(), text(APP_KEY, key)), ("secrets".to_owned(), secrets)]);
    apps.push(node(APP_KEY, Value::Table(app)));
}
