//! The JSON Schema of the configuration file, made from `default.toml`: that file is the documentation, and a test holds
//! it to name every key that is read, so the schema cannot know other ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use toml::Value;

use super::DEFAULT_TOML;

/// The JSON Schema (2020-12) of a configuration file, for editors that read TOML.
///
/// ```
/// let schema = offhook::config::schema();
/// assert!(schema["properties"]["server"].is_object());
/// ```
pub fn schema() -> Json {
    let mut schema = read(DEFAULT_TOML).schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("offhook configuration");
    schema["$defs"] = json!({ "secret": secret() });
    schema
}

/// A secret in any of its forms; `not_after` is for an app's secrets only.
fn secret() -> Json {
    let text = json!({ "type": "string", "minLength": 1 });
    let one_of = |key: &str| json!({ "required": [key] });
    json!({
        "description": "A text, or where it is kept: { env = \"NAME\" } or { file = \"/run/secrets/name\" }.",
        "anyOf": [text, {
            "type": "object",
            "properties": { "value": text, "env": text, "file": text, "not_after": { "type": ["string", "object"] } },
            "additionalProperties": false,
            "oneOf": [one_of("value"), one_of("env"), one_of("file")],
        }],
    })
}

/// A table of keys, as the documentation shows it.
#[derive(Default)]
struct Keys {
    about: String,
    keys: BTreeMap<String, Shown>,
}

/// What the documentation shows under a key.
enum Shown {
    /// A value, with what is said about it; a default where the key is not commented out.
    Value { example: Value, about: String, default: bool },
    /// One table.
    Table(Keys),
    /// Tables under names that the user chooses.
    Named(Box<Keys>),
    /// A list of tables, of one sort or of several.
    List(Vec<Keys>),
}

/// Reads the documentation line by line: comments are about the key or the section below them.
fn read(text: &str) -> Keys {
    let mut top = Keys::default();
    let mut header = "[]".to_owned();
    let mut about = String::new();
    let mut pending = String::new();
    for line in text.lines() {
        let (line, default) = match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => (key, false),
            _ => (line, true),
        };
        if let Some(comment) = line.strip_prefix('#') {
            about.push_str(comment.trim());
            about.push('\n');
        } else if line.trim().is_empty() {
            about.clear();
        } else if line.starts_with('[') && pending.is_empty() {
            line.trim().clone_into(&mut header);
            let section = top.open(&header, true);
            section.about = std::mem::take(&mut about).trim().replace('\n', " ");
        } else {
            pending.push_str(line);
            pending.push('\n');
            // A value may go on over several lines.
            let Ok(table) = pending.parse::<toml::Table>() else { continue };
            pending.clear();
            let about = std::mem::take(&mut about).trim().replace('\n', " ");
            for (key, example) in table {
                let shown = Shown::Value { example, about: about.clone(), default };
                top.open(&header, false).keys.insert(key, shown);
            }
        }
    }
    top
}

impl Keys {
    /// The table that `header` names, e.g. `[server]`, `[[handlers]]` or `[apps.verdict.kinds."call.*"]`; `anew` adds
    /// one to a list.
    fn open(&mut self, header: &str, anew: bool) -> &mut Self {
        let is_list = header.starts_with("[[");
        let path = header.trim_matches(['[', ']']);
        let parts: Vec<(&str, bool)> = path.split('"').enumerate().flat_map(parts_of).collect();
        let mut table = self;
        for (at, (name, _)) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            let holds_named = parts.get(at + 1).is_some_and(|(_, chosen)| *chosen);
            if parts[at].1 {
                continue; // a name that the user chooses: its table was opened with the key before
            }
            let empty = || match (is_list && is_last, holds_named) {
                (true, _) => Shown::List(Vec::new()),
                (_, true) => Shown::Named(Box::default()),
                _ => Shown::Table(Self::default()),
            };
            let shown = table.keys.entry((*name).to_owned()).or_insert_with(empty);
            table = match shown {
                Shown::List(items) => {
                    if items.is_empty() || (is_last && anew) {
                        items.push(Self::default());
                    }
                    let last = items.len() - 1;
                    &mut items[last]
                }
                Shown::Named(keys) => keys,
                Shown::Table(keys) => keys,
                Shown::Value { .. } => unreachable!("{header}: default.toml shows this key as a value too"),
            };
        }
        table
    }

    fn schema(&self) -> Json {
        let properties: Map<String, Json> =
            self.keys.iter().map(|(key, shown)| (key.clone(), schema_of(key, shown))).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !self.about.is_empty() {
            schema["description"] = json!(self.about);
        }
        schema
    }

    /// The value of `type`, by which the tables of a list differ.
    fn sort(&self) -> Option<&str> {
        match self.keys.get("type")? {
            Shown::Value { example, .. } => example.as_str(),
            _ => None,
        }
    }
}

