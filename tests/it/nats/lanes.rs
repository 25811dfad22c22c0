//! Handlers of several instances: each event is delivered once, in order, by whichever is there.

use offhook::deliver::Order;
use offhook::journal::{Entry, Filter, Outbox, Stage, Which};
use offhook::{Event, Outcome, deliver};

use super::cast::{Instance, Nats, until};
use crate::world::Inbox;

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_string()).collect()
}

/// A handler `billing` that answers as `says` does.
fn billing(says: impl Fn(&Event) -> Outcome + Send + Sync + 'static) -> impl deliver::Handler {
    deliver::from_fn("billing", move |event: Event| {
        let outcome = says(&event);
        async move { outcome }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_reaches_one_of_two_instances_and_in_order() {
    let Some(nats) = Nats::start() else { return };
    let inbox = Inbox::named("inbox");
    let first = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    let second = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    for _ in 0..50 {
        first.yunxin().sends("call.start").await.is_allowed();
        second.yunxin().sends("room.create").await.is_allowed();
    }
    let got = ids(&inbox.gets(100).await);
    let kept: Vec<Event> =
        super::cast::kept(&first.journal().reader(), &Filter::default()).into_iter().map(|(_, event)| event).collect();
    assert_eq!(got, ids(&kept));
    assert_eq!(first.stops().await + second.stops().await, 0);
    assert_eq!(inbox.events().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_handler_starts_at_the_present_end_and_a_known_one_where_it_was() {
    let Some(nats) = Nats::start() else { return };
    let (early, late) = (Inbox::named("early"), Inbox::named("late"));
    let first = Instance::of(nats.settings(), |builder| builder.handler(early.clone())).await;
    first.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(early.gets(1).await.len(), 1);
    assert_eq!(first.stops().await, 0);
    // Nobody is there to deliver it.
    let alone = Instance::of(nats.settings(), |builder| builder).await;
    alone.yunxin().sends("room.create").await.is_allowed();
    assert_eq!(alone.stops().await, 0);
    let second = Instance::of(nats.settings(), |builder| builder.handler(early.clone()).handler(late.clone())).await;
    second.yunxin().sends("team.create").await.is_allowed();
    let kinds = |events: Vec<Event>| events.iter().map(|event| event.kind().name().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(early.gets(3).await), ["call.start", "room.create", "team.create"]);
    assert_eq!(kinds(late.gets(1).await), ["team.create"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_target_is_in_trouble_another_instance_tries_next() {
    let Some(nats) = Nats::start() else { return };
    let inbox = Inbox::named("billing");
    let cut_off = Instance::of(nats.settings(), |builder| {
        builder.handler(billing(|_| Outcome::pause("this machine does not reach it")))
    })
    .await;
    let healthy = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    for _ in 0..5 {
        cut_off.yunxin().sends("call.start").await.is_allowed();
    }
    assert_eq!(inbox.gets(5).await.len(), 5);
    assert_eq!(cut_off.stops().await + healthy.stops().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gives_up_is_parked_for_all_and_tried_again_or_dropped_by_any() {
    let Some(nats) = Nats::start() else { return };
    let first =
        Instance::of(nats.settings(), |builder| {
            builder.handler(billing(|event| {
                if event.is_replayed() { Outcome::Done } else { Outcome::give_up("no such customer") }
            }))
        })
        .await;
    for _ in 0..3 {
        first.yunxin().sends("call.start").await.is_allowed();
    }
    until("parked", || first.journal().reader().parked(None).expect("readable").len() == 3).await;
    assert!(first.metrics().render().contains("offhook_parked{handler=\"billing\"} 3"));
    // The one that parked them goes; another one has a handler that takes them.
    assert_eq!(first.stops().await, 0);
    let inbox = Inbox::named("billing");
    let second = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    let parked = second.journal().reader().parked(Some("billing")).expect("readable");
    assert_eq!((parked.len(), &*parked[0].why, parked[0].attempts), (3, "no such customer", 1));
    let take = |order: Order| {
        let orders = second.receiver.orders().clone();
        async move { tokio::task::spawn_blocking(move || orders.take(&order)).await.expect("no panic").expect("taken") }
    };
    let one = Which { handler: None, ids: vec![parked[0].id] };
    assert_eq!(take(Order::Drop(one)).await.count, 1);
    assert_eq!(take(Order::Retry(Which::default())).await.count, 2);
    assert_eq!(ids(&inbox.gets(2).await), [parked[1].id.to_string(), parked[2].id.to_string()]);
    until("none parked", || second.journal().reader().parked(None).expect("readable").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_done_by_one_instance() {
    let Some(nats) = Nats::start() else { return };
    let inbox = Inbox::named("inbox");
    let first = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    let second = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    for _ in 0..10 {
        first.yunxin().sends("call.start").await.is_allowed();
    }
    inbox.gets(10).await;
    let order = Order::Replay { handler: "inbox".to_owned(), filter: Filter::default(), per_second: None };
    let orders = first.receiver.orders().clone();
    let taken = tokio::task::spawn_blocking(move || orders.take(&order)).await.expect("no panic").expect("taken");
    let number = taken.replay.expect("a number");
    let reader = second.journal().reader();
    until("over", || reader.replay(number).expect("readable").is_some_and(|replay| replay.ended)).await;
    let replay = reader.replay(number).expect("readable").expect("there");
    assert_eq!((replay.delivered, replay.parked), (10, 0));
    let again = inbox.events();
    assert_eq!((again.len(), again[10..].iter().all(Event::is_replayed)), (20, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_at_one_event_only_one_may_act() {
    let Some(nats) = Nats::start() else { return };
    let instance = Instance::of(nats.settings(), |builder| builder).await;
    let event = crate::deliver::event("call.start", "{}");
    let (one, other) = (Outbox::of(&instance.options), Outbox::of(&instance.options));
    let at = event.received();
    let entry = move |stage| Entry { stage, note: String::new(), at };
    let acting = move || {
        assert!(one.entry("robot", event.id()).expect("readable").is_none());
        assert!(other.entry("robot", event.id()).expect("readable").is_none());
        one.write("robot", event.id(), &entry(Stage::Planned)).expect("the first one");
        other.write("robot", event.id(), &entry(Stage::Planned)).expect_err("the second one");
        // It looks again, and takes over before the first one says that it rings.
        assert_eq!(other.entry("robot", event.id()).expect("readable").expect("there").stage, Stage::Planned);
        other.write("robot", event.id(), &entry(Stage::Planned)).expect("taken over");
        one.write("robot", event.id(), &entry(Stage::Sent)).expect_err("too late");
        other.write("robot", event.id(), &entry(Stage::Sent)).expect("it rings");
        assert_eq!(one.entry("robot", event.id()).expect("readable").expect("there").stage, Stage::Sent);
    };
    tokio::task::spawn_blocking(acting).await.expect("no panic");
}
