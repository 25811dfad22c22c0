//! Plain requests, which are answered without hyper: nobody can tell from an answer, and nothing is lost on the way to hyper.

use offhook::{Event, Verdict};
use tokio::sync::watch;

use crate::world::{Plan, Question, Wire, World};

/// The same question in a form that hyper has to judge.
fn for_hyper(question: &Question) -> Question {
    question.clone().and("Connection", "keep-alive, another")
}

/// All that comes back for `question`, but for the time of day.
async fn answer(question: &Question, world: &World) -> String {
    let mut wire = world.yunxin().connects().await;
    wire.writes(question.bytes()).await;
    wire.says_no_more().await;
    let came = String::from_utf8(wire.ends().await).expect("an answer in UTF-8");
    let (before, date) = came.split_once("\r\ndate: ").expect("a date");
    let (date, after) = date.split_once("\r\n").expect("the end of the date");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    format!("{before}\r\ndate: \r\n{after}")
}

#[tokio::test]
async fn an_answer_is_the_same_to_the_byte_with_hyper_and_without() {
    let reject = |event: Event| async move {
        let code = event.field("code").map(|code| code.get().parse());
        code.transpose().map(|code| code.map(Verdict::reject))
    };
    let world = World::of(Plan::adding(move |builder| builder.decide(reject))).await;
    let asks = |body: &str| world.yunxin().asks_with(body);
    for (question, status) in [
        (asks(r#"{"eventType":20}"#), 200),
        (asks(r#"{"eventType":20,"code":20010,"names":["美","安"]}"#), 200),
        (asks("{}"), 200),
        (asks("[]"), 400),
        (asks("").on_path("/callback"), 404),
        (asks("{}").on_path("/receiveMsg.action?token=a%20b"), 200),
        (asks("{}").on_path("no/path"), 400),
        (asks("{}").without("CheckSum"), 400),
        (asks("{}").and("AppKey", "twice"), 400),
        (asks("{}").with("AppKey", "nobody's"), 401),
        (asks(r#"{"eventType":20}"#).over(r#"{"eventType":21}"#), 401),
        (asks("{}").with("CurTime", [0xff]), 400),
        (asks(&format!(r#"{{"eventType":21,"pad":"{}"}}"#, "a".repeat(3000))), 200),
        (asks(&format!(r#"{{"eventType":21,"pad":"{}"}}"#, "a".repeat(20_000))), 200),
    ] {
        let (plain, judged) = (answer(&question, &world).await, answer(&for_hyper(&question), &world).await);
        assert!(plain.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {plain}");
        assert_eq!(plain, judged);
    }
}

#[tokio::test]
async fn a_connection_changes_over_to_hyper_without_losing_a_byte() {
    let world = World::start().await;
    let (yunxin, mut wire) = (world.yunxin(), world.yunxin().connects().await);
    let ask = |number: usize| yunxin.asks_with(format!(r#"{{"eventType":20,"number":{number}}}"#));
    for number in 0..3 {
        wire.writes(ask(number).bytes()).await;
        wire.answer().await.is_allowed();
    }
    // Two whole ones at once, and the beginning of a third.
    let third = ask(5).bytes();
    wire.writes([ask(3).bytes(), ask(4).bytes(), third[..third.len() - 7].to_vec()].concat()).await;
    wire.answer().await.is_allowed();
    wire.answer().await.is_allowed();
    wire.writes(&third[third.len() - 7..]).await;
    wire.answer().await.is_allowed();
    wire.writes(ask(6).bytes()).await;
    wire.answer().await.is_allowed();
    assert_eq!(world.keeps(7).await.len(), 7);
}

#[tokio::test]
async fn a_stop_closes_a_connection_at_rest_and_lets_an_answer_under_way_out() {
    let (asked, mut is_asked) = watch::channel(0);
    let (lets, let_go) = watch::channel(false);
    let plan = Plan::adding(move |builder| {
        let (asked, let_go) = (asked.clone(), let_go.clone());
        builder.decide(move |_: Event| {
            asked.send_modify(|count| *count += 1);
            let mut let_go = let_go.clone();
            async move {
                let_go.wait_for(|go| *go).await.ok();
                Verdict::reject(20010)
            }
        })
    });
    let mut world = World::of(plan).await;
    let question = world.yunxin().asks("call.start");
    let mut wires = Vec::new();
    for question in [question.clone(), for_hyper(&world.yunxin().asks("room.create"))] {
        let mut wire = world.yunxin().connects().await;
        wire.writes(question.bytes()).await;
        wires.push(wire);
    }
    let mut resting = world.yunxin().connects().await;
    resting.writes(world.yunxin().asks("probe").bytes()).await;
    resting.answer().await.is_allowed();
    is_asked.wait_for(|count| *count == 2).await.expect("questions");
    let ends = async {
        assert_eq!(resting.ends().await, b"");
        lets.send_replace(true);
        for wire in &mut wires {
            last_answer(wire).await;
        }
    };
    tokio::join!(world.stops(), ends);
}

/// A verdict, after which the connection is closed, as it says.
async fn last_answer(wire: &mut Wire) {
    let answer = wire.answer().await;
    answer.is_rejected_with(20010);
    assert_eq!(answer.header("connection"), "close");
    assert_eq!(wire.ends().await, b"");
}
