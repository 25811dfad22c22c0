//! `offhook simulate`: what another configuration would have answered, counted by hand as well.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offhook::Verdict;
use offhook::clock::Clock;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Journal, Options};
use offhook::kind::{Family, Kind};
use offhook::metrics::Metrics;
use offhook::verdict::Decision;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Said, offhook};

/// A journal of events that were answered long ago, a second after the other.
struct Past {
    dir: TempDir,
    began: Timestamp,
    events: Vec<Event>,
}

impl Past {
    fn new() -> Self {
        let began = "2026-03-02T08:30:00Z".parse().unwrap();
        Self { dir: tempfile::tempdir().unwrap(), began, events: Vec::new() }
    }

    fn happened(&mut self, family: Family, kind: &str, body: String, decision: Decision) {
        let received = self.began + SignedDuration::from_secs(i64::try_from(self.events.len()).unwrap());
        self.events.push(Event::new(EventParts {
            id: EventId::at(received),
            kind: Kind::named(family, kind),
            app_key: "app".into(),
            received,
            sent_at: Some(received.as_millisecond().to_string()),
            subject: Some("mei".to_owned()),
            headers: "AppKey: app\n".into(),
            body: body.into(),
            decision: Some(decision),
        }));
    }

    fn asked(&mut self, kind: &str, body: String, verdict: Verdict) {
        self.happened(Family::YunxinCallback, kind, body, Decision::by_default(verdict));
    }

