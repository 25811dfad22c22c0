//! A decider that comes too late: it is heard out where that was asked for, told of where it disagrees, and shed in time.

use std::time::{Duration, Instant};

use offhook::decide::{Failure, LinkSettings, Word};
use offhook::verdict::FallbackReason;
use offhook::{Budget, Decider, Event, Verdict};
use tokio::sync::watch;

use crate::world::{Inbox, Plan, World};

/// Says nothing until it is told what to say.
#[derive(Clone)]
struct Slow(watch::Receiver<Option<Verdict>>);

impl Decider for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn decide(&self, _: &Event, _: Budget) -> Result<Option<Verdict>, Failure> {
        Ok(self.0.clone().wait_for(Option::is_some).await?.clone())
    }
}

/// A set-up with a slow decider, and what it will say.
fn slow(fallback: Word, link: impl Fn(&mut LinkSettings) + 'static) -> (Plan, watch::Sender<Option<Verdict>>) {
    let (tell, told) = watch::channel(None);
    let plan = Plan::adding(move |builder| {
        let mut settings = LinkSettings::new("slow");
        settings.timeout = Some(Duration::from_millis(100));
        settings.late = Some(Duration::from_secs(60));
        link(&mut settings);
        builder.fallback(fallback).decider_in(settings, Slow(told.clone()))
    });
    (plan, tell)
}

fn late(world: &World, answer: &str) -> f64 {
    world.metric(&format!("offhook_late_opinions_total{{decider=\"slow\",answer=\"{answer}\"}}"))
}

async fn until(world: &World, answer: &str, count: f64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while late(world, answer) < count {
        assert!(Instant::now() < deadline, "never {count} of {answer}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_late_verdict_that_is_another_goes_to_the_journal_and_the_handlers_as_an_event() {
    let inbox = Inbox::named("inbox");
    let handler = inbox.clone();
    let (mut plan, tell) = slow(Word::Allow, |_| {});
    let adds = plan.adds;
    plan.adds = Box::new(move |builder| adds(builder).handler(handler.clone()));
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_allowed();
    tell.send_replace(Some(Verdict::reject(20042).with_ext("blocked")));

    let kept = world.keeps(2).await;
    assert_eq!(kept[0].decision().unwrap().by, format!("fallback:{}", FallbackReason::Timeout.word()));
    let (call, overruled) = (&kept[0], &kept[1]);
    assert_eq!((overruled.kind().name(), overruled.app_key()), ("verdict.overruled", call.app_key()));
    assert_eq!((overruled.subject(), overruled.received() >= call.received()), (call.subject(), true));
    let decision = overruled.decision().unwrap();
    assert_eq!((decision.verdict.code(), &*decision.by), (20042, "slow"));
    let data: serde_json::Value = serde_json::from_str(overruled.text()).unwrap();
    let given = serde_json::json!({"verdict":"allow","code":20000,"by":"fallback:timeout","ext":"","modify":{}});
    let said = serde_json::json!({"verdict":"reject","code":20042,"by":"slow","ext":"blocked","modify":{}});
    assert_eq!([&data["given"], &data["late"]], [&given, &said]);
    assert_eq!((&data["event"], &data["kind"]), (&call.id().to_string().into(), &"call.start".into()));
    assert_eq!(data["data"], serde_json::from_str::<serde_json::Value>(call.text()).unwrap());
    assert!(data["after_ms"].as_u64().is_some_and(|after| after >= 100), "{data}");

    let delivered = inbox.gets(2).await;
    assert_eq!(delivered[1].id(), overruled.id());
    assert_eq!(late(&world, "other"), 1.0);
}

#[tokio::test]
async fn a_late_verdict_that_changes_nothing_is_only_counted() {
    let (plan, tell) = slow(Word::Reject, |_| {});
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    tell.send_replace(Some(Verdict::reject(20042)));
    until(&world, "same", 1.0).await;
    assert_eq!(world.only_event().await.kind().name(), "call.start");
}

#[tokio::test]
async fn nobody_is_heard_out_unasked_and_nobody_for_ever() {
    let (plan, tell) = slow(Word::Reject, |link| link.late = None);
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert_eq!(tell.receiver_count(), 2, "the plan's and the decider's; nobody listens any more");
    let (plan, _tell) = slow(Word::Reject, |link| link.late = Some(Duration::from_millis(100)));
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    until(&world, "never", 1.0).await;
}

#[tokio::test]
async fn only_half_of_a_deciders_turns_are_for_those_who_are_late() {
    let (plan, tell) = slow(Word::Reject, |link| link.max_concurrent = Some(4));
    let world = World::of(plan).await;
    for _ in 0..10 {
        world.yunxin().sends("call.start").await.is_rejected_with(20099);
    }
    tell.send_replace(Some(Verdict::reject(20042)));
    until(&world, "same", 2.0).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20042);
    assert_eq!(late(&world, "same"), 2.0);
}

#[tokio::test]
async fn when_it_stops_a_late_verdict_is_still_waited_for_and_kept() {
    let (plan, tell) = slow(Word::Allow, |link| link.late = Some(Duration::from_secs(5)));
    let mut world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_allowed();
    let telling = async {
        // Whoever is still listening then was waited for.
        let _ = tokio::time::timeout(Duration::from_millis(700), std::future::pending::<()>()).await;
        tell.send_replace(Some(Verdict::reject(20042)));
    };
    let (ended, ()) = tokio::join!(world.stops(), telling);
    assert_eq!(ended.unkept, 0);
    assert_eq!(world.kept().last().unwrap().kind().name(), "verdict.overruled");
}

#[tokio::test]
async fn where_the_line_is_too_long_the_fallback_leaves_at_once() {
    let (mut plan, _tell) = slow(Word::Reject, |link| {
        (link.timeout, link.max_concurrent) = (None, Some(1));
    });
    plan.edge.deadline = Duration::from_secs(5);
    let world = World::of(plan).await;
    // One is being asked about, for four and a quarter seconds, and one waits for its turn, for three quarters of that.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut wire = world.yunxin().connects().await;
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        waiting.push(wire);
    }
    let _ = tokio::time::timeout(Duration::from_millis(2400), std::future::pending::<()>()).await;
    world.yunxin().sends("room.create").await.is_rejected_with(20099);
    for mut wire in waiting {
        wire.answer().await.is_rejected_with(20099);
    }
    let kept = world.keeps(3).await;
    let by = |kind: &str| kept.iter().find(|event| event.kind().name() == kind).unwrap().decision().unwrap().by.clone();
    assert_eq!([by("room.create"), by("call.start")], ["fallback:overload", "fallback:timeout"]);
    assert_eq!(kept[0].kind().name(), "room.create", "it did not wait");
}
