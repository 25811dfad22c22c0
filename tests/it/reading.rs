//! What comes in comes out: every kind, sent, kept, exported and read again, value for value.

use offhook::kind::{KINDS, Wire};
use offhook::lenient::Shape;
use offhook::yunxin::sample;
use serde_json::Value;

use crate::world::{World, exported, offhook};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_is_exported_value_for_value_and_its_fields_are_shown_as_they_were_read() {
    let world = World::start().await;
    let rows: Vec<_> = KINDS.iter().filter(|row| matches!(row.wire, Wire::Number(_))).collect();
    for row in &rows {
        world.yunxin().sends_body(sample(row.name).unwrap()).await;
    }
    world.keeps(rows.len().try_into().unwrap()).await;
    let journal = world.journal();
    let exported = exported(&journal);
    assert_eq!(exported.len(), rows.len());
    for (row, event) in rows.iter().zip(&exported) {
        assert_eq!(event["type"], format!("offhook.{}", row.name));
        let mut sent: Value = serde_json::from_str(sample(row.name).unwrap()).unwrap();
        if row.name.starts_with("login.") {
            sent.as_object_mut().unwrap().remove("token").expect("the sample has the token, which is never kept");
        }
        assert_eq!(event["data"], sent, "{}", row.name);
        assert_eq!(event["subject"], sent[row.actor], "{}", row.name);
        let id = event["id"].as_str().unwrap();
        let shown = offhook(&["events", "show", id, "--typed", "--json", "--journal", journal.to_str().unwrap()]);
        let shown: Value = serde_json::from_str(&shown.ends_with(0)).unwrap();
        assert_eq!(shown["data"], sent, "{}", row.name);
        // By the field table, not by the struct: a text of a number is a number here, and a text of a list is a list.
        for field in row.fields().iter().filter(|field| sent.get(field.name).is_some()) {
            let (sent, read) = (&sent[field.name], &shown["typed"][field.name]);
            let text = sent.as_str().map_or_else(|| sent.to_string(), ToOwned::to_owned);
            let expected = match field.shape {
                Shape::Text | Shape::Nested => Value::String(text),
                Shape::Boolean => Value::Bool(text == "1" || text == "true"),
                _ => serde_json::from_str(&text).unwrap(),
            };
            assert_eq!(read, &expected, "{}: {}", row.name, field.name);
        }
    }
}
