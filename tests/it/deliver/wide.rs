//! A lane that hands several events over at once: how many, in which trouble only one, and where a crash leaves it.

use std::collections::HashSet;
use std::time::Duration;

use offhook::deliver::{AnyHandler, Handler, LaneSettings, Outcome};
use offhook::event::{Event, EventId};
use tokio::sync::watch;

use super::cast::{Inbox, World, settings, within_reason};

const LONG: Duration = Duration::from_secs(20);

fn at_once(count: usize) -> LaneSettings {
    LaneSettings { concurrency: count, ..settings("inbox", 2, &[]) }
}

/// Waits until the metrics say `line`.
async fn tells(world: &World, line: &str) {
    within_reason(async {
        while !world.tells(line) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn deliveries(outcome: &str, count: usize) -> String {
    format!(r#"offhook_deliveries_total{{handler="inbox",outcome="{outcome}"}} {count}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_are_under_way_at_once_and_no_more() {
    let (world, inbox) = (World::new(), Inbox::holding());
    let dispatcher = world.starts(vec![(at_once(3), inbox.handler())]);
    let kept = world.keeps_many(8).await;
    for done in 0..=5 {
        let begun: HashSet<_> = inbox.until(done + 3).await.into_iter().collect();
        assert_eq!(begun, kept[..done + 3].iter().copied().collect(), "in the journal's order, three at once");
        inbox.lets_go();
        tells(&world, &deliveries("done", done + 1)).await;
    }
    (0..2).for_each(|_| inbox.lets_go());
    tells(&world, &deliveries("done", 8)).await;
    dispatcher.stop(LONG).await;
    assert_eq!(inbox.attempts().len(), 8);
}

/// A handler that finishes the events that the test names, and no others.
struct Chosen(watch::Receiver<HashSet<EventId>>);

impl Handler for Chosen {
    fn name(&self) -> &str {
        "inbox"
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        let mut chosen = self.0.clone();
        chosen.wait_for(|chosen| chosen.contains(&event.id())).await.expect("the test");
        Outcome::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_repeats_what_is_done_behind_a_gap_and_loses_nothing() {
    let world = World::new();
    let (choose, chosen) = watch::channel(HashSet::new());
    let dispatcher = world.starts(vec![(at_once(8), AnyHandler::new(Chosen(chosen)))]);
    let kept = world.keeps_many(6).await;
    choose.send_modify(|chosen| chosen.extend([kept[0], kept[1], kept[3], kept[5]]));
    tells(&world, &deliveries("done", 4)).await;
    dispatcher.stop(Duration::from_millis(50)).await;

    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(settings("inbox", 2, &[]), again.handler())]);
    assert_eq!(again.until(4).await, kept[2..]);
    dispatcher.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_under_way_and_begins_no_more() {
    let (world, inbox) = (World::new(), Inbox::holding());
    let dispatcher = world.starts(vec![(at_once(2), inbox.handler())]);
    let kept = world.keeps_many(5).await;
    inbox.until(2).await;
    let stopping = tokio::spawn(dispatcher.stop(LONG));
    (0..10).for_each(|_| inbox.lets_go());
    within_reason(stopping).await.expect("stopped");
    let begun = inbox.attempts().len();
    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(at_once(2), again.handler())]);
    let rest: HashSet<_> = again.until(5 - begun).await.into_iter().collect();
    assert_eq!(rest, kept[begun..].iter().copied().collect());
    dispatcher.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_holds_nobody_up_and_is_parked() {
    let world = World::new();
    let soon = || Outcome::retry("500").not_before(Duration::ZERO);
    let inbox = Inbox::holding_back([soon(), Outcome::give_up("400")]);
    let dispatcher = world.starts(vec![(at_once(2), inbox.handler())]);
    let kept = world.keeps_many(100).await;
    inbox.until(2).await;
    (0..200).for_each(|_| inbox.lets_go());
    let parked = world.parks("inbox", 1).await;
    assert_eq!((&*parked[0].why, parked[0].attempts), ("400", 1));
    tells(&world, &deliveries("done", 99)).await;
    dispatcher.stop(LONG).await;
    let attempts = inbox.attempts();
    assert_eq!(attempts.len(), 101, "one of them twice");
    assert!(kept.iter().all(|id| attempts.contains(id)));
    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(at_once(2), again.handler())]);
    let next = world.keeps_many(1).await;
    assert_eq!(again.until(1).await, next, "the position went past all of them");
    dispatcher.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_targets_trouble_one_event_probes_and_the_others_wait() {
    let world = World::new();
    let busy = || Outcome::pause("503").not_before(Duration::ZERO);
    let inbox = Inbox::holding_back([busy(), Outcome::Done, Outcome::Done, busy()]);
    let dispatcher = world.starts(vec![(at_once(3), inbox.handler())]);
    let kept = world.keeps_many(6).await;
    let begun = inbox.until(3).await;
    inbox.lets_go();
    tells(&world, &deliveries("retry", 1)).await;
    (0..2).for_each(|_| inbox.lets_go());
    tells(&world, &deliveries("done", 2)).await;
    // Two probes one after the other, and nothing beside them.
    assert_eq!(inbox.until(4).await[3], begun[0]);
    inbox.lets_go();
    assert_eq!(inbox.until(5).await[3..], [begun[0], begun[0]]);
    (0..10).for_each(|_| inbox.lets_go());
    tells(&world, &deliveries("done", 6)).await;
    dispatcher.stop(LONG).await;
    assert_eq!(inbox.attempts().len(), 8);
    assert_eq!(inbox.attempts()[5..].iter().copied().collect::<HashSet<_>>(), kept[3..].iter().copied().collect());
    assert_eq!(world.parked("inbox"), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_wants_is_passed_over() {
    let (world, inbox) = (World::new(), Inbox::new());
    let lane = LaneSettings { concurrency: 4, ..settings("inbox", 2, &["call.*"]) };
    let dispatcher = world.starts(vec![(lane.clone(), inbox.handler())]);
    for _ in 0..70 {
        world.keeps("message.p2p").await;
    }
    let call = world.keeps("call.start").await;
    world.keeps("message.p2p").await;
    assert_eq!(inbox.until(1).await, [call]);
    tells(&world, &deliveries("done", 1)).await;
    dispatcher.stop(LONG).await;
    let world = world.restarts().await;
    let again = Inbox::new();
    let dispatcher = world.starts(vec![(lane, again.handler())]);
    let next = world.keeps("call.start").await;
    assert_eq!(again.until(1).await, [next]);
    dispatcher.stop(LONG).await;
}
