//! Deciders, good and bad: whatever they do, an answer leaves in time and says who gave it.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use offhook::decide::{Policy, Say, Scope, Word};
use offhook::kind::KindPattern;
use offhook::receiver::Builder;
use offhook::verdict::RejectCode;
use offhook::yunxin::{CallStart, RoomCreate};
use offhook::{Budget, Decider, Event, Verdict};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{Plan, World, within_reason};

/// The platform gives up after this.
const PATIENCE: Duration = Duration::from_secs(2);

fn falling_back(word: Word, adds: impl Fn(Builder) -> Builder + 'static) -> Plan {
    Plan::adding(move |builder| adds(builder.fallback(word)))
}

/// A decider that never comes to an end.
async fn never(_: Event) -> Verdict {
    pending().await
}

/// Who gave the verdict on the only event.
async fn given_by(world: &World) -> String {
    world.only_event().await.decision().unwrap().by.to_string()
}

#[tokio::test]
async fn a_typed_closure_decides_its_own_kind_and_no_other() {
    let plan = Plan::adding(|builder| {
        let builder = builder.decide(|call: CallStart| async move {
            let callees = call.to_account_list.unwrap_or_default().len();
            if callees > 1 { Verdict::reject(20010).with_ext("too many") } else { Verdict::allow() }
        });
        builder.decide(|room: RoomCreate| async move { room.channel_name.is_none().then(|| Verdict::reject(20011)) })
    });
    let world = World::of(plan).await;
    let yunxin = world.yunxin();
    let bodies = [
        r#"{"eventType":20,"toAccountList":["an"]}"#,
        r#"{"eventType":20,"toAccountList":["an","bo"]}"#,
        r#"{"eventType":21,"channelName":"ss"}"#,
        r#"{"eventType":21}"#,
        r#"{"eventType":1,"toAccountList":["an","bo"]}"#,
    ];
    for body in bodies {
        assert_eq!(yunxin.sends_body(body).await.status, 200);
    }
    let kept = world.keeps(5).await;
    let found: Vec<_> =
        kept.iter().map(|event| event.decision().unwrap()).map(|it| (it.verdict.code(), &*it.by)).collect();
    let expected =
        [(20000, "decider-1"), (20010, "decider-1"), (20000, "default"), (20011, "decider-2"), (20000, "default")];
    assert_eq!(found, expected);
    assert_eq!(kept[1].decision().unwrap().verdict.ext(), "too many");
}

#[tokio::test]
async fn a_change_goes_out_with_a_message_and_with_nothing_else() {
    let plan = Plan::adding(|builder| builder.decide(|_: Event| async { Verdict::allow().with_change("body", "***") }));
    let world = World::of(plan).await;
    let changed = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{"body":"***"},"callbackExt":""}"#;
    world.yunxin().sends("message.p2p").await.is_verdict(changed);
    world.yunxin().sends("call.start").await.is_allowed();
    // The copy of a message that came to the wrong path is no message that could still be changed.
    world.yunxin().sends_body(r#"{"eventType":"1","body":"x"}"#).await.is_allowed();
}

