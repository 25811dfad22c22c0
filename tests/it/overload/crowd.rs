//! Five hundred connections, a flood of strangers beside them, and a service that decides in every manner there is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use offhook::decide::{BreakerSettings, Http, HttpSettings, LinkSettings, Word};
use offhook::metrics::Metrics;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::world::{Manner, Plan, Service, Wire, World, Yunxin, within_reason};

const CONNECTIONS: usize = 500;

/// The platform gives up after two seconds; the receiver's deadline is half a second less. A debug build shares its
/// machine with other tests and builds, and is given more.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 2 });

/// A world whose decider is `service`, asked by 128 at once and never left alone.
async fn asking(service: &Service) -> World {
    let url = service.url().parse().unwrap();
    let breaker = BreakerSettings { failures: 0, pause: Duration::from_secs(1) };
    let settings = HttpSettings { url, headers: Vec::new(), breaker };
    World::of(Plan::adding(move |builder| {
        let http = Http::new("ask", settings.clone(), &Metrics::new(PATIENCE)).unwrap();
        let mut link = LinkSettings::new("ask");
        link.max_concurrent = Some(128);
        builder.fallback(Word::Reject).decider_in(link, http)
    }))
    .await
}

/// Strangers who come two hundred a second, say nothing or too little, and stay as long as they may.
async fn flood(yunxin: Yunxin) {
    let forged = yunxin.signing("nobody", "nothing").asks_with("").bytes();
    let mut pace = interval(Duration::from_millis(5));
    let mut strangers: Vec<Wire> = Vec::new();
    for number in 0.. {
        pace.tick().await;
        let Ok(mut wire) = yunxin.tries_to_connect().await else { continue };
        match number % 3 {
            0 => {}
            1 => _ = wire.tries_to_write(b"POST /receiveMsg.action HTTP/1.1\r\nAppKey: ").await,
            _ => _ = wire.tries_to_write(&forged).await,
        }
        strangers.push(wire);
        if strangers.len() > 1000 {
            strangers.drain(..100);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_service_does_everybody_is_answered_in_time_with_the_right_reason() {
    let service = Service::with(Manner::Never);
    let world = asking(&service).await;
    let flood = tokio::spawn(flood(world.yunxin()));
    let mut wires = Vec::new();
    for _ in 0..CONNECTIONS {
        // Whoever proves itself is no stranger any more, however many of those come.
        let mut wire = world.yunxin().connects().await;
        wire.writes(world.yunxin().asks("probe").bytes()).await;
        wire.answer().await.is_allowed();
        wires.push(wire);
    }
    let manners = [
        (Manner::After(Duration::from_millis(50)), "ask"),
        (Manner::After(Duration::from_secs(5)), "fallback:timeout"),
        (Manner::Never, "fallback:timeout"),
        (Manner::Says("garbage"), "fallback:error"),
        (Manner::Status(500), "fallback:error"),
        (Manner::Closes, "fallback:error"),
        (Manner::Drips, "fallback:timeout"),
        (Manner::After(Duration::from_millis(50)), "ask"),
    ];
    let mut told = 0;
    for (round, (manner, expected)) in (1..).zip(manners) {
        service.turns(manner.clone());
        let mut crowd = JoinSet::new();
        for mut wire in std::mem::take(&mut wires) {
            let question = world.yunxin().asks("call.start").bytes();
            crowd.spawn(async move {
                let began = Instant::now();
                wire.writes(question).await;
                let answer = wire.answer().await;
                (answer, began.elapsed(), wire)
            });
        }
        let mut allowed = 0;
        for (answer, took, wire) in within_reason(crowd.join_all()).await {
            if answer.text().contains("20000") {
                answer.is_allowed();
                allowed += 1;
            } else {
                answer.is_rejected_with(20099);
            }
            assert!(took < PATIENCE, "{manner:?}: an answer took {took:?}");
            wires.push(wire);
        }
        let kept = world.keeps(round * u64::try_from(CONNECTIONS).unwrap()).await;
        let mut by: BTreeMap<String, usize> = BTreeMap::new();
        for event in &kept[told..] {
            *by.entry(event.decision().unwrap().by.to_string()).or_default() += 1;
        }
        told = kept.len();
        // On a machine that is busy with other things, some run out of time or are not begun with; nothing else may happen.
        let strange = |reason: &&String| ![expected, "fallback:timeout", "fallback:overload"].contains(&&***reason);
        assert_eq!(by.keys().find(strange), None, "{manner:?}: {by:?}");
        assert!(by.contains_key(expected), "{manner:?}: {by:?}");
        assert_eq!(allowed, by.get("ask").copied().unwrap_or(0), "{manner:?}: {by:?}");
    }
    flood.abort();
}
