//! `offhook schema`: what is printed is a JSON Schema, and what offhook writes and reads fits it.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use jsonschema::Validator;
use offhook::cloud_event::CloudEvent;
use offhook::kind::KINDS;
use offhook::yunxin::SAMPLES;
use offhook::{Event, config, payload};
use serde_json::{Value, json};

fn validator(schema: &Value) -> Validator {
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::draft202012::meta::validate(schema).unwrap();
    jsonschema::draft202012::new(schema).unwrap()
}

/// The body's own schema: the definition of its kind.
fn of_kind(schema: &Value, kind: &str) -> Validator {
    let mut schema = schema.clone();
    let fields = schema.as_object_mut().unwrap();
    for key in ["if", "then", "else"] {
        fields.remove(key);
    }
    fields.insert("$ref".to_owned(), json!(format!("#/$defs/{kind}")));
    validator(&schema)
}

#[test]
fn every_golden_sample_fits_the_schema_as_a_body_and_as_an_event() {
    let schema = payload::event_schema();
    let whole = validator(&schema);
    for (kind, body) in SAMPLES {
        let value: Value = serde_json::from_str(body).unwrap();
        assert!(whole.is_valid(&value), "{kind}: {:?}", whole.iter_errors(&value).collect::<Vec<_>>());
        let event: Value = serde_json::from_str(&CloudEvent::of(&Event::from_json(*body).unwrap()).to_json()).unwrap();
        assert!(whole.is_valid(&event), "{kind}: {:?}", whole.iter_errors(&event).collect::<Vec<_>>());
        if KINDS.iter().any(|row| row.name == *kind) {
            assert!(of_kind(&schema, kind).is_valid(&value), "{kind}");
        }
    }
}

#[test]
fn every_kind_is_a_definition_with_its_titles_and_its_fields() {
    let schema = payload::event_schema();
    for row in KINDS {
        let kind = &schema["$defs"][row.name];
        assert_eq!(kind["title"], format!("{} · {}", row.title, row.title_zh));
        let content = kind["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap();
        for field in row.fields() {
            let property = &schema["$defs"][content]["properties"][field.name];
            assert_eq!(property["title"], field.title, "{}: {}", row.name, field.name);
        }
    }
}

#[test]
fn a_field_that_cannot_be_what_it_is_documented_to_be_does_not_fit_and_every_form_that_is_read_does() {
    let whole = validator(&payload::event_schema());
    let with = |name: &str, value: Value| json!({ "eventType": 20, name: value });
    let event = |data: Value| {
        let mut event: Value =
            serde_json::from_str(&CloudEvent::of(&Event::from_json("{}").unwrap()).to_json()).unwrap();
        event["type"] = json!("offhook.call.start");
        event["data"] = data;
        event
    };
    let read = [
        with("callType", json!("2")),
        with("callType", json!(" ")),
        with("callType", json!(null)),
        with("timestamp", json!(1)),
        with("fromClientType", json!(65)),
        with("forceKeepCalling", json!(1)),
        with("forceKeepCalling", json!("TRUE")),
        with("toAccountList", json!("[\"an\"]")),
        with("toAccountList", json!(["an", 5])),
        with("nobodyDocumentedThis", json!({ "x": 1 })),
    ];
    let refused = [
        with("callType", json!("two")),
        with("callType", json!([])),
        with("forceKeepCalling", json!(2)),
        with("forceKeepCalling", json!("yes")),
        with("toAccountList", json!([["an"]])),
        with("toAccountList", json!({})),
        with("fromAccount", json!({})),
    ];
    for body in read {
        assert!(whole.is_valid(&body) && whole.is_valid(&event(body.clone())), "{body}");
    }
    for body in refused {
        assert!(!whole.is_valid(&body) && !whole.is_valid(&event(body.clone())), "{body}");
    }
    let mut headless = event(json!({}));
    headless.as_object_mut().unwrap().remove("id");
    assert!(!whole.is_valid(&headless), "an event without an id");
}

fn toml(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

#[test]
fn the_example_setups_and_the_defaults_fit_the_schema_of_the_configuration() {
    let validator = validator(&config::schema());
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Beside the setups lie the lists that they name.
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let setup = toml(&std::fs::read_to_string(&path).unwrap());
        let errors: Vec<_> = validator.iter_errors(&setup).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 4);
    // Every optional key, too.
    let everything: Vec<_> = config::DEFAULT_TOML
        .lines()
        .map(|line| line.strip_prefix('#').filter(|key| !key.starts_with([' ', '#'])).unwrap_or(line))
        .collect();
    let everything = toml(&everything.join("\n"));
    let errors: Vec<_> = validator.iter_errors(&everything).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn other_forms_of_a_value_fit_too() {
    let validator = validator(&config::schema());
    for text in [
        "[journal]\nkeep = { for = \"7d\", drop = [\"fromClientIp\", \"message.*:attach\"] }",
        "[journal]\nkeep = { drop = [\"fromClientIp\"] }",
        "[journal]\nencryption_key = [{ env = \"NEW\" }, { file = \"/run/secrets/old\" }]",
        "[[deciders]]\ntype = \"rules\"\n[[deciders.rules]]\nname = \"all\"\nallow = true",
    ] {
        let errors: Vec<_> = validator.iter_errors(&toml(text)).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{text}");
    }
}

#[test]
fn a_configuration_with_a_fault_does_not_fit() {
    let validator = validator(&config::schema());
    let faulty = [
        "[server]\nlisten_on = \"0.0.0.0:8080\"",
        "[server]\nmax_in_flight = \"many\"",
        "[servers]\nlisten = \"0.0.0.0:8080\"",
        "[[apps]]\napp_key = 5\nsecrets = [\"s\"]",
        "[[apps]]\napp_key = \"k\"\nsecrets = [{ environment = \"S\" }]",
        "[verdict.kinds.\"call.*\"]\nfallback_code = 3",
        "[[handlers]]\nname = \"no type\"",
        "[journal]\nkeep = { For = \"7d\" }",
        "[journal]\nkeep = 7",
        "[[handlers]]\ntype = \"http\"\ndata = true",
    ];
    for text in faulty {
        assert!(!validator.is_valid(&toml(text)), "{text}");
    }
}

#[test]
fn the_configurations_documentation_is_in_the_schema() {
    let schema = config::schema();
    let deadline = &schema["properties"]["server"]["properties"]["deadline"];
    assert_eq!(deadline["default"], "1500ms");
    assert!(deadline["description"].as_str().unwrap().contains("first byte"), "{deadline}");
    let kinds = &schema["properties"]["verdict"]["properties"]["kinds"]["additionalProperties"];
    assert!(kinds["properties"]["fallback"].is_object(), "{kinds}");
}