/// The parts of a piece of a header's path: outside of quotes it is split at its dots, inside it is one chosen name.
fn parts_of((at, piece): (usize, &str)) -> Vec<(&str, bool)> {
    if at % 2 == 1 {
        return vec![(piece, true)];
    }
    piece.split('.').filter(|part| !part.is_empty()).map(|part| (part, false)).collect()
}

impl Shown {
    fn schema(&self) -> Json {
        match self {
            Self::Table(keys) => keys.schema(),
            Self::Named(keys) => json!({ "type": "object", "additionalProperties": keys.schema() }),
            Self::List(items) => json!({ "type": "array", "items": items_schema(items) }),
            Self::Value { example, about, default } => {
                let mut schema = value_schema(example);
                if !about.is_empty() {
                    schema["description"] = json!(about);
                }
                if *default {
                    schema["default"] = json!(example);
                }
                schema
            }
        }
    }
}

/// Keys that hold a table whose names the user chooses.
const CHOSEN: [&str; 3] = ["lists", "headers", "env"];

fn schema_of(key: &str, shown: &Shown) -> Json {
    let mut schema = shown.schema();
    let other = match shown {
        Shown::Value { example: Value::Table(_), .. } | Shown::Table(_) if CHOSEN.contains(&key) => None,
        Shown::Value { example, .. } => match other_form(key, example) {
            Some(other) => Some(other),
            None => return schema,
        },
        _ => return schema,
    };
    // What is said of the key is said of all its forms.
    let said = ["description", "default"].map(|word| Some((word, schema.as_object_mut()?.remove(word)?)));
    let mut schema = other.map_or_else(|| json!({ "type": "object" }), |other| json!({ "anyOf": [schema, other] }));
    for (word, what) in said.into_iter().flatten() {
        schema[word] = what;
    }
    schema
}

/// The form in which a value may be written besides the one that is shown.
fn other_form(key: &str, example: &Value) -> Option<Json> {
    match (key, example) {
        // Of a rule: just `true`.
        ("allow" | "reject", Value::Table(_)) => Some(json!({ "type": "boolean" })),
        ("keep", Value::String(_)) => {
            let names = json!({ "type": "array", "items": { "type": "string" } });
            let properties = json!({ "for": { "type": "string" }, "drop": names });
            Some(json!({ "type": "object", "properties": properties, "additionalProperties": false }))
        }
        ("encryption_key", _) => Some(json!({ "type": "array", "items": value_schema(example), "minItems": 1 })),
        _ => None,
    }
}

/// Tables of several sorts are told apart by `type`; tables of one sort are shown more than once to show more of it.
fn items_schema(items: &[Keys]) -> Json {
    let of_sort = |item: &Keys| {
        let mut schema = item.schema();
        if let Some(sort) = item.sort() {
            schema["properties"]["type"]["const"] = json!(sort);
            schema["required"] = json!(["type"]);
        }
        schema
    };
    let mut sorts: Vec<Json> = Vec::new();
    for item in items {
        let schema = of_sort(item);
        let same = |other: &&mut Json| other["properties"]["type"]["const"] == schema["properties"]["type"]["const"];
        match (sorts.iter_mut().find(same), &schema["properties"]) {
            (Some(other), Json::Object(more)) => {
                for (key, value) in more {
                    other["properties"][key] = value.clone();
                }
            }
            _ => sorts.push(schema),
        }
    }
    if sorts.len() == 1 { sorts.swap_remove(0) } else { json!({ "anyOf": sorts }) }
}

fn value_schema(example: &Value) -> Json {
    match example {
        Value::String(text) if text.ends_with("iB") => json!({ "type": ["string", "integer"] }),
        Value::String(_) | Value::Datetime(_) => json!({ "type": "string" }),
        Value::Integer(_) => json!({ "type": "integer" }),
        Value::Float(_) => json!({ "type": "number" }),
        Value::Boolean(_) => json!({ "type": "boolean" }),
        Value::Table(table) if table.contains_key("env") || table.contains_key("file") => {
            json!({ "$ref": "#/$defs/secret" })
        }
        Value::Table(table) => {
            let properties: Map<String, Json> =
                table.iter().map(|(key, value)| (key.clone(), value_schema(value))).collect();
            json!({ "type": "object", "properties": properties })
        }
        Value::Array(items) => match items.first() {
            Some(first) => json!({ "type": "array", "items": value_schema(first) }),
            None => json!({ "type": "array" }),
        },
    }
}
