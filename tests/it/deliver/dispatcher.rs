//! Several lanes that run by themselves.

use std::time::Duration;

use offhook::deliver::{Dispatcher, LaneSettings, Orders, Outcome, StartError};
use tokio::time::Instant;

use super::cast::{Inbox, World, settings, within_reason};
use super::target::{DeadTarget, Target, posts_to};

#[tokio::test]
async fn a_dead_target_delays_nobody_else_and_gets_everything_when_it_is_back() {
    let (world, inbox, target) = (World::new(), Inbox::new(), DeadTarget::new());
    let dispatcher = world.starts(vec![
        (settings("billing", 1, &[]), posts_to(&target.url())),
        (LaneSettings::new("inbox"), inbox.handler()),
    ]);
    let kept = world.keeps_many(100).await;
    assert_eq!(inbox.until(100).await, kept);

    let target = target.comes_back();
    let arrived = target.until(100).await;
    let ids: Vec<_> = arrived.iter().map(|request| request.id()).collect();
    assert_eq!(ids, kept);
    assert_eq!(world.parked("billing"), []);
    dispatcher.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_500_parks_after_max_attempts_a_400_at_once_and_a_503_never() {
    let (world, target) = (World::new(), Target::starts());
    target.answers([503, 503, 500, 500, 400]);
    let dispatcher = world.starts(vec![(settings("billing", 2, &[]), posts_to(&target.url()))]);
    let kept = world.keeps_many(3).await;
    let parked = world.parks("billing", 2).await;
    let arrived: Vec<_> = target.until(6).await.iter().map(|request| request.id()).collect();
    assert_eq!(arrived, [kept[0], kept[0], kept[0], kept[0], kept[1], kept[2]]);
    let told: Vec<_> = parked.iter().map(|parked| (parked.id, parked.attempts, &*parked.why)).collect();
    let of_500 = (kept[0], 2, "500 Internal Server Error: as the test wants it");
    assert_eq!(told, [of_500, (kept[1], 1, "400 Bad Request: as the test wants it")]);
    dispatcher.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_idle_lane_wakes_for_each_event() {
    let (world, inbox) = (World::new(), Inbox::new());
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    for count in 1..=20 {
        world.keeps("call.start").await;
        inbox.until(count).await;
    }
    dispatcher.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn stopping_finishes_the_delivery_under_way_and_begins_no_other() {
    let (world, inbox) = (World::new(), Inbox::holding());
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let kept = world.keeps_many(3).await;
    inbox.until(1).await;
    let (stop, ()) = tokio::join!(within_reason(dispatcher.stop(Duration::from_secs(20))), async {
        tokio::task::yield_now().await;
        inbox.lets_go();
    });
    let () = stop;
    inbox.lets_go();
    assert_eq!(inbox.attempts(), kept[..1]);

    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), again.handler())]);
    assert_eq!(again.until(2).await, kept[1..]);
    dispatcher.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn stopping_does_not_wait_longer_than_it_may_and_the_event_comes_again() {
    let (world, inbox) = (World::new(), Inbox::holding());
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let kept = world.keeps_many(1).await;
    inbox.until(1).await;
    let begun = Instant::now();
    dispatcher.stop(Duration::from_millis(50)).await;
    assert!(begun.elapsed() < Duration::from_secs(10));

    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), again.handler())]);
    assert_eq!(again.until(1).await, kept);
    dispatcher.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_lane_that_waits_for_its_target_stops_at_once() {
    let world = World::new();
    let inbox = Inbox::prepared([Outcome::pause("for an hour").not_before(Duration::from_secs(3600))]);
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    world.keeps_many(1).await;
    inbox.until(1).await;
    within_reason(dispatcher.stop(Duration::from_secs(600))).await;
}

#[tokio::test]
async fn two_handlers_of_one_name_are_refused() {
    let (world, inbox) = (World::new(), Inbox::new());
    let handlers = vec![(LaneSettings::new("inbox"), inbox.handler()), (LaneSettings::new("inbox"), inbox.handler())];
    let runtime = tokio::runtime::Handle::current();
    let orders = Orders::new(world.journal.clone(), world.clock.clone());
    let refused = Dispatcher::start(&world.journal, handlers, &world.metrics, &world.clock, &orders, &runtime);
    assert!(matches!(refused, Err(StartError::NameTaken(name)) if &*name == "inbox"));
}
