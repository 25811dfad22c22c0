//! The door: how bodies come in and connections end, and who is not let in the way of a real question.

use std::time::{Duration, Instant};

use offhook::{Event, Verdict};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};

use crate::world::{Plan, Wire, World, within_reason};

const LIMIT: usize = 1 << 20;

/// A body of exactly so many bytes.
fn body_of(bytes: usize) -> String {
    let (start, end) = (r#"{"eventType":20,"pad":""#, r#""}"#);
    format!("{start}{}{end}", "a".repeat(bytes - start.len() - end.len()))
}

/// An app that gives a request so many milliseconds.
async fn hasty(milliseconds: u64) -> World {
    World::of(Plan::door(|door| door.deadline = Duration::from_millis(milliseconds))).await
}

#[tokio::test]
async fn a_body_at_the_limit_is_taken_and_one_byte_more_is_not() {
    let world = World::start().await;
    let at_limit = world.yunxin().asks_with(body_of(LIMIT));
    at_limit.sent().await.is_allowed();
    world.yunxin().asks_with(body_of(LIMIT)).in_chunks().sent().await.is_allowed();
    let kept = world.keeps(2).await;
    assert_eq!(kept.iter().map(|event| event.body().len()).collect::<Vec<_>>(), [LIMIT, LIMIT]);

    for size in [LIMIT + 1, 3 * LIMIT] {
        // Such a client writes all of it before it looks for an answer, and must still find one.
        let over = world.yunxin().asks_with(body_of(size));
        let message = over.sent().await.is_refused(413, "body_too_large");
        assert!(message.contains("1048576"), "{message}");
        over.in_chunks().sent().await.is_refused(413, "body_too_large");
    }
    assert_eq!(world.keeps(2).await.len(), 2);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start");
    let mut wire = world.yunxin().connects().await;
    wire.writes(question.head_with("Content-Length: 1048577")).await;
    wire.answer().await.is_refused(413, "body_too_large");
}

#[tokio::test]
async fn an_own_limit_counts() {
    let world = World::of(Plan::door(|door| door.body_limit = 2000)).await;
    world.yunxin().sends_body(body_of(2000)).await.is_allowed();
    world.yunxin().sends_body(body_of(2001)).await.is_refused(413, "body_too_large");
}

#[tokio::test]
async fn a_slow_body_is_told_so_in_time() {
    let world = hasty(400).await;
    for framing in ["Content-Length: 331", "Transfer-Encoding: chunked"] {
        let question = world.yunxin().asks("call.start");
        let mut wire = world.yunxin().connects().await;
        let began = Instant::now();
        wire.writes([question.head_with(framing), b"14\r\n{\"eventType\":".to_vec()].concat()).await;
        wire.answer().await.is_refused(408, "body_too_slow");
        let took = began.elapsed();
        assert!((Duration::from_millis(250)..Duration::from_millis(1500)).contains(&took), "{took:?}");
        wire.ends().await;
    }
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn a_slow_head_is_cut_however_it_comes() {
    let world = hasty(300).await;
    let head = world.yunxin().asks("call.start").head();
    let mut stuck = world.yunxin().connects().await;
    stuck.writes(&head[..100]).await;
    let mut dripping = world.yunxin().connects().await;
    let began = Instant::now();
    // At this pace the head would be there after five seconds.
    dripping.drips(&head[..250], Duration::from_secs(5)).await;
    assert!(began.elapsed() < Duration::from_secs(4), "it was let go on for {:?}", began.elapsed());
    assert!(dripping.ends().await.is_empty());
    assert!(stuck.ends().await.is_empty());
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut() {
    let world = hasty(300).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut wire = Wire::over(socket.connect(world.addresses().public).await.unwrap());
    let questions = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    within_reason(async { while wire.tries_to_write(&questions).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_connection_at_rest_outlives_the_deadline_by_far() {
    let world = hasty(150).await;
    let mut resting = world.yunxin().connects().await;
    resting.writes(world.yunxin().asks("call.start").bytes()).await;
    resting.answer().await.is_allowed();
    let mut silent = world.yunxin().connects().await;
    for _ in 0..3 {
        // Each of these takes longer than the deadline.
        let mut stuck = world.yunxin().connects().await;
        stuck.writes("POST").await;
        stuck.ends().await;
    }
    for wire in [&mut resting, &mut silent] {
        wire.writes(world.yunxin().asks("call.start").bytes()).await;
        wire.answer().await.is_allowed();
    }
}

#[tokio::test]
async fn a_connection_at_rest_is_closed_after_its_time() {
    let world = World::of(Plan::door(|door| door.idle_timeout = Duration::from_millis(200))).await;
    let mut wire = world.yunxin().connects().await;
    wire.writes(world.yunxin().asks("call.start").bytes()).await;
    wire.answer().await.is_allowed();
    let rested = Instant::now();
    assert!(wire.ends().await.is_empty());
    assert!(rested.elapsed() >= Duration::from_millis(150), "closed after {:?}", rested.elapsed());
}

#[tokio::test]
async fn a_peer_that_hangs_up_after_its_body_does_not_stop_its_event() {
    let world = World::start().await;
    for _ in 0..20 {
        world.yunxin().hangs_up_after_body(&world.yunxin().asks("call.start")).await;
    }
    assert_eq!(world.keeps(20).await.len(), 20);
}

/// A decider that tells when it is asked, and rejects with 20042 once it may go on.
fn held_up() -> (Plan, mpsc::UnboundedReceiver<()>, watch::Sender<bool>) {
    let (asked, is_asked) = mpsc::unbounded_channel();
    let (go_on, may_go_on) = watch::channel(false);
    let plan = Plan::adding(move |builder| {
        let (asked, may_go_on) = (asked.clone(), may_go_on.clone());
        builder.decide(move |_: Event| {
            let (asked, mut may_go_on) = (asked.clone(), may_go_on.clone());
            async move {
                asked.send(()).expect("somebody listens");
                may_go_on.wait_for(|may| *may).await.expect("a sign");
                Verdict::reject(20042)
            }
        })
    });
    (plan, is_asked, go_on)
}

#[tokio::test]
async fn a_peer_that_resets_while_its_question_is_decided_does_not_stop_its_event() {
    let (plan, mut is_asked, go_on) = held_up();
    let world = World::of(plan).await;
    let mut wire = world.yunxin().connects().await;
    wire.writes(world.yunxin().asks("call.start").bytes()).await;
    within_reason(is_asked.recv()).await.unwrap();
    wire.resets();
    go_on.send(true).unwrap();
    let kept = world.keeps(1).await;
    let decision = kept[0].decision().unwrap();
    assert_eq!((decision.verdict.code(), &*decision.by), (20042, "decider-1"));
}

#[tokio::test]
async fn a_stop_closes_connections_at_rest_and_lets_an_answer_under_way_out() {
    let (plan, mut is_asked, go_on) = held_up();
    let mut world = World::of(plan).await;
    let yunxin = world.yunxin();
    let (mut resting, mut working) = (yunxin.connects().await, yunxin.connects().await);
    resting.writes(yunxin.asks("probe").bytes()).await;
    resting.answer().await.is_allowed();
    working.writes(yunxin.asks("call.start").bytes()).await;
    within_reason(is_asked.recv()).await.unwrap();
    tokio::join!(world.stops(), async {
        assert_eq!(resting.ends().await, b"");
        go_on.send(true).unwrap();
        let answer = working.answer().await;
        answer.is_rejected_with(20042);
        assert_eq!(answer.header("connection"), "close");
        assert_eq!(working.ends().await, b"");
    });
}

#[tokio::test]
async fn a_peer_that_goes_away_in_the_middle_of_its_body_leaves_nothing() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start");
    let mut wire = world.yunxin().connects().await;
    wire.writes(&question.bytes()[..question.bytes().len() - 1]).await;
    drop(wire);
    world.yunxin().sends("room.create").await.is_allowed();
    assert_eq!(world.only_event().await.kind().name(), "room.create");
}

#[tokio::test]
async fn a_peer_that_only_closed_its_own_side_gets_its_answer() {
    let world = World::start().await;
    let mut wire = world.yunxin().connects().await;
    wire.writes(world.yunxin().asks("call.start").bytes()).await;
    wire.says_no_more().await;
    wire.answer().await.is_allowed();
    wire.ends().await;
}

#[tokio::test]
async fn pipelined_questions_are_answered_in_their_order() {
    let plan = Plan::adding(|builder| {
        builder.decide(|event: Event| async move {
            let code = event.field("code").map(|code| code.get().parse());
            code.transpose().map(|code| code.map(Verdict::reject))
        })
    });
    let world = World::of(plan).await;
    let yunxin = world.yunxin();
    let ask = |code: u16| yunxin.asks_with(format!(r#"{{"eventType":20,"code":{code}}}"#)).bytes();
    let mut wire = yunxin.connects().await;
    wire.writes([ask(20010), yunxin.asks("probe").bytes(), ask(20011), ask(20012)].concat()).await;
    wire.answer().await.is_rejected_with(20010);
    wire.answer().await.is_allowed();
    wire.answer().await.is_rejected_with(20011);
    wire.answer().await.is_rejected_with(20012);
}

#[tokio::test]
async fn a_kept_alive_connection_serves_many_questions() {
    let world = World::start().await;
    let mut wire = world.yunxin().connects().await;
    for number in 0..200 {
        let question = world.yunxin().asks_with(format!(r#"{{"eventType":{number}}}"#));
        wire.writes(if number % 2 == 0 { question.bytes() } else { question.in_chunks().bytes() }).await;
        assert_eq!(wire.answer().await.status, 200, "{number}");
    }
    assert_eq!(world.keeps(200).await.len(), 200);
}

#[tokio::test]
async fn who_asks_before_sending_the_body_is_told_to_go_on_only_with_good_headers() {
    let world = World::start().await;
    let question = world.yunxin().asks("call.start").and("Expect", "100-continue");
    let mut wire = world.yunxin().connects().await;
    wire.writes(question.head()).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.writes(question.framed_body()).await;
    wire.answer().await.is_allowed();

    let mut wire = world.yunxin().connects().await;
    wire.writes(question.with("CheckSum", "00".repeat(20)).head()).await;
    wire.answer().await.is_refused(401, "check_sum_mismatch");
}

#[tokio::test]
async fn headers_and_bodies_that_come_byte_by_byte_are_understood() {
    let world = World::start().await;
    let question = world.yunxin().asks("room.create");
    for question in [question.clone(), question.over("{}").with("MD5", "00".repeat(16)).without("AppKey")] {
        let mut wire = world.yunxin().connects().await;
        wire.drips(&question.bytes(), Duration::from_millis(300)).await;
        assert!([200, 400].contains(&wire.answer().await.status));
    }
    assert_eq!(world.only_event().await.kind().name(), "room.create");
}

/// What strangers do who never show good headers.
async fn strangers(world: &World, count: usize) -> Vec<Wire> {
    let forged = world.yunxin().signing("nobody", "nothing").asks_with("").bytes();
    let mut strangers = Vec::new();
    for number in 0..count {
        let mut wire = world.yunxin().connects().await;
        match number % 3 {
            0 => {}
            // Its connection may be gone already, as the oldest of too many.
            1 => _ = wire.tries_to_write(b"POST /receiveMsg.action HTTP/1.1\r\nAppKey: ").await,
            _ => _ = wire.tries_to_write(&forged).await,
        }
        strangers.push(wire);
    }
    strangers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_strangers_change_nothing_for_those_who_prove_themselves() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let mut known = yunxin.connects().await;
    known.writes(yunxin.asks("call.start").bytes()).await;
    known.answer().await.is_allowed();

    let mut strangers = strangers(&world, 1002).await;
    for _ in 0..20 {
        known.writes(yunxin.asks("call.start").bytes()).await;
        known.answer().await.is_allowed();
        yunxin.sends("call.start").await.is_allowed();
    }
    strangers[0].ends().await;
    // The newest of them could still prove themselves.
    let mut late = strangers.pop().unwrap();
    late.answer().await.is_refused(401, "app_unknown");
    late.writes(yunxin.asks("call.start").bytes()).await;
    late.answer().await.is_allowed();
    assert_eq!(world.keeps(42).await.len(), 42);
    assert_eq!(world.metric("offhook_unkept_total"), 0.0);
    assert_eq!(world.metric("offhook_reply_seconds_bucket{le=\"1.5\"}"), 42.0);
    assert_eq!(world.metric("offhook_in_flight"), 0.0);
}

#[tokio::test]
async fn over_the_limit_the_oldest_stranger_goes_and_never_the_newcomer() {
    let world = World::of(Plan::door(|door| door.max_unproven = 3)).await;
    let mut strangers = strangers(&world, 9).await;
    for gone in &mut strangers[..6] {
        gone.ends().await;
    }
    world.yunxin().sends("call.start").await.is_allowed();
    strangers[6].ends().await;
    let mut newest = strangers.pop().unwrap();
    newest.answer().await.is_refused(401, "app_unknown");
    newest.writes(world.yunxin().asks("call.start").bytes()).await;
    newest.answer().await.is_allowed();
}