    /// Writes it all down; gives the journal's path.
    async fn kept(&self) -> PathBuf {
        let path = self.dir.path().join("journal");
        let options = Options { min_free: 0, ..Options::at(&path) };
        let journal = Journal::open(options, Clock::system(), Metrics::new(Duration::from_secs(1))).unwrap();
        for event in &self.events {
            assert!(journal.append(event.clone(), None).await.is_ok());
        }
        journal.close(Duration::from_secs(60)).await;
        path
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const RULES: &str = r#"
[verdict.kinds."room.*"]
default = "reject"
reject_code = 20030

[[deciders]]
type = "rules"
[[deciders.rules]]
name = "too-many-callees"
when = 'kind == "call.start" && size(data.toAccountList) > 3'
reject = { code = 20010 }
[[deciders.rules]]
name = "too-often"
when = 'kind == "message.p2p" && calls_by(data.fromAccount, "1m") > 5'
reject = { code = 20011 }
[[deciders.rules]]
name = "at-lunch"
when = 'kind == "team.create" && now.getHours("Asia/Shanghai") == 16 && now.getMinutes() >= 40'
reject = { code = 20012 }
"#;

/// A thousand mixed events; gives how many would be answered differently, by who would say so.
fn a_thousand(past: &mut Past) -> [(&'static str, u64); 4] {
    let [mut callees, mut often, mut lunch, mut rooms] = [0; 4];
    let mut messages: Vec<(u64, String)> = Vec::new();
    for number in 0_u64..1000 {
        match number % 5 {
            0 => {
                let list = (0..number % 7).map(|place| format!("\"a{place}\"")).collect::<Vec<_>>().join(",");
                // Some were rejected in just this way already.
                let before = if number % 3 == 0 { Verdict::reject(20010) } else { Verdict::allow() };
                callees += u64::from((number % 7 > 3) == before.allows());
                past.asked("call.start", format!(r#"{{"eventType":20,"toAccountList":[{list}]}}"#), before);
            }
            1 => {
                rooms += 1;
                past.asked("room.create", r#"{"eventType":21,"channelName":"x"}"#.to_owned(), Verdict::allow());
            }
            2 => {
                let who = format!("u{}", (number / 5) % (2 + number / 100));
                // A window forgets in parts of a 32nd: nothing here falls between 60 and 62 seconds.
                let recent = messages.iter().filter(|(when, by)| *by == who && number - when <= 60).count();
                often += u64::from(recent + 1 > 5);
                messages.push((number, who.clone()));
                past.asked("message.p2p", format!(r#"{{"eventType":1,"fromAccount":"{who}"}}"#), Verdict::allow());
            }
            3 => {
                lunch += u64::from(number >= 600);
                past.asked("team.create", r#"{"eventType":7,"creator":"mei"}"#.to_owned(), Verdict::allow());
            }
            _ => {
                let body = format!(r#"{{"eventType":"5","n":{number}}}"#);
                past.happened(Family::YunxinCopy, "copy.call_duration", body, Decision::by_default(Verdict::allow()));
            }
        }
    }
    [("rule:too-many-callees", callees), ("rule:too-often", often), ("rule:at-lunch", lunch), ("default", rooms)]
}

fn simulate(arguments: &[&str]) -> Said {
    offhook(&[&["simulate"], arguments].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_mixed_events_change_exactly_as_a_count_by_hand_says() {
    let mut past = Past::new();
    let mut expected = a_thousand(&mut past);
    // A call with few callees that was rejected is now allowed, by default.
    let (journal, rules) = (past.kept().await, past.file("new.toml", RULES));
    let journal = journal.to_str().unwrap();
    let said = simulate(&["--rules", &rules, "--journal", journal, "--json"]);
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let by = |who: &str| lines.iter().filter(|line| line["new"]["verdictby"] == who).count() as u64;
    let allowed = lines.iter().filter(|line| line["kind"] == "call.start" && line["new"]["verdict"] == "allow").count();
    expected[0].1 -= allowed as u64;
    expected[3].1 += allowed as u64;
    for (who, count) in expected {
        assert!(count > 0, "{who}");
        assert_eq!(by(who), count, "{who}");
    }
    let all: u64 = expected.iter().map(|(_, count)| count).sum();
    assert_eq!(lines.len() as u64, all);
    assert_eq!((said.code, lines[0]["old"]["verdictby"].as_str()), (0, Some("default")));
    assert!(said.err.contains(&format!("{all} of 800 verdicts would change")), "{}", said.err);
    assert!(said.err.contains("200 event(s) were left out"), "{}", said.err);

    let export = offhook(&["events", "export", "--json", "--journal", journal]).ends_with(0);
    let export = past.file("events.jsonl", &export);
    let again = simulate(&["--rules", &rules, "--from", &export, "--json"]).ends_with(0);
    assert_eq!(again, said.out, "an export says the same");

    let groups = simulate(&["--rules", &rules, "--journal", journal]).ends_with(0);
    let rooms = "default on room.create: 200 event(s), allow 20000 (default) -> reject 20030 (default)";
    assert!(groups.contains(rooms) && groups.contains("  and 197 more"), "{groups}");

    let few =
        simulate(&["--rules", &rules, "--journal", journal, "--kind", "team.*", "--since", "2026-03-02T08:40:00Z"]);
    assert!(few.ends_with(0).starts_with("rule:at-lunch on team.create: 80 event(s)"));
}

#[tokio::test]
async fn the_share_that_changes_sets_the_exit_code() {
    let mut past = Past::new();
    for number in 0..200 {
        let who = if number < 2 { "bo" } else { "an" };
        past.asked("call.start", format!(r#"{{"eventType":20,"fromAccount":"{who}"}}"#), Verdict::allow());
    }
    let rule = "[[deciders]]\ntype = \"rules\"\nlists.blocked = [\"bo\"]\n[[deciders.rules]]\nname = \"blocked\"\n\
                when = 'data.fromAccount in lists.blocked'\nreject = true\n";
    let (journal, rules) = (past.kept().await, past.file("new.toml", rule));
    let run = |most: &str| simulate(&["--rules", &rules, "--journal", journal.to_str().unwrap(), "--max-change", most]);
    for (most, code) in [("1%", 0), ("1.5%", 0), ("0.99%", 1), ("0%", 1), ("100%", 0)] {
        assert_eq!(run(most).code, code, "{most}");
    }
    assert!(run("0%").err.contains("error: 1.00% of the verdicts would change, more than 0.00%"));
    for wrong in ["1", "101%", "-1%", "NaN%", "some%"] {
        assert_eq!(run(wrong).code, 2, "{wrong}");
    }
}

#[tokio::test]
async fn a_configuration_with_faults_and_an_export_that_is_none_are_told_of() {
    let past = Past::new();
    let good = past.file("good.toml", "[verdict]\ndefault = \"allow\"\n");
    let bad = past.file("bad.toml", "[[decider]]\ntype = \"rules\"\n");
    let said = simulate(&["--rules", &bad, "--from", &good]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("decider: unknown key") && said.err.contains("did you mean `deciders`?"), "{}", said.err);
    let said = simulate(&["--rules", &good, "--from", &good]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("good.toml, line 1: it is no event of `events export --json`"), "{}", said.err);
    let empty = past.file("empty.jsonl", "");
    let said = simulate(&["--rules", &good, "--from", &empty]);
    assert!(said.err.contains("there was no event to judge"), "{}", said.err);
    assert_eq!(said.code, 0);
}

#[tokio::test]
async fn a_whole_configuration_is_taken_as_well_though_its_secrets_are_elsewhere() {
    let mut past = Past::new();
    past.asked("call.start", r#"{"eventType":20}"#.to_owned(), Verdict::allow());
    let whole = "[server]\nlisten = \"0.0.0.0:80\"\n[[apps]]\napp_key = \"app\"\nsecrets = [{ file = \"/nowhere\" }]\n\
                 [apps.verdict]\ndefault = \"reject\"\n[[handlers]]\ntype = \"log\"\n";
    let (journal, rules) = (past.kept().await, past.file("whole.toml", whole));
    let said = simulate(&["--rules", &rules, "--journal", journal.to_str().unwrap()]).ends_with(0);
    assert!(said.starts_with("default on call.start: 1 event(s), allow 20000"), "{said}");
}
