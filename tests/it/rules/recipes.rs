//! The recipes in `config/` do what they say.

use offhook::Event;
use offhook::event::EventParts;
use offhook::kind::{Family, Kind};

use super::Bench;
use crate::world::{APP_KEY, Manner, Service};

/// A recipe as it stands in `config/`, without its app.
fn recipe(name: &str) -> Bench {
    Bench::of(&text_of(name))
}

fn text_of(name: &str) -> String {
    let path = format!("{}/config/recipe-{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once("[[apps]]").unwrap();
    let (_, after) = rest.split_once("[[deciders]]").unwrap();
    format!("{before}[[deciders]]{after}")
}

/// A call at `time`.
fn call(time: &str, fields: &str) -> Event {
    let (kind, body) = (Kind::named(Family::YunxinCallback, "call.start"), format!(r#"{{"eventType":20,{fields}}}"#));
    Event::new(EventParts::new(kind, APP_KEY, time.parse().unwrap(), body))
}

const NOON: &str = "2026-03-02T12:00:00+08:00";

async fn by(bench: &Bench, time: &str, fields: &str) -> String {
    bench.on(&call(time, fields)).await.by.into_owned()
}

#[tokio::test]
async fn the_block_list_stops_callers_and_callees() {
    let bench = recipe("block-list");
    assert_eq!(by(&bench, NOON, r#""fromAccount":"spam.wu","toAccountList":["an"]"#).await, "rule:blocked-caller");
    assert_eq!(
        by(&bench, NOON, r#""fromAccount":"an","toAccountList":["bo","spam.lin"]"#).await,
        "rule:blocked-callee"
    );
    assert_eq!(by(&bench, NOON, r#""fromAccount":"an","toAccountList":["bo"]"#).await, "default");
}

#[tokio::test]
async fn business_hours_are_those_of_the_place() {
    let bench = recipe("business-hours");
    let rows = [
        ("2026-03-02T08:59:59+08:00", "an", "rule:after-hours"),
        ("2026-03-02T09:00:00+08:00", "an", "default"),
        ("2026-03-02T09:59:00Z", "an", "default"),
        ("2026-03-02T10:00:00Z", "an", "rule:after-hours"),
        ("2026-03-02T10:00:00Z", "chen.bo", "rule:staff"),
        ("2026-03-01T12:00:00+08:00", "an", "rule:weekend"),
        ("2026-03-06T18:00:00Z", "an", "rule:weekend"),
    ];
    for (time, who, expected) in rows {
        assert_eq!(by(&bench, time, &format!(r#""fromAccount":"{who}""#)).await, expected, "{time}");
    }
}

#[tokio::test]
async fn too_many_callees_and_minors_are_stopped() {
    let bench = recipe("callee-limit");
    let callees = |count: usize| format!(r#""toAccountList":[{}]"#, vec!["\"a\""; count].join(","));
    let minor = r#""notifyAttach":"{\"group\":\"minor\"}""#;
    let rows = [
        (NOON, callees(8), "default"),
        (NOON, callees(9), "rule:too-many-callees"),
        (NOON, format!("{minor},\"callType\":\"1\",{}", callees(1)), "default"),
        (NOON, format!("{minor},\"callType\":\"1\",{}", callees(2)), "rule:minors"),
        (NOON, format!("{minor},\"callType\":\"2\",{}", callees(1)), "rule:minors"),
        ("2026-03-02T22:00:00+08:00", format!("{minor},\"callType\":\"1\",{}", callees(1)), "rule:minors"),
        ("2026-03-02T22:00:00+08:00", format!("\"callType\":\"2\",{}", callees(1)), "default"),
    ];
    for (time, fields, expected) in rows {
        assert_eq!(by(&bench, time, &fields).await, expected, "{time} {fields}");
    }
}

#[tokio::test]
async fn a_caller_has_a_rate() {
    let bench = recipe("caller-rate");
    for number in 1..=70 {
        let expected = if number > 5 { "rule:too-fast" } else { "default" };
        assert_eq!(by(&bench, NOON, r#""fromAccount":"an""#).await, expected);
    }
    assert_eq!(by(&bench, "2026-03-02T12:30:00+08:00", r#""fromAccount":"an""#).await, "rule:too-often");
    assert_eq!(by(&bench, NOON, r#""fromAccount":"bo""#).await, "default");
}

#[tokio::test]
async fn a_service_decides_and_where_it_does_not_each_kind_has_its_way() {
    let service = Service::with(Manner::Says(r#"{"verdict":"reject","code":20050,"ext":"not you"}"#));
    let url: url::Url = service.url().parse().unwrap();
    let place = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let bench = Bench::of(&text_of("ask-my-service").replace("127.0.0.1:9000", &place));
    let (call, room) = (call(NOON, r#""fromAccount":"an""#), Event::from_json(r#"{"eventType":21}"#).unwrap());
    for event in [&call, &room] {
        let decision = bench.on(event).await;
        assert_eq!((&*decision.by, decision.verdict.code()), ("ask-my-service", 20050));
    }
    service.turns(Manner::Status(500));
    let [call, room] = [bench.on(&call).await, bench.on(&room).await];
    assert_eq!((&*call.by, call.verdict.code()), ("fallback:error", 20000));
    assert_eq!((&*room.by, room.verdict.code()), ("fallback:error", 20051));
}

#[tokio::test]
async fn logins_need_a_yes_of_the_service() {
    let service = Service::with(Manner::Says(r#"{"verdict":"allow"}"#));
    let url: url::Url = service.url().parse().unwrap();
    let place = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let bench = Bench::of(&text_of("logins").replace("127.0.0.1:9000", &place));
    let login = Event::from_json(r#"{"eventType":36,"fromAccount":"an","authType":2}"#).unwrap();
    let decision = bench.on(&login).await;
    assert_eq!((&*decision.by, decision.verdict.code()), ("logins", 20000));
    for manner in [Manner::Status(500), Manner::Says(r#"{"verdict":null}"#)] {
        service.turns(manner.clone());
        assert!(!bench.on(&login).await.verdict.allows(), "{manner:?}");
    }
}
