//! Batches of the http handler: several events in one request, in order, and one by one where a batch fails.

use std::future::pending;
use std::time::Duration;

use offhook::deliver::{AnyHandler, Lane, LaneSettings, Step};
use offhook::event::EventId;
use serde_json::Value;
use tokio::time::timeout_at;

use super::cast::{World, event};
use super::target::{Arrived, Target, http};

fn batches(target: &Target, most: usize) -> AnyHandler {
    http(&target.url(), Duration::from_secs(10)).batched(most)
}

/// The ids of each request, in a list of their own.
fn ids(arrived: &[Arrived]) -> Vec<Vec<EventId>> {
    let id = |event: &Value| event["id"].as_str().and_then(EventId::parse).expect("an id");
    let of = |request: &Arrived| match request.json() {
        Value::Array(events) => events.iter().map(id).collect(),
        event => vec![id(&event)],
    };
    arrived.iter().map(of).collect()
}

/// Steps until the lane is idle.
async fn run_dry(lane: &mut Lane) {
    loop {
        match lane.step().await {
            Step::Delivered(_) => {}
            Step::Idle => return,
            Step::Waiting { until } => drop(timeout_at(until, pending::<()>()).await),
        }
    }
}

#[tokio::test]
async fn events_that_wait_arrive_together_in_order() {
    let (world, target) = (World::new(), Target::starts());
    let mut lane = world.lane(LaneSettings::new("billing"), batches(&target, 4));
    let kept = world.keeps_many(9).await;
    run_dry(&mut lane).await;
    let arrived = target.arrived();
    assert_eq!(ids(&arrived), [&kept[..4], &kept[4..8], &kept[8..]]);
    assert_eq!(arrived[0].header("content-type"), "application/cloudevents-batch+json; charset=utf-8");
    assert_eq!(arrived[0].header("idempotency-key"), format!("{}..{}/4", kept[0], kept[3]));
    assert_eq!(arrived[2].header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(arrived[2].header("idempotency-key"), kept[8].to_string());
    assert!(world.tells(r#"offhook_deliveries_total{handler="billing",outcome="done"} 9"#));
}

#[tokio::test]
async fn of_a_batch_that_fails_only_the_event_is_parked_that_fails_by_itself() {
    let (world, target) = (World::new(), Target::starts());
    let mut lane = world.lane(LaneSettings::new("billing"), batches(&target, 3));
    let kept = world.keeps_many(6).await;
    // The batch, its three events, and the next batch.
    target.answers([422, 200, 422, 200, 200]);
    run_dry(&mut lane).await;
    let alone: Vec<Vec<EventId>> = kept[..3].iter().map(|id| vec![*id]).collect();
    let mut expected = vec![kept[..3].to_vec()];
    expected.extend(alone);
    let arrived = ids(&target.arrived());
    assert_eq!(arrived[..4], expected);
    // One that is parked does not count as one by itself, so that another follows alone.
    assert_eq!(arrived[4..].concat(), kept[3..]);
    let parked: Vec<EventId> = world.parked("billing").iter().map(|parked| parked.id).collect();
    assert_eq!(parked, [kept[1]]);
}

#[tokio::test]
async fn a_batch_that_meets_the_targets_trouble_comes_again_as_it_is() {
    let (world, target) = (World::new(), Target::starts());
    let mut lane = world.lane(LaneSettings::new("billing"), batches(&target, 64));
    let kept = world.keeps_many(3).await;
    target.answers([503, 429, 200]);
    run_dry(&mut lane).await;
    let arrived = target.arrived();
    assert_eq!(ids(&arrived), [&kept[..], &kept[..], &kept[..]]);
    let keys: Vec<_> = arrived.iter().map(|request| request.header("idempotency-key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(world.parked("billing").is_empty());
}

#[tokio::test]
async fn a_batch_holds_no_more_than_a_target_may_be_expected_to_take() {
    let (world, target) = (World::new(), Target::starts());
    let mut lane = world.lane(LaneSettings::new("billing"), batches(&target, 64));
    let large = format!(r#"{{"text":"{}"}}"#, "a".repeat(400_000));
    for _ in 0..5 {
        world.journal.append(event("message.p2p", &large), None).await.expect("kept");
    }
    run_dry(&mut lane).await;
    let sizes: Vec<usize> = ids(&target.arrived()).iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
}