#[tokio::test]
async fn a_decider_that_fails_costs_its_own_opinion_only() {
    let fails = |_: Event| async { Err::<Verdict, _>("the database is away") };
    let world = World::of(falling_back(Word::Reject, move |builder| builder.decide(fails))).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert_eq!(given_by(&world).await, "fallback:error");
    assert_eq!(world.metric(r#"offhook_fallbacks_total{kind="call.start",why="error"}"#), 1.0);
}

#[tokio::test]
async fn a_decider_that_panics_costs_its_own_opinion_only() {
    #[expect(unreachable_code, reason = "a closure must say what it would have given")]
    let panics = |_: Event| async {
        panic!("as the test wants it");
        Verdict::reject(20010)
    };
    let mut plan = falling_back(Word::Allow, move |builder| builder.decide(panics));
    // Telling of a panic takes its time on a busy machine.
    plan.edge.deadline = Duration::from_secs(30);
    let mut world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(given_by(&world).await, "fallback:panic");
    world.yunxin().sends("room.create").await.is_allowed();
    assert_eq!(world.stops().await.unkept, 0);
}

#[tokio::test]
async fn a_decider_that_never_finishes_is_not_waited_for() {
    let mut plan = falling_back(Word::Reject, move |builder| builder.decide(never));
    plan.edge.deadline = Duration::from_millis(400);
    let world = World::of(plan).await;
    let began = Instant::now();
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(given_by(&world).await, "fallback:timeout");
}

#[tokio::test]
async fn a_decider_is_told_what_is_left_of_the_budget() {
    struct Curious(watch::Sender<Option<Budget>>);
    impl Decider for Curious {
        fn name(&self) -> &str {
            "curious"
        }
        async fn decide(&self, _: &Event, budget: Budget) -> Result<Option<Verdict>, offhook::decide::Failure> {
            self.0.send_replace(Some(budget));
            Ok(None)
        }
    }
    let told = watch::Sender::new(None);
    let telling = told.clone();
    let world = World::of(Plan::adding(move |builder| builder.decider(Curious(telling.clone())))).await;
    let question = world.yunxin().asks("call.start");
    let mut wire = world.yunxin().connects().await;
    wire.drips(&question.head()[..60], Duration::from_millis(300)).await;
    wire.writes(&question.bytes()[60..]).await;
    wire.answer().await.is_allowed();
    let budget = told.borrow().expect("it was asked");
    let whole = budget.deadline() - budget.started();
    assert!((Duration::from_millis(1200)..Duration::from_millis(1500)).contains(&whole), "{whole:?}");
    assert!(budget.spent() >= Duration::from_millis(290), "the head's time counts: {:?}", budget.spent());
}

/// Five hundred ask at once a receiver that has `deadline`, their heads dripped for as long as `drip`. All get the
/// fallback, and none of them later than the platform would still listen.
async fn five_hundred_fall_back(mut plan: Plan, deadline: Duration, drip: Option<Duration>) {
    plan.edge.deadline = deadline;
    let world = World::of(plan).await;
    let mut wires = Vec::new();
    for _ in 0..500 {
        wires.push(world.yunxin().connects().await);
    }
    let mut crowd = JoinSet::new();
    for mut wire in wires {
        let question = world.yunxin().asks("call.start").bytes();
        crowd.spawn(async move {
            let began = Instant::now();
            let (first, rest) = question.split_at(4);
            match drip {
                Some(time) => wire.drips(first, time).await,
                None => wire.writes(first).await,
            }
            wire.writes(rest).await;
            (wire.answer().await, began.elapsed())
        });
    }
    for (answer, took) in within_reason(crowd.join_all()).await {
        answer.is_rejected_with(20099);
        assert!(took < deadline + Duration::from_secs(1), "an answer took {took:?}");
    }
    for event in world.keeps(500).await {
        assert_eq!(event.decision().unwrap().by, "fallback:timeout");
    }
}

/// A set-up with a decider that never comes to an end.
fn waiting() -> Plan {
    falling_back(Word::Reject, |builder| builder.decide(never))
}

/// A set-up whose decider holds its thread for ten seconds each time, as a blocking database driver would. Nobody ever
/// sends what it waits for; without the sender it waits for nothing.
fn blocking() -> (Plan, Sender<()>) {
    let (nobody, nothing) = channel();
    let nothing = Arc::new(Mutex::new(nothing));
    let plan = falling_back(Word::Reject, move |builder| {
        let nothing = Arc::clone(&nothing);
        builder.decide(move |_: Event| {
            let nothing: Arc<Mutex<Receiver<()>>> = Arc::clone(&nothing);
            async move {
                let _ = nothing.lock().unwrap().recv_timeout(Duration::from_secs(10));
                Verdict::allow()
            }
        })
    });
    (plan, nobody)
}

/// One second of the platform's two, since the tests share a busy machine.
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_questions_to_a_decider_that_never_finishes_are_answered_in_time() {
    five_hundred_fall_back(waiting(), SECOND, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_questions_to_a_decider_that_blocks_its_thread_are_answered_in_time() {
    let (plan, _nobody) = blocking();
    five_hundred_fall_back(plan, SECOND, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_were_dripped_leave_a_decider_that_never_finishes_that_much_less() {
    five_hundred_fall_back(waiting(), SECOND * 3, Some(SECOND * 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_were_dripped_leave_a_decider_that_blocks_its_thread_that_much_less() {
    let (plan, _nobody) = blocking();
    five_hundred_fall_back(plan, SECOND * 3, Some(SECOND * 2)).await;
}

#[tokio::test]
async fn with_too_much_to_do_the_fallback_leaves_at_once_and_the_event_is_kept() {
    let (go_on, may_go_on) = watch::channel(false);
    let mut plan = falling_back(Word::Reject, move |builder| {
        let may_go_on = may_go_on.clone();
        builder.decide(move |_: Event| {
            let mut may_go_on = may_go_on.clone();
            async move {
                may_go_on.wait_for(|may| *may).await.unwrap();
                Verdict::allow()
            }
        })
    });
    plan.edge.max_in_flight = 1;
    plan.edge.deadline = Duration::from_secs(30);
    let world = World::of(plan).await;
    let mut first = world.yunxin().connects().await;
    first.writes(world.yunxin().asks("call.start").bytes()).await;
    // The second comes while the first is being decided, as soon as the first has taken its place.
    while world.metric("offhook_in_flight") < 1.0 {
        tokio::task::yield_now().await;
    }
    world.yunxin().sends("room.create").await.is_rejected_with(20099);
    go_on.send(true).unwrap();
    first.answer().await.is_allowed();
    let by: Vec<_> = world.keeps(2).await.iter().map(|event| event.decision().unwrap().by.to_string()).collect();
    assert_eq!(by, ["fallback:overload", "decider-1"]);
    world.yunxin().sends("call.start").await.is_allowed();
}

#[tokio::test]
async fn too_much_to_do_is_no_reason_to_believe_or_to_wait() {
    let mut plan = falling_back(Word::Allow, |builder| builder);
    plan.edge.max_in_flight = 0;
    let world = World::of(plan).await;
    world.yunxin().forges("call.start").await.is_refused(401, "check_sum_mismatch");
    world.yunxin().asks("probe").sent().await.is_allowed();
    world.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(given_by(&world).await, "fallback:overload");
}

#[tokio::test]
async fn defaults_and_fallbacks_are_those_of_the_most_specific_place() {
    let reject =
        |code| Say { default: Some(Word::Reject), fallback: Some(Word::Reject), reject_code: RejectCode::new(code) };
    let kind = |pattern: &str, say| (KindPattern::parse(pattern).unwrap(), say);
    let scope = Scope {
        all: Say { default: Some(Word::Allow), fallback: Some(Word::Allow), reject_code: None },
        kinds: vec![
            kind("call.*", reject(20020)),
            kind("message.*", reject(20030)),
            kind("message.p2p", reject(20031)),
        ],
    };
    let world = World::of(Plan { policy: Policy { scope, ..Policy::default() }, ..Plan::default() }).await;
    let yunxin = world.yunxin();
    yunxin.sends("call.start").await.is_rejected_with(20020);
    yunxin.sends("room.create").await.is_allowed();
    yunxin.sends("message.p2p").await.is_rejected_with(20031);
    yunxin.sends_body(r#"{"eventType":2}"#).await.is_rejected_with(20030);
}

/// A login that tells `fields` besides its kind.
fn login(event_type: u8, fields: &str) -> String {
    format!(r#"{{"eventType":{event_type},"fromAccount":"mei"{fields}}}"#)
}

#[tokio::test]
async fn a_login_that_nobody_else_checks_is_rejected_by_default_and_as_fallback() {
    let allowing = || Policy {
        scope: Scope {
            all: Say { default: Some(Word::Allow), fallback: Some(Word::Allow), reject_code: None },
            kinds: Vec::new(),
        },
        ..Policy::default()
    };
    let unchecked = [
        login(36, r#","authType":2"#),
        login(36, ""),
        login(36, r#","authType":"2""#),
        login(36, r#","authType":null"#),
        login(36, r#","authType":{}"#),
        login(36, r#","authType":3"#),
        login(37, r#","loginAuthType":2"#),
        login(37, ""),
        login(40, r#","authType":2"#),
        r#"{"eventType":"36","fromAccount":"mei","token":"t"}"#.to_owned(),
    ];
    let checked = [login(36, r#","authType":0"#), login(36, r#","authType":"1""#), login(37, r#","loginAuthType":1"#)];
    for overloaded in [false, true] {
        let mut plan = Plan { policy: allowing(), ..Plan::default() };
        plan.edge.max_in_flight = if overloaded { 0 } else { 100 };
        let world = World::of(plan).await;
        for body in &unchecked {
            world.yunxin().sends_body(body).await.is_rejected_with(20099);
        }
        for body in &checked {
            world.yunxin().sends_body(body).await.is_allowed();
        }
    }
}

#[tokio::test]
async fn a_login_is_allowed_when_a_decider_says_so() {
    let plan = Plan::adding(|builder| {
        builder.decide(|event: Event| async move {
            let token = event.field("token").map(|token| token.get().to_owned());
            (token.as_deref() == Some("\"good\"")).then(Verdict::allow)
        })
    });
    let world = World::of(plan).await;
    world.yunxin().sends_body(login(36, r#","authType":2,"token":"good""#)).await.is_allowed();
    world.yunxin().sends_body(login(36, r#","authType":2,"token":"bad""#)).await.is_rejected_with(20099);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_no_message_has_is_not_changed() {
    let change = |_: Event| async { Verdict::allow().with_change("body", "***").with_change("boby", "***") };
    let world = World::of(Plan::adding(move |builder| builder.decide(change))).await;
    let changed = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{"body":"***"},"callbackExt":""}"#;
    world.yunxin().sends("message.p2p").await.is_verdict(changed);
}

#[test]
fn a_kind_pattern_that_nothing_can_match_is_refused() {
    for (pattern, right) in
        [("unknown", false), ("unknown.*", true), ("neroom", false), ("neroom.*", true), ("probe", false)]
    {
        assert_eq!(KindPattern::parse(pattern).is_ok(), right, "{pattern}");
    }
}
