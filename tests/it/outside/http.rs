//! The service: what it is asked, what each of its answers means, and what its faults cost.

use std::time::{Duration, Instant};

use offhook::decide::{BreakerSettings, Http, HttpSettings, Word};
use offhook::metrics::Metrics;
use offhook::receiver::Builder;

use crate::world::{Manner, Plan, Service, World};

const BREAKER: BreakerSettings = BreakerSettings { failures: 3, pause: Duration::from_millis(100) };

fn settings(url: &str) -> HttpSettings {
    HttpSettings { url: url.parse().unwrap(), headers: Vec::new(), breaker: BREAKER }
}

/// Adds a decider that asks `service`, which is never left alone.
fn asking(service: &Service) -> impl Fn(Builder) -> Builder + 'static {
    let patient = BreakerSettings { failures: 0, ..BREAKER };
    let settings = HttpSettings { breaker: patient, ..settings(&service.url()) };
    move |builder| {
        let metrics = Metrics::new(Duration::from_secs(1));
        builder.fallback(Word::Reject).decider(Http::new("ask", settings.clone(), &metrics).unwrap())
    }
}

/// A world that asks `service`, and has so many milliseconds for it.
async fn hasty(service: &Service, milliseconds: u64) -> World {
    let mut plan = Plan::adding(asking(service));
    plan.edge.deadline = Duration::from_millis(milliseconds);
    World::of(plan).await
}

/// Who gave the newest verdict of `count`.
async fn given_by(world: &World, count: u64) -> String {
    world.keeps(count).await.last().unwrap().decision().unwrap().by.to_string()
}

