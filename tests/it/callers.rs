//! Who may ask, how much of the places one app may take, and from when a first question's time counts.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::time::Duration;

use offhook::clock::Clock;
use offhook::decide::{Failure, Word};
use offhook::edge::{Callers, PeerAddress};
use offhook::yunxin::App;
use offhook::{Budget, Decider, Event, Verdict};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::world::{APP_KEY, Plan, World, Yunxin};

fn callers(allow_from: &[&str], trusted_proxies: &[&str]) -> Callers {
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Callers { allow_from: networks(allow_from), trusted_proxies: networks(trusted_proxies), ..Callers::default() }
}

async fn taking_from(callers: Callers) -> World {
    World::of(Plan::door(|door| door.callers = callers)).await
}

#[tokio::test]
async fn who_is_not_listed_is_refused_before_all_else_and_health_is_for_everybody() {
    let world = taking_from(callers(&["203.0.113.0/24"], &[])).await;
    let question = world.yunxin().asks("call.start");
    for refused in [question.clone(), question.clone().without("AppKey"), question.clone().on_path("/nowhere")] {
        // Nobody may say of themselves where they come from.
        let claimed = refused.and("X-Forwarded-For", "203.0.113.7");
        let mut wire = world.yunxin().connects().await;
        wire.writes(claimed.head()).await;
        wire.answer().await.is_refused(403, "address_not_allowed");
    }
    assert_eq!(world.metric(r#"offhook_refusals_total{reason="address_not_allowed"}"#), 3.0);
    for path in ["/healthz", "/readyz"] {
        let mut wire = world.yunxin().connects().await;
        wire.writes(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, 200, "{path}");
    }
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn who_is_listed_is_asked_the_usual_things() {
    let world = taking_from(callers(&["127.0.0.0/8"], &[])).await;
    world.yunxin().sends("call.start").await.is_allowed();
    world.yunxin().forges("call.start").await.is_refused(401, "check_sum_mismatch");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_one_behind_it_counts() {
    let world = taking_from(callers(&["203.0.113.0/24"], &["127.0.0.1/32"])).await;
    let from = |chain: &str| world.yunxin().asks("call.start").and("X-Forwarded-For", chain);
    from("203.0.113.7").sent().await.is_allowed();
    from("198.51.100.1, 203.0.113.7").sent().await.is_allowed();
    from("203.0.113.7, 198.51.100.1").sent().await.is_refused(403, "address_not_allowed");
    from("203.0.113.7, unknown").sent().await.is_refused(403, "address_not_allowed");
    world.yunxin().asks("call.start").sent().await.is_refused(403, "address_not_allowed");
    world
        .yunxin()
        .asks("call.start")
        .and("Forwarded", "for=203.0.113.7")
        .sent()
        .await
        .is_refused(403, "address_not_allowed");
    assert_eq!(world.keeps(2).await.len(), 2);
}

#[tokio::test]
async fn in_a_router_of_ones_own_an_address_that_is_not_known_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let settings = offhook::edge::Settings { callers: callers(&["203.0.113.0/24"], &[]), ..Default::default() };
    let receiver = offhook::Receiver::builder().app("key-one", "a-secret").journal(dir.path().join("journal"));
    let receiver = receiver.server(settings).build().await.unwrap();
    let ask = |address: Option<&str>| {
        let mut request = http::Request::post("/yunxin/callback").body(axum::body::Body::empty()).unwrap();
        if let Some(address) = address {
            request.extensions_mut().insert(PeerAddress(address.parse().unwrap()));
        }
        receiver.router().oneshot(request)
    };
    assert_eq!(ask(None).await.unwrap().status(), 403);
    assert_eq!(ask(Some("198.51.100.1:1")).await.unwrap().status(), 403);
    assert_eq!(ask(Some("203.0.113.9:1")).await.unwrap().status(), 400, "it is asked for its headers");
    receiver.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused_and_one_below_it_is_not() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start");
    for (size, status) in [(30_000, 200), (33_000, 431), (40_000, 431), (200_000, 431)] {
        let long = question.clone().and("X-Long", "a".repeat(size));
        let mut wire = world.yunxin().connects().await;
        // It may be cut off before it is through.
        let _ = wire.tries_to_write(&long.bytes()).await;
        assert_eq!(wire.answer().await.status, status, "{size}");
    }
}

#[tokio::test]
async fn a_noisy_app_that_took_all_places_does_not_keep_a_quiet_one_from_being_asked_about() {
    let (go_on, may_go_on) = watch::channel(false);
    let mut plan = Plan::adding(move |builder| {
        let may_go_on = may_go_on.clone();
        builder.fallback(Word::Reject).decide(move |event: Event| {
            let mut may_go_on = may_go_on.clone();
            async move {
                if &**event.app_key() == APP_KEY {
                    may_go_on.wait_for(|may| *may).await.unwrap();
                }
                Verdict::allow()
            }
        })
    });
    plan.edge.max_in_flight = 4;
    plan.edge.deadline = Duration::from_secs(30);
    plan.apps.push(App::new("quiet-app", "its-secret"));
    let world = World::of(plan).await;
    let mut noisy = Vec::new();
    for _ in 0..4 {
        let mut wire = world.yunxin().connects().await;
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        noisy.push(wire);
    }
    while world.metric("offhook_in_flight") < 4.0 {
        tokio::task::yield_now().await;
    }
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    let quiet = Yunxin::new(world.addresses().public, "quiet-app", "its-secret", Clock::system());
    quiet.sends("call.start").await.is_allowed();
    go_on.send(true).unwrap();
    for mut wire in noisy {
        wire.answer().await.is_allowed();
    }
}

/// Says how much of its time a question had used when it was asked.
struct Watch(watch::Sender<Vec<Duration>>);

impl Decider for Watch {
    fn name(&self) -> &str {
        "watch"
    }

    async fn decide(&self, _: &Event, budget: Budget) -> Result<Option<Verdict>, Failure> {
        self.0.send_modify(|spent| spent.push(budget.spent()));
        Ok(None)
    }
}

#[tokio::test]
async fn a_first_question_is_timed_from_its_connection_unless_that_was_opened_in_advance() {
    let spent = watch::Sender::new(Vec::new());
    let noting = spent.clone();
    let mut plan = Plan::adding(move |builder| builder.decider(Watch(noting.clone())));
    plan.edge.deadline = Duration::from_secs(4);
    let world = World::of(plan).await;
    for silence in [300, 2500].map(Duration::from_millis) {
        let mut wire = world.yunxin().connects().await;
        // Only the time is waited for.
        let _ = tokio::time::timeout(silence, std::future::pending::<()>()).await;
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        wire.answer().await.is_allowed();
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        wire.answer().await.is_allowed();
    }
    let spent: Vec<_> = spent.borrow().iter().map(Duration::as_millis).collect();
    assert!(spent[0] >= 290, "{spent:?}");
    assert!(spent[1..].iter().all(|spent| *spent < 290), "{spent:?}");
}

#[tokio::test]
async fn where_the_time_of_requests_went_is_counted() {
    let world = World::of(Plan::adding(|builder| builder.decide(|_: Event| async { Verdict::allow() }))).await;
    let mut wire = world.yunxin().connects().await;
    for _ in 0..3 {
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        wire.answer().await.is_allowed();
    }
    for stage in ["read", "queue", "decide", "keep"] {
        assert_eq!(world.metric(&format!("offhook_stage_seconds_count{{stage=\"{stage}\"}}")), 3.0, "{stage}");
    }
    // The last one is noted a moment after its answer was read.
    while world.metric("offhook_stage_seconds_count{stage=\"write\"}") < 3.0 {
        tokio::task::yield_now().await;
    }
}
