//! The table of kinds: each documented kind has its struct, its sample, its titles, and they agree with one another.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::collections::BTreeSet;

use offhook::kind::{KINDS, KindRow, Wire};
use offhook::lenient::{Field, Shape, Typed};
use offhook::yunxin::{self, sample};
use offhook::{Event, Payload};
use serde_json::{Map, Value};

/// Kinds whose content is typed.
fn typed_rows() -> impl Iterator<Item = &'static KindRow> {
    KINDS.iter().filter(|row| row.wire != Wire::None)
}

/// What the struct of an event's kind read, as an object.
fn reading(event: &Event) -> Map<String, Value> {
    match serde_json::to_value(event.payload()).unwrap() {
        Value::Object(object) => object,
        other => panic!("{}: {other}", event.kind()),
    }
}

#[test]
fn every_kind_has_names_titles_and_an_actor_that_is_a_field() {
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let names: BTreeSet<_> = KINDS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), KINDS.len(), "a name stands twice");
    for row in KINDS {
        assert!(!row.title.is_empty() && row.title.is_ascii() && chinese(row.title_zh), "{row:?}");
    }
    for row in typed_rows() {
        let outer = row.actor.split('.').next().unwrap();
        let is_field = row.fields().iter().any(|field| field.name == outer);
        assert!(row.actor.is_empty() || is_field, "{}: no field {}", row.name, row.actor);
    }
}

#[test]
fn every_sample_is_of_its_kind_and_holds_no_field_that_is_not_documented() {
    for row in typed_rows() {
        let body = sample(row.name).unwrap();
        let event = Event::from_json(body).unwrap();
        assert_eq!(event.kind().row(), Some(row));
        let sent: Map<String, Value> = serde_json::from_str(body).unwrap();
        for name in sent.keys().filter(|name| *name != "eventType") {
            assert!(row.fields().iter().any(|field| field.name == name), "{}: {name}", row.name);
        }
        let actor = row.actor.split('.').try_fold(&Value::Object(sent.clone()), |value, name| value.get(name)).cloned();
        assert_eq!(event.subject(), actor.as_ref().and_then(Value::as_str), "{}", row.name);
    }
    let others = yunxin::SAMPLES.iter().filter(|(name, _)| !KINDS.iter().any(|row| row.name == *name));
    for (name, body) in others {
        assert_eq!(Event::from_json(*body).unwrap().kind().name(), *name);
    }
}

#[test]
fn every_documented_field_is_in_a_sample_and_is_read_in_its_documented_form() {
    for row in typed_rows() {
        let read = reading(&Event::from_json(sample(row.name).unwrap()).unwrap());
        for field in row.fields() {
            let Some(value) = read.get(field.name) else {
                // Of kinds that share a struct, some have fields that others have not.
                let shares = |other: &&KindRow| std::ptr::eq(other.fields(), row.fields());
                let said = |other: &KindRow| sample(other.name).unwrap().contains(&format!("\"{}\":", field.name));
                assert!(typed_rows().filter(shares).any(said), "{}: no {} in a sample", row.name, field.name);
                continue;
            };
            is_documented(row.name, field, value);
        }
    }
}

/// `value` has the documented form of `field`, and an object's fields are all there.
fn is_documented(kind: &str, field: &Field, value: &Value) {
    let all_there = |fields: &[Field], value: &Value| {
        for field in fields {
            let value = value.get(field.name).unwrap_or_else(|| panic!("{kind}: no {} in a sample", field.name));
            is_documented(kind, field, value);
        }
    };
    let fits = match field.shape {
        Shape::Text | Shape::Nested => value.is_string(),
        Shape::Integer => value.is_i64(),
        Shape::Whole => value.is_u64(),
        Shape::Boolean => value.is_boolean(),
        Shape::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Shape::Object(fields) => {
            all_there(fields, value);
            value.is_object()
        }
        Shape::Objects(fields) => {
            value.as_array().unwrap().iter().for_each(|value| all_there(fields, value));
            value.is_array()
        }
        other => panic!("{other:?} is new here"),
    };
    assert!(fits, "{kind}: {} is {value}, not {}", field.name, field.shape.word());
    assert!(field.title.ends_with('.') && field.title.len() >= 8, "{}: {:?}", field.name, field.title);
}

#[test]
fn a_reading_is_more_than_the_text_that_was_sent() {
    let event = Event::from_json(sample("team.invite").unwrap()).unwrap();
    let read = reading(&event);
    assert_eq!(read["inviteList"], serde_json::json!(["zhao.qing", "wang.min"]), "sent as text");
    assert_eq!(read["timestamp"], 1_767_226_320_000_i64, "sent as text");
    assert_eq!(read["tid"], 4_100_023_871_u64);
    assert!(matches!(event.payload(), Payload::TeamInvite(invite) if invite.tid == Some(4_100_023_871)));
}

#[test]
fn a_struct_is_given_for_its_own_kinds_and_no_others() {
    for row in typed_rows() {
        let event = Event::from_json(sample(row.name).unwrap()).unwrap();
        assert_eq!(event.typed::<yunxin::Message>().is_some(), yunxin::Message::KINDS.contains(&row.name));
        assert_eq!(event.typed::<yunxin::TeamAction>().is_some(), yunxin::TeamAction::KINDS.contains(&row.name));
    }
    let unknown = Event::from_json(r#"{"eventType":4711,"fromAccount":"mei","new":1.50}"#).unwrap();
    let Payload::Unknown(content) = unknown.payload() else { panic!("{:?}", unknown.payload()) };
    assert_eq!(content.other["new"].get(), "1.50");
}
