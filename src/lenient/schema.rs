//! The JSON Schema of typed content: what its sender may write, in every form that is read.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::{Field, Shape, Typed};

/// The schema of the object that a `T` is read from.
pub(crate) fn schema_of<T: Typed>() -> Schema {
    object_of(T::FIELDS)
}

/// The schema of an object with these fields, each optional, and any others.
pub(crate) fn object_of(fields: &[Field]) -> Schema {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json_schema!({ "type": "object", "properties": properties })
}

fn property(field: &Field) -> Value {
    let mut property = accepted(field.shape);
    property["title"] = json!(field.title);
    property
}

/// What is read as this shape. Null and, but for text, an empty text say nothing, and are allowed.
fn accepted(shape: Shape) -> Value {
    let types = |types: &[&str]| json!({ "type": types });
    match shape {
        Shape::Text => types(&["string", "number", "null"]),
        Shape::Integer => json!({ "type": ["integer", "string", "null"], "pattern": r"^\s*(-?[0-9]+)?\s*$" }),
        Shape::Whole => {
            json!({ "type": ["integer", "string", "null"], "minimum": 0, "pattern": r"^\s*[0-9]*\s*$" })
        }
        Shape::Boolean => json!({
            "type": ["boolean", "integer", "string", "null"],
            "minimum": 0,
            "maximum": 1,
            "pattern": r"^\s*([01]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])?\s*$",
        }),
        Shape::Texts => json!({
            "type": ["array", "string", "null"],
            "items": { "type": ["string", "number"] },
        }),
        Shape::Nested => json!({}),
        Shape::Object(fields) => nested(object_of(fields), "object"),
        Shape::Objects(fields) => {
            let list = json_schema!({ "type": "array", "items": object_of(fields) });
            nested(list, "array")
        }
    }
}

/// The same, or text that holds it.
fn nested(inner: Schema, kind: &str) -> Value {
    let mut schema = inner.to_value();
    schema["type"] = json!([kind, "string", "null"]);
    schema
}