#[tokio::test]
async fn a_service_is_sent_the_event_over_one_kept_connection_and_its_word_is_the_verdict() {
    let service = Service::with(Manner::Says(r#"{"verdict":"reject","code":20042,"ext":"not now"}"#));
    let world = World::of(Plan::adding(asking(&service))).await;
    let rejected = r#"{"errCode":1,"responseCode":20042,"modifyResponse":{},"callbackExt":"not now"}"#;
    world.yunxin().sends("call.start").await.is_verdict(rejected);
    service
        .turns(Manner::Says(r#"{"errCode":0,"responseCode":20000,"modifyResponse":{"body":"***"},"callbackExt":""}"#));
    let changed = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{"body":"***"},"callbackExt":""}"#;
    world.yunxin().sends("message.p2p").await.is_verdict(changed);
    for manner in [Manner::Status(204), Manner::Says(""), Manner::Says(r#"{"verdict":null}"#)] {
        service.turns(manner);
        world.yunxin().sends("call.start").await.is_allowed();
    }
    let by: Vec<_> = world.keeps(5).await.iter().map(|event| event.decision().unwrap().by.to_string()).collect();
    assert_eq!(by, ["ask", "ask", "default", "default", "default"]);

    let asked = service.asked();
    assert!(asked.iter().all(|question| question.from == asked[0].from), "a connection each");
    let head = asked[0].head.to_ascii_lowercase();
    assert!(head.starts_with("post /decide?token=hush http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/cloudevents+json; charset=utf-8\r\n"), "{head}");
    let (event, kept) = (&asked[0].event, &world.kept()[0]);
    assert_eq!(event["id"], kept.id().to_string());
    assert_eq!(event["type"], "offhook.call.start");
    assert_eq!(event["data"], serde_json::from_str::<serde_json::Value>(kept.text()).unwrap());
    assert!(event.get("verdict").is_none(), "nothing was decided yet");
}

#[tokio::test]
async fn headers_of_ones_own_are_sent_and_never_shown() {
    let service = Service::with(Manner::Says(r#"{"verdict":"allow"}"#));
    let headers = vec![("Authorization".to_owned(), "Bearer s3cret".into())];
    let own = HttpSettings { headers, ..settings(&service.url()) };
    let metrics = Metrics::new(Duration::from_secs(1));
    let shown = format!("{own:?} {:?}", Http::new("ask", own.clone(), &metrics).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    let plan = Plan::adding(move |builder| builder.decider(Http::new("ask", own.clone(), &metrics).unwrap()));
    World::of(plan).await.yunxin().sends("call.start").await.is_allowed();
    assert!(service.asked()[0].head.contains("Bearer s3cret\r\n"), "{:?}", service.asked());

    let broken = vec![("Authori zation".to_owned(), "s3cret".into())];
    let fault =
        Http::new("ask", HttpSettings { headers: broken, ..settings(&service.url()) }, &Metrics::new(BREAKER.pause));
    let fault = fault.unwrap_err().to_string();
    assert!(fault.contains("Authori zation") && !fault.contains("s3cret"), "{fault}");
    assert!(Http::new("ask", settings("ftp://decider/"), &Metrics::new(BREAKER.pause)).is_err());
}

#[tokio::test]
async fn whatever_is_no_clear_answer_is_a_failure_and_costs_the_opinion_only() {
    let service = Service::with(Manner::Closes);
    let world = World::of(Plan::adding(asking(&service))).await;
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n{}", " ".repeat(70_000)).into_bytes();
    let endless = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20000\r\n{}", " ".repeat(1 << 17));
    let bad = [
        Manner::Closes,
        Manner::Status(500),
        Manner::Status(503),
        Manner::Status(302),
        Manner::Status(404),
        Manner::Says("allow"),
        Manner::Says("<html>ok</html>"),
        Manner::Says(r#"{"verdict":"perhaps"}"#),
        Manner::Says("{}"),
        Manner::Bytes(b"garbage, and not even HTTP".to_vec()),
        Manner::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"verdict\":\"allow\"".to_vec()),
        Manner::Bytes(long),
        Manner::Bytes(endless.into_bytes()),
    ];
    for (count, manner) in (1..).zip(bad) {
        service.turns(manner.clone());
        world.yunxin().sends("call.start").await.is_rejected_with(20099);
        assert_eq!(given_by(&world, count).await, "fallback:error", "{manner:?}");
    }
}

#[tokio::test]
async fn a_service_that_takes_its_time_is_not_waited_for() {
    let service = Service::with(Manner::Never);
    let world = hasty(&service, 500).await;
    for (count, manner) in (1..).zip([Manner::Never, Manner::Drips, Manner::After(Duration::from_secs(5))]) {
        service.turns(manner.clone());
        let began = Instant::now();
        world.yunxin().sends("call.start").await.is_rejected_with(20099);
        assert!(began.elapsed() < Duration::from_millis(1500), "{manner:?}: {:?}", began.elapsed());
        assert_eq!(given_by(&world, count).await, "fallback:timeout", "{manner:?}");
    }
    service.turns(Manner::After(Duration::from_millis(50)));
    world.yunxin().sends("call.start").await.is_allowed();
}

#[tokio::test]
async fn a_service_that_fails_again_and_again_is_left_alone_until_a_probe_succeeds() {
    let service = Service::with(Manner::Status(500));
    let (metrics, own) = (Metrics::new(BREAKER.pause), settings(&service.url()));
    let counted = std::sync::Arc::clone(&metrics);
    let open = |is_open: bool| {
        let line = format!("offhook_breaker_open{{decider=\"ask\"}} {}\n", u8::from(is_open));
        assert!(counted.render().contains(&line), "{}", counted.render());
    };
    let plan = Plan::adding(move |builder| {
        builder.fallback(Word::Reject).decider(Http::new("ask", own.clone(), &metrics).unwrap())
    });
    let world = World::of(plan).await;
    let ask = || async { world.yunxin().sends("call.start").await };
    open(false);
    for _ in 0..BREAKER.failures {
        ask().await.is_rejected_with(20099);
    }
    open(true);
    ask().await.is_rejected_with(20099);
    assert_eq!(service.asked().len(), 3, "it was not asked while it is left alone");
    service.turns(Manner::Says(r#"{"verdict":"allow"}"#));
    // It is asked again when its time has come, and from then on always.
    while ask().await.text().contains("20099") {
        assert!(service.asked().len() <= 4);
    }
    open(false);
    ask().await.is_allowed();
}

#[tokio::test]
async fn nobody_listening_is_a_failure_at_once() {
    let reserved = crate::world::reserved();
    let url = format!("http://{}/", reserved.local_addr().unwrap());
    let own = settings(&url);
    let plan = Plan::adding(move |builder| {
        builder.decider(Http::new("ask", own.clone(), &Metrics::new(BREAKER.pause)).unwrap())
    });
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert_eq!(given_by(&world, 1).await, "fallback:error");
}
