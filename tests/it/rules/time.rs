//! Counters and clocks: each event's own time is what counts.

use jiff::{SignedDuration, Timestamp};
use offhook::Event;
use offhook::event::EventParts;
use offhook::kind::{Family, Kind};

use super::{Bench, rules};

/// A call of `who`, `milliseconds` after eight in the evening in Shanghai on a Monday.
fn call(who: &str, milliseconds: i64) -> Event {
    let evening: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let received = evening + SignedDuration::from_millis(milliseconds);
    let kind = Kind::named(Family::YunxinCallback, "call.start");
    let parts = EventParts::new(kind, "app", received, format!(r#"{{"eventType":20,"fromAccount":"{who}"}}"#));
    Event::new(EventParts { sent_at: Some((received.as_millisecond() - 1500).to_string()), ..parts })
}

async fn rejected(bench: &Bench, event: &Event) -> bool {
    !bench.on(event).await.verdict.allows()
}

#[tokio::test]
async fn the_sixth_call_within_a_minute_is_one_too_many_and_others_are_not_counted_with_it() {
    let bench = Bench::of(&rules(&[("rate", "calls_by(data.fromAccount, \"1m\") > 5", "reject = true")]));
    for second in 0..5 {
        assert!(!rejected(&bench, &call("mei", second * 1000)).await);
    }
    assert!(rejected(&bench, &call("mei", 5_000)).await);
    assert!(!rejected(&bench, &call("an", 5_000)).await);
    // Those of the first seconds fall out of the window; what was rejected counts as well.
    assert!(rejected(&bench, &call("mei", 59_000)).await);
    assert!(!rejected(&bench, &call("mei", 66_000)).await);
}

#[tokio::test]
async fn a_counter_counts_whatever_else_the_rule_says_but_no_kind_it_is_not_about() {
    let when = "calls_by(data.fromAccount, \"1h\") > 1 && kind == 'call.start' && data.callType == 2";
    let bench = Bench::of(&rules(&[("rate", when, "reject = true")]));
    let message = Event::from_json(r#"{"eventType":1,"fromAccount":"mei"}"#).unwrap();
    assert!(!rejected(&bench, &message).await && !rejected(&bench, &message).await);
    let video = |second| {
        let (call, body) = (call("mei", second), r#"{"eventType":20,"fromAccount":"mei","callType":2}"#);
        Event::new(EventParts::new(call.kind().clone(), "app", call.received(), body))
    };
    assert!(!rejected(&bench, &video(0)).await, "the messages were not counted");
    assert!(rejected(&bench, &video(1)).await);
}

#[tokio::test]
async fn a_million_keys_are_counted_in_bounded_memory_and_a_busy_one_is_not_lost() {
    let bench = Bench::of(&rules(&[("rate", "calls_by(data.fromAccount, \"1h\") > 50", "reject = true")]));
    let mut seen = false;
    for number in 0..120_000_i64 {
        bench.on(&call(&format!("stranger-{number}"), number)).await;
        if number % 1000 == 0 {
            seen = rejected(&bench, &call("busy", number)).await;
        }
    }
    assert!(seen, "120 calls of one account");
}

#[tokio::test]
async fn the_hour_is_the_one_in_its_time_zone() {
    let rows = [
        ("now.getHours('Asia/Shanghai') == 20 && now.getHours() == 12", true),
        ("now.getDayOfWeek('Asia/Shanghai') == 1", true),
        ("now.getHours('America/New_York') == 7", true),
        ("now.getHours('+08:00') == 20 && now.getMinutes('-03:30') == 30", true),
        ("now.getMinutes('Asia/Kathmandu') == 45 && now.getHours('UTC') == 12", true),
        ("timestamp('2026-07-01T00:00:00Z').getHours('Europe/Berlin') == 2", true),
        ("timestamp('2026-01-01T00:00:00Z').getFullYear('America/New_York') == 2025", true),
        ("[now, sentat].all(time, time.getDate('Pacific/Auckland') == 3)", true),
        ("now - sentat == duration('1.5s')", true),
        ("now > timestamp('2026-03-02T12:00:00Z')", false),
        ("sentat < now", true),
    ];
    for (when, expected) in rows {
        let bench = Bench::of(&rules(&[("it", when, "reject = true")]));
        assert_eq!(rejected(&bench, &call("mei", 0)).await, expected, "{when}");
        assert_eq!(bench.metric(r#"offhook_rule_faults_total{rule="it"}"#), 0.0, "{when}");
    }
}
