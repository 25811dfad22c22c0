//! Orders of a person: what was parked is tried again, what was kept is delivered again, and no restart forgets it.

use std::time::Duration;

use offhook::deliver::{LaneSettings, Order, Outcome};
use offhook::journal::{Filter, Which};

use super::cast::{Inbox, World, settings, within_reason};

const LONG: Duration = Duration::from_secs(600);

fn replay() -> Order {
    Order::Replay { handler: "inbox".to_owned(), filter: Filter::default(), per_second: None }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    within_reason(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_again_is_tried_as_often_as_anything_and_parked_again() {
    let world = World::new();
    let fails = || Outcome::retry("not today").not_before(Duration::from_millis(1));
    let inbox = Inbox::prepared([Outcome::give_up("no"), fails(), fails(), fails(), fails()]);
    let dispatcher = world.starts(vec![(settings("inbox", 2, &[]), inbox.handler())]);
    let id = world.keeps("call.start").await;
    world.parks("inbox", 1).await;

    for attempts in [3, 5] {
        let taken = world.orders.take(&Order::Retry(Which::default())).expect("taken");
        assert_eq!(taken.count, 1);
        until(|| world.parked("inbox").iter().all(|parked| !parked.asked)).await;
        let parked = &world.parked("inbox")[0];
        assert_eq!((parked.id, parked.attempts, &*parked.why), (id, attempts, "not today"));
    }
    world.orders.take(&Order::Retry(Which { handler: None, ids: vec![id] })).expect("taken");
    until(|| world.parked("inbox").is_empty()).await;
    assert!(world.tells(r#"offhook_parked{handler="inbox"} 0"#));
    within_reason(dispatcher.stop(LONG)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_goes_on_after_a_restart_and_gives_nothing_that_came_after_it_was_asked_for() {
    let (world, inbox) = (World::new(), Inbox::new());
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let kept = world.keeps_many(150).await;
    inbox.until(150).await;
    within_reason(dispatcher.stop(LONG)).await;

    // Three are let through; then the process ends.
    let holding = Inbox::holding();
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), holding.handler())]);
    let number = world.orders.take(&replay()).expect("taken").replay.expect("a number");
    for count in 1..=3 {
        holding.lets_go();
        holding.until(count).await;
    }
    dispatcher.stop(Duration::ZERO).await;
    let world = world.restarts().await;
    let later = world.keeps("room.create").await;

    let inbox = Inbox::new();
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let over = || world.journal.reader().replay(number).expect("readable").expect("there");
    until(|| over().ended).await;
    assert_eq!((over().delivered, over().parked), (150, 0));
    let (first, mut second) = (holding.attempts(), inbox.attempts());
    assert_eq!(second.iter().filter(|id| **id == later).count(), 1, "its lane delivers it, and no replay");
    second.retain(|id| *id != later);
    // In the journal's order, beginning with the one that was under way or the one after it.
    assert!(kept.ends_with(&second) && first.len() + second.len() >= 150, "{} and {}", first.len(), second.len());
    within_reason(dispatcher.stop(LONG)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_a_handler_does_not_take_parks_and_disturbs_no_lane() {
    let (world, inbox) = (World::new(), Inbox::new());
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let kept = world.keeps_many(2).await;
    inbox.until(2).await;
    within_reason(dispatcher.stop(LONG)).await;

    let refusing = Inbox::prepared([Outcome::give_up("not again")]);
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), refusing.handler())]);
    world.orders.take(&replay()).expect("taken");
    assert_eq!(refusing.until(2).await, kept);
    let parked = world.parks("inbox", 1).await;
    assert_eq!((parked[0].id, &*parked[0].why), (kept[0], "not again"));
    within_reason(dispatcher.stop(LONG)).await;
    let refused =
        world.orders.take(&Order::Replay { handler: "else".to_owned(), filter: Filter::default(), per_second: None });
    assert!(refused.expect_err("refused").to_string().contains("no handler `else` here; there is `inbox`"));
}
