//! One lane, step by step, on paused time.

use std::time::Duration;

use offhook::deliver::{Lane, LaneSettings, Outcome, Step};
use offhook::journal::Position;
use tokio::time::{Instant, advance};

use super::cast::{Inbox, World, settings};

/// Steps until the lane is idle, and says how long it waited each time.
async fn run_dry(lane: &mut Lane) -> Vec<Duration> {
    let mut waits = Vec::new();
    loop {
        match lane.step().await {
            Step::Delivered(_) => {}
            Step::Idle => return waits,
            Step::Waiting { until } => {
                let wait = until.saturating_duration_since(Instant::now());
                assert_eq!(lane.step().await, Step::Waiting { until }, "too early");
                waits.push(wait);
                advance(wait).await;
            }
        }
    }
}

fn seconds(waits: &[Duration]) -> Vec<f64> {
    waits.iter().map(Duration::as_secs_f64).collect()
}

#[tokio::test(start_paused = true)]
async fn events_arrive_in_the_order_in_which_they_were_kept() {
    let (world, inbox) = (World::new(), Inbox::new());
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(150).await;
    assert_eq!(run_dry(&mut lane).await, Vec::<Duration>::new());
    assert_eq!(inbox.attempts(), kept);
    assert_eq!(lane.position(), Position(150));
    assert!(world.tells(r#"offhook_deliveries_total{handler="inbox",outcome="done"} 150"#));
}

#[tokio::test(start_paused = true)]
async fn a_new_handler_starts_at_the_present_end() {
    let (world, inbox) = (World::new(), Inbox::new());
    world.keeps_many(3).await;
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(2).await;
    run_dry(&mut lane).await;
    assert_eq!(inbox.attempts(), kept);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_lane_goes_on_where_it_was_left() {
    let world = World::new();
    let inbox = Inbox::prepared([Outcome::Done, Outcome::Done, Outcome::pause("not now")]);
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(5).await;
    while !matches!(lane.step().await, Step::Waiting { .. }) {}
    assert_eq!(inbox.attempts(), kept[..3]);
    drop(lane);

    let world = world.restarts().await;
    let again = Inbox::new();
    let mut lane = world.lane(LaneSettings::new("inbox"), again.handler());
    run_dry(&mut lane).await;
    assert_eq!(again.attempts(), kept[2..], "what was not done comes again, what was done does not");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_too_often_is_parked_and_the_lane_goes_on() {
    let world = World::new();
    let inbox = Inbox::prepared([1, 2, 3].map(|number| Outcome::retry(format!("500 for the {number}. time"))));
    let mut lane = world.lane(settings("inbox", 3, &[]), inbox.handler());
    let kept = world.keeps_many(2).await;
    assert_eq!(seconds(&run_dry(&mut lane).await), [0.5, 1.0]);
    assert_eq!(inbox.attempts(), [kept[0], kept[0], kept[0], kept[1]]);

    let parked = world.parked("inbox");
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].id, parked[0].position, parked[0].attempts), (kept[0], Position(1), 3));
    assert_eq!((&*parked[0].kind, &*parked[0].why), ("call.start", "500 for the 3. time"));
    assert!(world.tells(r#"offhook_deliveries_total{handler="inbox",outcome="parked"} 1"#));
    assert!(world.tells(r#"offhook_deliveries_total{handler="inbox",outcome="retry"} 2"#));
    assert!(world.tells(r#"offhook_parked{handler="inbox"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_targets_trouble_never_parks_however_long_it_takes() {
    let world = World::new();
    let inbox = Inbox::prepared((0..100).map(|_| Outcome::pause("nobody there")));
    let mut lane = world.lane(settings("inbox", 2, &[]), inbox.handler());
    let kept = world.keeps_many(2).await;
    let waits = seconds(&run_dry(&mut lane).await);
    assert_eq!(waits[..8], [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]);
    assert_eq!((waits.len(), waits[99]), (100, 60.0));
    assert_eq!(inbox.attempts()[..=100], [kept[0]; 101]);
    assert_eq!(inbox.attempts()[101..], [kept[1]]);
    assert_eq!(world.parked("inbox"), []);
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_two_failures_does_not_count_as_an_attempt() {
    let world = World::new();
    let outcomes = [Outcome::retry("500"), Outcome::pause("503"), Outcome::pause("503"), Outcome::Done];
    let inbox = Inbox::prepared(outcomes);
    let mut lane = world.lane(settings("inbox", 2, &[]), inbox.handler());
    world.keeps_many(1).await;
    assert_eq!(seconds(&run_dry(&mut lane).await), [0.5, 1.0, 2.0]);
    assert_eq!(world.parked("inbox"), []);
}

#[tokio::test(start_paused = true)]
async fn giving_up_parks_at_once_with_a_short_reason() {
    let world = World::new();
    let inbox = Inbox::prepared([Outcome::give_up("400 Bad Request:\n".to_owned() + &"x".repeat(5000))]);
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(2).await;
    assert_eq!(run_dry(&mut lane).await, Vec::<Duration>::new());
    assert_eq!(inbox.attempts(), kept);
    let parked = world.parked("inbox");
    assert_eq!((parked.len(), parked[0].id, parked[0].attempts), (1, kept[0], 1));
    assert_eq!(parked[0].why.chars().count(), 200);
    assert!(!parked[0].why.contains('\n'));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_says_when_is_asked_then() {
    let world = World::new();
    let soon = Outcome::retry("425").not_before(Duration::from_secs(7));
    let later = Outcome::pause("503").not_before(Duration::from_secs(300));
    let never = Outcome::pause("503").not_before(Duration::from_secs(u64::MAX));
    let inbox = Inbox::prepared([soon, later, never]);
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    world.keeps_many(1).await;
    assert_eq!(seconds(&run_dry(&mut lane).await), [7.0, 300.0, 3600.0]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_tried_again_and_its_lane_lives() {
    let (world, inbox) = (World::new(), Inbox::panicking(3));
    let mut lane = world.lane(settings("inbox", 2, &[]), inbox.handler());
    let kept = world.keeps_many(3).await;
    run_dry(&mut lane).await;
    assert_eq!(inbox.attempts(), [kept[0], kept[0], kept[1], kept[1], kept[2]]);
    let parked = world.parked("inbox");
    assert_eq!((parked.len(), parked[0].id, &*parked[0].why), (1, kept[0], "panicked"));
}

#[tokio::test(start_paused = true)]
async fn only_the_kinds_asked_for_arrive_and_the_position_passes_the_others() {
    let (world, inbox) = (World::new(), Inbox::new());
    let mut lane = world.lane(settings("inbox", 12, &["call.*", "room.create"]), inbox.handler());
    let call = world.keeps("call.start").await;
    world.keeps("message.p2p").await;
    let room = world.keeps("room.create").await;
    for _ in 0..200 {
        world.keeps("unknown.4711").await;
    }
    run_dry(&mut lane).await;
    assert_eq!(inbox.attempts(), [call, room]);
    assert_eq!(lane.position(), Position(203));
}

#[tokio::test(start_paused = true)]
async fn a_lane_does_not_go_past_an_event_that_could_not_be_parked() {
    let world = World::new();
    let inbox = Inbox::prepared([Outcome::give_up("400")]);
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(2).await;
    let database = rusqlite::Connection::open(world.dir.path().join("data/lanes.db")).expect("a database");
    database.execute_batch("ALTER TABLE parked RENAME TO gone").expect("renamed");
    for _ in 0..3 {
        let step = lane.step().await;
        let Step::Waiting { until } = step else { panic!("{step:?}") };
        advance(until.saturating_duration_since(Instant::now())).await;
    }
    assert_eq!((lane.position(), inbox.attempts()), (Position(0), vec![kept[0]]), "nothing else is tried");

    database.execute_batch("ALTER TABLE gone RENAME TO parked").expect("renamed");
    run_dry(&mut lane).await;
    assert_eq!(world.parked("inbox").iter().map(|parked| parked.id).collect::<Vec<_>>(), kept[..1]);
    assert_eq!(inbox.attempts(), kept);
    assert!(world.tells(r#"offhook_deliveries_total{handler="inbox",outcome="parked"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_cannot_read_the_journal_waits_and_loses_nothing() {
    let (world, inbox) = (World::new(), Inbox::new());
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(2).await;
    let (data, away) = (world.dir.path().join("data"), world.dir.path().join("away"));
    std::fs::rename(&data, &away).expect("moved away");
    for _ in 0..2 {
        let step = lane.step().await;
        let Step::Waiting { until } = step else { panic!("{step:?}") };
        advance(until.saturating_duration_since(Instant::now())).await;
    }
    std::fs::rename(&away, &data).expect("moved back");
    run_dry(&mut lane).await;
    assert_eq!(inbox.attempts(), kept);
}
