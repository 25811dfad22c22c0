//! The JSON Schema of events: one document, a definition for each kind.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::*;
use crate::cloud_event::CloudEvent;
use crate::kind::{KINDS, Wire};

macro_rules! content_schema {
    ($($section:ident { $($name:literal $variant:ident($content:ident) $columns:tt;)* })*) => {
        /// A reference to the definition of the struct of this kind's content.
        fn content_schema(id: Id, generator: &mut SchemaGenerator) -> Value {
            match id {
                $($(Id::$variant => generator.subschema_for::<$content>(),)*)*
            }
            .to_value()
        }
    };
}
every_kind!(content_schema);

/// The JSON Schema (2020-12) of an event: as offhook hands it on, or, where there is no `specversion`, the body as its
/// sender wrote it. Each kind has a definition of its own.
///
/// ```
/// let schema = offhook::payload::event_schema();
/// assert!(schema.to_string().contains("offhook.call.start"));
/// ```
pub fn event_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut of_type = Vec::new();
    let mut of_event_type = Vec::new();
    let mut kinds = Map::new();
    for row in KINDS {
        let mut kind = content_schema(row.id, &mut generator);
        kind["title"] = json!(format!("{} · {}", row.title, row.title_zh));
        kinds.insert(row.name.to_owned(), kind);
        let kind = json!({ "$ref": format!("#/$defs/{}", row.name) });
        of_type.push(json!({
            "if": { "properties": { "type": { "const": format!("offhook.{}", row.name) } } },
            "then": { "properties": { "data": kind } },
        }));
        if let Some(told) = told_by(row.wire) {
            of_event_type.push(json!({ "if": told, "then": kind }));
        }
    }
    of_type.push(json!({
        "if": { "properties": { "type": { "pattern": r"^offhook\.neroom\." } } },
        "then": { "properties": { "data": generator.subschema_for::<NeRoom>().to_value() } },
    }));
    let mut cloud_event = generator.subschema_for::<CloudEvent<'_>>().to_value();
    cloud_event["allOf"] = Value::Array(of_type);
    let mut definitions = generator.take_definitions(true);
    definitions.append(&mut kinds);
    definitions.insert(
        "body".to_owned(),
        json!({ "title": "The body as its sender wrote it", "type": "object", "allOf": of_event_type }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "offhook event",
        "description": "An event as offhook hands it on (CloudEvents 1.0), or the body as its sender wrote it.",
        "if": { "required": ["specversion"] },
        "then": cloud_event,
        "else": { "$ref": "#/$defs/body" },
        "$defs": definitions,
    })
}

/// What a body of this kind looks like; `None` where something else than the body tells it.
fn told_by(wire: Wire) -> Option<Value> {
    let with_data = json!({ "required": ["data"], "properties": { "data": { "type": "object" } } });
    let of = |event_type: Value| json!({ "required": ["eventType"], "properties": { "eventType": { "const": event_type } } });
    match wire {
        Wire::Number(number) => Some(json!({ "allOf": [of(json!(number)), { "not": with_data }] })),
        Wire::Text(number) => Some(of(json!(number.to_string()))),
        Wire::Rtc(number) => Some(json!({ "allOf": [of(json!(number)), with_data] })),
        Wire::None => None,
    }
}
