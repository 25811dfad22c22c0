//! What is remembered of each attempt, for whoever looks at an event.

use std::time::Duration;

use offhook::deliver::{LaneSettings, Order, Outcome};
use offhook::event::EventId;
use offhook::journal::{Attempt, AttemptEnd, Filter};

use super::cast::{Inbox, World, settings, within_reason};
use super::target::{Target, posts_to};

/// Waits until so many attempts at `id` are remembered, and gives them.
async fn remembers(world: &World, id: EventId, count: usize) -> Vec<Attempt> {
    within_reason(async {
        loop {
            let attempts = world.journal.lanes().attempts_at(id);
            if attempts.len() >= count {
                return attempts.into_iter().map(|(_, attempt)| attempt).collect();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn told(attempts: &[Attempt]) -> Vec<(AttemptEnd, Option<&str>, bool)> {
    attempts.iter().map(|attempt| (attempt.ended, attempt.answer.as_deref(), attempt.asked)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attempt_is_told_with_what_the_target_answered() {
    let (world, target) = (World::new(), Target::starts());
    target.answers([500, 503, 202]);
    let dispatcher = world.starts(vec![(settings("billing", 5, &[]), posts_to(&target.url()))]);
    let first = world.keeps("call.start").await;
    let attempts = remembers(&world, first, 3).await;
    assert_eq!(
        told(&attempts),
        [
            (AttemptEnd::Retry, Some("500 Internal Server Error: as the test wants it"), false),
            (AttemptEnd::Pause, Some("503 Service Unavailable: as the test wants it"), false),
            (AttemptEnd::Done, Some("202 Accepted"), false),
        ]
    );
    assert!(attempts.is_sorted_by_key(|attempt| attempt.at));
    target.answers([400]);
    let second = world.keeps("call.start").await;
    assert_eq!(
        told(&remembers(&world, second, 1).await),
        [(AttemptEnd::GaveUp, Some("400 Bad Request: as the test wants it"), false)]
    );
    within_reason(dispatcher.stop(Duration::from_secs(600))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_asked_for_is_told_as_such_and_a_panic_is_an_attempt_too() {
    let (world, inbox) = (World::new(), Inbox::panicking(1));
    let dispatcher = world.starts(vec![(LaneSettings::new("inbox"), inbox.handler())]);
    let id = world.keeps("call.start").await;
    remembers(&world, id, 2).await;
    let replay = Order::Replay { handler: "inbox".to_owned(), filter: Filter::default(), per_second: None };
    world.orders.take(&replay).expect("taken");
    let expected =
        [(AttemptEnd::Retry, Some("panicked"), false), (AttemptEnd::Done, None, false), (AttemptEnd::Done, None, true)];
    assert_eq!(told(&remembers(&world, id, 3).await), expected);
    within_reason(dispatcher.stop(Duration::from_secs(600))).await;
}

#[tokio::test]
async fn only_the_newest_are_remembered() {
    let (world, inbox) = (World::new(), Inbox::prepared([Outcome::pause("not now")]));
    let mut lane = world.lane(LaneSettings::new("inbox"), inbox.handler());
    let kept = world.keeps_many(2100).await;
    tokio::time::pause();
    while inbox.attempts().len() <= kept.len() {
        lane.step().await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    lane.step().await;
    let remembered = |id: &EventId| world.journal.lanes().attempts_at(*id).len();
    let all: Vec<_> = kept.iter().map(remembered).collect();
    assert_eq!(all.iter().sum::<usize>(), 2048);
    assert!(all.is_sorted() && all.ends_with(&[1; 2048]), "the newest");
}
