//! What expressions come to on an event.

use super::{Bench, rules};

const CALL: &str = r#"{"eventType":20,"fromAccount":"mei","fromClientType":"ios","fromClientPort":"50867",
    "callType":"2","forceKeepCalling":1,"toAccountList":"[\"an\",\"bo\"]","timestamp":"1573459861008",
    "note":{"level":3,"tags":["a","b"]},"big":9007199254740993,"none":null}"#;

/// Whether each of `expressions` holds for [`CALL`].
async fn held(expressions: &[&str]) -> Vec<bool> {
    let mut held = Vec::new();
    for expression in expressions {
        let bench = Bench::of(&rules(&[("it", expression, "reject = true")]));
        held.push(bench.by(CALL).await == "rule:it");
        assert_eq!(bench.metric(r#"offhook_rule_faults_total{rule="it"}"#), 0.0, "{expression}");
    }
    held
}

#[tokio::test]
async fn documented_fields_have_their_documented_types_however_they_were_sent() {
    let all = [
        "data.callType == 2",
        "raw.callType == '2'",
        "data.forceKeepCalling",
        "raw.forceKeepCalling == 1",
        "size(data.toAccountList) == 2 && data.toAccountList == ['an', 'bo'] && ['an', 'bo'] == data.toAccountList",
        "'bo' in data.toAccountList && !('mei' in data.toAccountList)",
        "data.toAccountList[1] == 'bo' && data.toAccountList.exists(a, a.startsWith('a'))",
        "data.toAccountList.all(a, a.size() == 2) && data.toAccountList.filter(a, a != 'an').size() == 1",
        "data.fromClientType == 'IOS'",
        "data['fromAccount'] == 'mei'",
        "data.timestamp > 1573459861007",
        "has(data.callType) && !has(data.notifyAttach) && has(raw.none) && raw.none == null",
        "raw.note.level == 3 && 'b' in raw.note.tags && raw.note.tags.size() == 2",
        "raw.big == 9007199254740993",
        "kind == 'call.start' && family == 'yunxin.callback' && app == ''",
        "data.fromAccount.matches('^m.i$') && !matches(data.fromAccount, 'x')",
        "data.fromAccount.contains('e') ? data.callType == 2 : false",
        "kind in ['room.create', 'call.start'] && kind.startsWith('call.')",
    ];
    let held = held(&all).await;
    let wrong: Vec<_> = all.iter().zip(&held).filter(|(_, held)| !**held).collect();
    assert_eq!(wrong, []);
}

#[tokio::test]
async fn what_does_not_hold_does_not_decide() {
    let none = [
        "data.callType == 1",
        "kind == 'room.create'",
        "kind == 'room.create' && data.channelName == 'x'",
        "has(data.notifyAttach) && data.notifyAttach == 'x'",
        "data.fromAccount == 'mei' && data.toAccountList.size() > 8",
        "now.getFullYear() < 2020",
    ];
    assert_eq!(held(&none).await, [false; 6]);
}

#[tokio::test]
async fn the_first_rule_that_holds_decides_with_its_code_and_text() {
    let bench = Bench::of(&rules(&[
        ("first", "kind == 'room.create'", "reject = true"),
        ("second", "data.fromAccount == 'mei'", "reject = { code = 20010, ext = \"not you\" }"),
        ("third", "true", "allow = { ext = \"welcome\" }"),
    ]));
    let event = offhook::Event::from_json(CALL).unwrap();
    let decision = bench.on(&event).await;
    assert_eq!((&*decision.by, decision.verdict.code(), decision.verdict.ext()), ("rule:second", 20010, "not you"));
    let decision = bench.on(&offhook::Event::from_json(r#"{"eventType":20,"fromAccount":"an"}"#).unwrap()).await;
    assert_eq!((&*decision.by, decision.verdict.code(), decision.verdict.ext()), ("rule:third", 20000, "welcome"));
}

#[tokio::test]
async fn what_deciding_took_is_counted_where_nobody_is_waited_for_too() {
    const DECIDED: &str = "offhook_stage_seconds_count{stage=\"decide\"}";
    let bench = Bench::of(&rules(&[("calls", "data.fromAccount == 'mei'", "reject = true")]));
    bench.by(CALL).await;
    bench.by(r#"{"eventType":20,"fromAccount":"an"}"#).await;
    assert_eq!(bench.metric(DECIDED), 2.0);
    let nobody = Bench::of("");
    nobody.by(CALL).await;
    assert_eq!(nobody.metric(DECIDED), 0.0);
}

#[tokio::test]
async fn a_rejection_without_a_code_has_the_configured_one() {
    let toml = format!("[verdict]\nreject_code = 20050\n{}", rules(&[("no", "true", "reject = true")]));
    let decision = Bench::of(&toml).on(&offhook::Event::from_json(CALL).unwrap()).await;
    assert_eq!(decision.verdict.code(), 20050);
}

#[tokio::test]
async fn a_message_is_changed_and_nothing_else_can_be() {
    let bench = Bench::of(&rules(&[("mask", "kind == 'message.p2p'", "modify = { body = \"***\", ext = \"{}\" }")]));
    let decision = bench.on(&offhook::Event::from_json(r#"{"eventType":1,"body":"hello"}"#).unwrap()).await;
    let offhook::Verdict::Allow { modify, .. } = &decision.verdict else { panic!("{decision:?}") };
    assert_eq!(serde_json::to_string(modify).unwrap(), r#"{"body":"***","ext":"{}"}"#);
}

#[tokio::test]
async fn a_rule_that_cannot_be_evaluated_has_no_opinion_and_is_counted() {
    let cases = [
        "data.notifyAttach == 'x'",
        "data.fromAccount > 5",
        "data.callType / 0 == 1",
        "data.toAccountList[7] == 'x'",
        "data.fromAccount",
        "raw.note.absent == 1",
        "int(data.fromAccount) == 1",
    ];
    for case in cases {
        let bench = Bench::of(&rules(&[("odd", case, "reject = true"), ("next", "true", "reject = true")]));
        assert_eq!(bench.by(CALL).await, "rule:next", "{case}");
        assert_eq!(bench.metric(r#"offhook_rule_faults_total{rule="odd"}"#), 1.0, "{case}");
    }
}

#[tokio::test]
async fn a_kind_nobody_documented_is_judged_too() {
    let bench = Bench::of(&rules(&[("new", "kind.startsWith('unknown.') && raw.who == 'mei'", "reject = true")]));
    assert_eq!(bench.by(r#"{"eventType":4711,"who":"mei"}"#).await, "rule:new");
    assert_eq!(bench.by(r#"{"eventType":4711,"who":"an"}"#).await, "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_does_not_hold_a_rule_up_for_ever() {
    let nested = "data.toAccountList.exists(a, data.toAccountList.exists(b, a + b == 'x'))";
    let toml = rules(&[("square", nested, "reject = true")]).replacen("\n", "\ntimeout = \"200ms\"\n", 1);
    let bench = Bench::of(&toml);
    let accounts = vec!["\"a\""; 200_000].join(",");
    let began = std::time::Instant::now();
    let by = bench.by(&format!(r#"{{"eventType":20,"toAccountList":[{accounts}]}}"#)).await;
    assert_eq!(by, "fallback:timeout");
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}
