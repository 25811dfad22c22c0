//! The handler that rings for an event: once, whatever happens to the process, the network or the event.

use std::path::Path;

use offhook::Outcome;
use offhook::clock::Clock;
use offhook::deliver::Handler;
use offhook::event::{Event, EventParts};
use offhook::handlers::{RobotCall, RobotCallSettings, Template};
use offhook::journal::{Entry, Outbox, Stage};
use offhook::kind::{Family, Kind};
use offhook::tencent::call_engine::Media;
use offhook::tencent::{Account, Host, UserId};
use offhook::verdict::{Decision, Verdict};
use serde_json::json;
use tempfile::TempDir;

use super::call_engine::key;
use super::stand_in::{Says, StandIn, body};

const OK: &str = r#"{"ErrorCode":0,"ErrorInfo":"","ActionStatus":"OK","Response":{"CallId":"c-1","CallResult":[]}}"#;
const BODY: &str = r#"{"eventType":20,"fromAccount":"lin_yue","toAccountList":"[\"chen_bo\",\"wang_min\"]","order":{"no":9007199254740993}}"#;

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

fn settings(tencent: &StandIn, journal: &Path) -> RobotCallSettings {
    let host = Host::parse(tencent.url()).expect("a host");
    RobotCallSettings {
        account: Account { key: key(), admin: UserId::administrator(), host: Some(host), ingest: None },
        journal: offhook::journal::Options::at(journal),
        callbacks: false,
        accounts: Vec::new(),
        verdict: None,
        robot: template("concierge"),
        callees: vec![template("{data.toAccountList}"), template("{subject}")],
        media_type: Media::Audio,
        room: template("call-{id}"),
        user_data: Some(template("{{{kind}}} {data.order.no}")),
        timeout_ms: 30_000,
        push_title: None,
        push_desc: Some(template("{subject} rang")),
        media: None,
    }
}

fn handler(settings: RobotCallSettings) -> RobotCall {
    RobotCall::new("ring", settings, Clock::system()).expect("a handler")
}

fn event(body: &'static str) -> Event {
    let kind = Kind::named(Family::YunxinCallback, "call.start");
    let parts = EventParts::new(kind, "app", Clock::system().now(), body);
    let decision = Some(Decision::by_default(Verdict::allow()));
    Event::new(EventParts { subject: Some("lin_yue".to_owned()), decision, ..parts })
}

fn failing(code: i64) -> Says {
    body(json!({"ErrorCode": code, "ErrorInfo": "as told", "ActionStatus": "FAIL"}))
}

#[tokio::test]
async fn an_event_rings_once_however_often_it_comes_and_across_restarts() {
    let (dir, tencent) = (TempDir::new().unwrap(), StandIn::saying([body(OK)]).await);
    let event = event(BODY);
    for _ in 0..2 {
        let handler = handler(settings(&tencent, dir.path()));
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
    }
    let asked = tencent.asked();
    assert_eq!(asked.len(), 1);
    let expected = json!({"Robot_Account": "concierge", "CalleeList_Account": ["chen_bo", "wang_min", "lin_yue"],
        "Timeout": 30_000, "UserData": "{call.start} 9007199254740993",
        "CallInfo": {"MediaType": "Audio", "RoomId": format!("call-{}", event.id()), "RoomIdType": 2},
        "OfflinePushInfo": {"Desc": "lin_yue rang"}});
    assert_eq!(asked[0].json(), expected);
    let entry = Outbox::at(dir.path()).entry("ring", event.id()).unwrap().unwrap();
    assert_eq!((entry.stage, entry.note.as_str()), (Stage::Confirmed, "c-1"));
}

#[tokio::test]
async fn a_process_that_died_while_it_rang_never_rings_again() {
    let (dir, tencent) = (TempDir::new().unwrap(), StandIn::saying([body(OK)]).await);
    let event = event(BODY);
    let sent = Entry { stage: Stage::Sent, note: String::new(), at: Clock::system().now() };
    Outbox::at(dir.path()).write("ring", event.id(), &sent).unwrap();
    for _ in 0..2 {
        let outcome = handler(settings(&tencent, dir.path())).deliver(&event).await;
        assert!(matches!(&outcome, Outcome::GiveUp { why } if why.contains("may have rung")), "{outcome:?}");
    }
    assert_eq!(tencent.asked().len(), 0);
    // One that died before it sent anything rings.
    let planned = Entry { stage: Stage::Planned, ..sent };
    Outbox::at(dir.path()).write("ring", event.id(), &planned).unwrap();
    assert_eq!(handler(settings(&tencent, dir.path())).deliver(&event).await, Outcome::Done);
    assert_eq!(tencent.asked().len(), 1);
}

#[tokio::test]
async fn what_may_have_rung_is_parked_and_what_did_not_may_ring_later() {
    for says in [Says::Nothing, Says::Status(502, ""), failing(60_008)] {
        let (dir, tencent) = (TempDir::new().unwrap(), StandIn::saying([says, body(OK)]).await);
        let (event, handler) = (event(BODY), handler(settings(&tencent, dir.path())));
        for _ in 0..2 {
            assert!(matches!(handler.deliver(&event).await, Outcome::GiveUp { .. }));
        }
        assert_eq!(tencent.asked().len(), 1);
    }
    let (dir, tencent) = (TempDir::new().unwrap(), StandIn::saying([failing(60_020), failing(70_050), body(OK)]).await);
    let event = event(BODY);
    let outcome = handler(settings(&tencent, dir.path())).deliver(&event).await;
    assert!(matches!(&outcome, Outcome::GiveUp { why } if why.contains("60020")), "{outcome:?}");
    assert!(matches!(handler(settings(&tencent, dir.path())).deliver(&event).await, Outcome::GiveUp { .. }));
    assert_eq!(handler(settings(&tencent, dir.path())).deliver(&event).await, Outcome::Done);
}

#[tokio::test]
async fn only_events_that_are_meant_ring_and_one_that_cannot_is_parked_unsent() {
    let (dir, tencent) = (TempDir::new().unwrap(), StandIn::saying([body(OK)]).await);
    let usual = || settings(&tencent, dir.path());
    let event = event(BODY);
    let others = RobotCallSettings { accounts: vec!["somebody".to_owned()], ..usual() };
    assert_eq!(handler(others).deliver(&event).await, Outcome::Done);
    assert_eq!(handler(RobotCallSettings { verdict: Some("reject"), ..usual() }).deliver(&event).await, Outcome::Done);
    for (robot, expected) in [("{data.nothing}", "no text for {data.nothing}"), ("{kind}", "the user id `call.start`")]
    {
        let outcome = handler(RobotCallSettings { robot: template(robot), ..usual() }).deliver(&event).await;
        assert!(matches!(&outcome, Outcome::GiveUp { why } if why.contains(expected)), "{outcome:?}");
    }
    assert_eq!(tencent.asked().len(), 0);
    let both = RobotCallSettings { accounts: vec!["lin_yue".to_owned()], verdict: Some("allow"), ..usual() };
    assert_eq!(handler(both).deliver(&event).await, Outcome::Done);
    assert_eq!(tencent.asked().len(), 1);
}

#[test]
fn a_template_says_what_it_does_not_know() {
    for (text, expected) in [
        ("{nobody}", "there is no place {nobody}"),
        ("a}", "stands alone"),
        ("{id", "stands alone"),
        ("{data.}", "no place"),
    ] {
        assert!(Template::parse(text).unwrap_err().contains(expected), "{text}");
    }
}
