//! The real program with deciders from its configuration: what they say, what they cost, what is shown of them afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Manner, Offhook, Ports, Service, Yunxin, exported, get, offhook};

/// A directory, its ports, and what the usual configuration is followed by.
struct Place {
    dir: TempDir,
    ports: Ports,
}

/// Rejections without a code have these.
const VERDICTS: &str =
    "[verdict]\nfallback = \"reject\"\nreject_code = 20050\n[verdict.kinds.\"room.*\"]\nreject_code = 20051\n";

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), ports: Ports::reserve() }
    }

    fn configuration(&self, more: &str) -> PathBuf {
        let file = self.dir.path().join("offhook.toml");
        fs::write(&file, self.ports.configuration(self.dir.path(), more)).unwrap();
        file
    }

    fn serves(&self, more: &str) -> Offhook {
        Offhook::serves(&self.configuration(more), &self.ports, None)
    }

    fn yunxin(&self) -> Yunxin {
        Yunxin::asking(self.ports.public())
    }

    /// The kept events, as soon as there are `count` and all of them are `enough`.
    fn exports(&self, count: usize, enough: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let events = exported(&self.dir.path().join("journal"));
            if events.len() >= count && events.iter().all(&enough) {
                return events;
            }
            assert!(Instant::now() < deadline, "{events:?}");
        }
    }

    fn program(&self, lines: &str) -> PathBuf {
        let path = self.dir.path().join("decide");
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn http(service: &Service, more: &str) -> String {
    format!("{VERDICTS}[[deciders]]\ntype = \"http\"\nname = \"ask\"\nurl = \"{}\"\n{more}\n", service.url())
}

fn exec(program: &Path, more: &str) -> String {
    let program = program.display();
    format!("{VERDICTS}[[deciders]]\ntype = \"exec\"\nname = \"run\"\ncommand = \"{program}\"\n{more}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_without_a_code_gets_the_one_that_is_configured_for_its_kind() {
    let place = Place::new();
    let service = Service::with(Manner::Says(r#"{"verdict":"reject"}"#));
    let program = place.program("exit 1");
    let rules = format!(
        "{VERDICTS}[[deciders]]\ntype = \"rules\"\n[[deciders.rules]]\nname = \"all\"\nwhen = \"true\"\nreject = true\n"
    );
    for (more, by) in [(http(&service, ""), "ask"), (exec(&program, ""), "run"), (rules, "rule:all")] {
        let serving = place.serves(&more);
        let yunxin = place.yunxin();
        yunxin.sends("call.start").await.is_rejected_with(20050);
        yunxin.sends("room.create").await.is_rejected_with(20051);
        serving.is_asked_to_stop();
        assert_eq!(serving.ends().0.code(), Some(0));
        let events = place.exports(2, |_| true);
        let said: Vec<_> =
            events.iter().rev().take(2).map(|event| (&event["verdictcode"], &event["verdictby"])).collect();
        assert_eq!(said, [(&json!(20051), &json!(by)), (&json!(20050), &json!(by))]);
    }
    // A service that chooses one is believed.
    service.turns(Manner::Says(r#"{"verdict":"reject","code":20099}"#));
    let _serving = place.serves(&http(&service, ""));
    place.yunxin().sends("call.start").await.is_rejected_with(20099);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_of_a_service_overrules_and_is_an_event() {
    let place = Place::new();
    let service = Service::with(Manner::After(Duration::from_millis(600)));
    let mut serving = place.serves(&http(&service, "timeout = \"100ms\"\nlate = \"30s\""));
    place.yunxin().sends("call.start").await.is_rejected_with(20050);
    let events = place.exports(2, |_| true);
    assert_eq!((&events[0]["verdictby"], &events[0]["verdict"]), (&json!("fallback:timeout"), &json!("reject")));
    assert_eq!((&events[1]["type"], &events[1]["verdict"]), (&json!("offhook.verdict.overruled"), &json!("allow")));
    assert_eq!((&events[1]["data"]["event"], &events[1]["verdictby"]), (&events[0]["id"], &json!("ask")));
    serving.says("overruled");
    let numbers = get(place.ports.admin(), "/metrics").unwrap();
    assert!(numbers.contains("offhook_late_opinions_total{decider=\"ask\",answer=\"other\"} 1"), "{numbers}");
    assert!(numbers.contains("offhook_stage_seconds_count{stage=\"decide\"} 1"), "{numbers}");

    // Nobody was asked about our own event, so nothing else can be said of it.
    let rules = place.dir.path().join("rules.toml");
    fs::write(&rules, "[verdict]\ndefault = \"reject\"\n").unwrap();
    let journal = place.dir.path().join("journal");
    let (rules, journal) = (rules.to_str().unwrap(), journal.to_str().unwrap());
    let said = offhook(&["simulate", "--rules", rules, "--journal", journal]);
    assert!(
        said.err.contains("of 1 verdicts would change") && said.err.contains("1 event(s) were left out"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shadow_would_have_answered_is_shown_and_exported() {
    let place = Place::new();
    let shadow = "[[deciders]]\ntype = \"rules\"\nname = \"strict\"\nshadow = true\n\
                  [[deciders.rules]]\nname = \"all-calls\"\nwhen = 'kind == \"call.start\"'\nreject = { code = 20033 }\n";
    let _serving = place.serves(shadow);
    place.yunxin().sends("call.start").await.is_allowed();
    place.yunxin().sends("room.create").await.is_allowed();
    let events = place.exports(2, |event| event["shadows"].is_array());
    let would = json!([{"decider":"strict","verdict":"reject","verdictcode":20033,"verdictby":"rule:all-calls"}]);
    assert_eq!((&events[0]["shadows"], &events[0]["verdict"]), (&would, &json!("allow")));
    assert_eq!(events[1]["shadows"], json!([{"decider":"strict"}]), "no opinion");
    let journal = place.dir.path().join("journal");
    let shown = offhook(&["events", "show", events[0]["id"].as_str().unwrap(), "--journal", journal.to_str().unwrap()]);
    let shown = shown.ends_with(0);
    assert!(shown.contains("strict: reject with 20033 (by rule:all-calls)"), "{shown}");
}

/// How long a question about a room takes while `more` has trouble with calls, which are answered by `reason`.
async fn beside_a_bad_decider(place: &Place, more: &str, body: &str, reason: &str) {
    let serving = place.serves(more);
    let yunxin = place.yunxin();
    let before = place.exports(0, |_| true).len();
    let bad = yunxin.asks_with(body);
    let asking = tokio::spawn(async move { bad.sent().await });
    let mut slowest = Duration::ZERO;
    let mut others = 0;
    while !asking.is_finished() {
        let began = Instant::now();
        yunxin.sends("room.create").await.is_allowed();
        slowest = slowest.max(began.elapsed());
        others += 1;
    }
    asking.await.unwrap().is_rejected_with(20050);
    assert!(others > 0 && slowest < Duration::from_secs(2), "{reason}: {others} others, the slowest took {slowest:?}");
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    let events = place.exports(before + others + 1, |_| true);
    let by = |event: &&Value| event["type"] == "offhook.call.start" && event["verdictby"] == reason;
    assert_eq!(events[before..].iter().filter(by).count(), 1, "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_or_a_program_without_end_harms_its_own_opinion_only() {
    let place = Place::new();
    // Every callee beside every other one, of as many as a body holds: hours of work.
    let when = "data.toAccountList.exists(a, data.toAccountList.exists(b, a + b == raw.nobody))";
    let endless = format!(
        "{VERDICTS}[[deciders]]\ntype = \"rules\"\nkinds = [\"call.*\"]\n[[deciders.rules]]\nname = \"endless\"\n\
         when = '{when}'\nallow = true\n"
    );
    let callees = vec!["\"a\""; 240_000].join(",");
    let body = format!(r#"{{"eventType":20,"fromAccount":"mei","toAccountList":[{callees}],"nobody":"x"}}"#);
    assert!(body.len() > 900_000);
    beside_a_bad_decider(&place, &endless, &body, "fallback:timeout").await;
    let program = place.program("while :; do :; done");
    let kinds = "kinds = [\"call.*\"]";
    beside_a_bad_decider(&place, &exec(&program, kinds), r#"{"eventType":20}"#, "fallback:timeout").await;
    let program = place.program("kill -SEGV $$");
    beside_a_bad_decider(&place, &exec(&program, kinds), r#"{"eventType":20}"#, "fallback:error").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deciders_are_loaded_anew_and_a_bad_file_changes_nothing() {
    let place = Place::new();
    let first = Service::with(Manner::Says(r#"{"verdict":"reject","code":20061}"#));
    let second = Service::with(Manner::Says(r#"{"verdict":"reject","code":20062}"#));
    let mut serving = place.serves(&http(&first, ""));
    let yunxin = place.yunxin();
    yunxin.sends("call.start").await.is_rejected_with(20061);
    place.configuration(&http(&second, "timeout = \"soon\""));
    serving.says("deciders[0].timeout");
    yunxin.sends("call.start").await.is_rejected_with(20061);
    place.configuration(&http(&second, ""));
    serving.says("reloaded");
    yunxin.sends("call.start").await.is_rejected_with(20062);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decider_that_keeps_failing_is_told_of_now_and_then_and_counted_each_time() {
    let place = Place::new();
    let service = Service::with(Manner::Status(500));
    let mut serving = place.serves(&http(&service, "breaker_failures = 0"));
    let (yunxin, began) = (place.yunxin(), Instant::now());
    for _ in 0..60 {
        yunxin.sends("call.start").await.is_rejected_with(20050);
    }
    // Five lines a second at most.
    let most = 5 * (began.elapsed().as_secs() + 2);
    let lines = u64::try_from(serving.said().matches("decider failed").count()).unwrap();
    assert!((1..=most).contains(&lines), "{lines} lines, at most {most}");
    let numbers = get(place.ports.admin(), "/metrics").unwrap();
    assert!(numbers.contains("offhook_decider_failures_total{decider=\"ask\",why=\"error\"} 60"), "{numbers}");
}
