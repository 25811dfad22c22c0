//! `replay`, `parked retry`, `parked drop` and `events tail`, with a server on the journal and without one.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Mood, Offhook, Ports, Said, Target, Yunxin, exported, offhook, program};

/// A server, and the target of its handler `billing`.
struct Place {
    dir: TempDir,
    ports: Ports,
    target: Target,
}

impl Place {
    fn new(mood: Mood) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), ports: Ports::reserve(), target: Target::listens(mood) };
        let handler = format!("[[handlers]]\nname = \"billing\"\ntype = \"http\"\nurl = \"{}\"\n", place.target.url());
        fs::write(place.configuration(), place.ports.configuration(place.dir.path(), &handler)).unwrap();
        place
    }

    fn configuration(&self) -> PathBuf {
        self.dir.path().join("offhook.toml")
    }

    fn serves(&self) -> Offhook {
        Offhook::serves(&self.configuration(), &self.ports, None)
    }

    fn yunxin(&self) -> Yunxin {
        Yunxin::asking(self.ports.public())
    }

    /// Runs a command on the journal of this configuration.
    fn runs(&self, arguments: &[&str]) -> Said {
        let configuration = self.configuration();
        offhook(&[arguments, &["--config", configuration.to_str().unwrap()]].concat())
    }

    fn kept(&self) -> Vec<Value> {
        exported(&self.dir.path().join("journal"))
    }

    fn parked(&self) -> Vec<Value> {
        let out = self.runs(&["parked", "list", "--json"]).ends_with(0);
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until so many deliveries are parked.
    fn parks(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let parked = self.parked();
            if parked.len() >= count {
                return parked;
            }
            assert!(Instant::now() < deadline, "{parked:?}");
        }
    }
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

async fn stop(serving: Offhook) {
    serving.is_asked_to_stop();
    let (status, said) = tokio::task::spawn_blocking(|| serving.ends()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_deliveries_are_tried_again_by_the_server_that_runs() {
    let place = Place::new(Mood::Stubborn);
    let _serving = place.serves();
    place.yunxin().sends("call.start").await.is_allowed();
    place.yunxin().sends("room.create").await.is_allowed();
    let parked = place.parks(2);
    assert!(parked.iter().all(|parked| parked["why"].as_str().unwrap().starts_with("400")), "{parked:?}");

    // It still says no: tried, and parked as before.
    let said = place.runs(&["parked", "retry", "--handler", "billing", "--all"]);
    assert_eq!(said.err, "0 delivered, 2 parked still\n");
    assert_eq!(said.ends_with(1).lines().count(), 2);
    assert_eq!(place.parked()[0]["attempts"], 2);

    place.target.relents();
    let said = place.runs(&["parked", "retry", ids(&parked)[1]]);
    assert_eq!(said.err, "1 delivered, 0 parked still\n");
    let arrived = place.target.until(|accepted| accepted.len() == 1).await;
    assert_eq!(ids(&arrived), [ids(&parked)[1]]);
    assert_eq!(ids(&place.parked()), [ids(&parked)[0]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_deliveries_are_tried_again_or_given_up_where_no_server_runs() {
    let place = Place::new(Mood::Stubborn);
    let serving = place.serves();
    for _ in 0..3 {
        place.yunxin().sends("call.start").await.is_allowed();
    }
    let parked = place.parks(3);
    stop(serving).await;
    place.target.relents();
    let said = place.runs(&["parked", "retry", ids(&parked)[0]]);
    assert!(said.err.ends_with("1 delivered, 0 parked still\n"), "{}", said.err);
    place.target.until(|accepted| accepted.len() == 1).await;

    let said = place.runs(&["parked", "drop", "--all", "--handler", "billing"]);
    assert!(said.err.ends_with("2 given up for good; their events stay in the journal\n"), "{}", said.err);
    assert_eq!(place.parked(), Vec::<Value>::new());
    assert_eq!(place.kept().len(), 3);
    place.runs(&["parked", "drop", "--all"]).ends_with(1);
    place.runs(&["parked", "retry"]).ends_with(2);
    place.runs(&["parked", "retry", "nonsense"]).ends_with(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_gives_a_handler_the_wanted_events_again_marked_as_replayed() {
    let place = Place::new(Mood::Good);
    let serving = place.serves();
    for kind in ["call.start", "room.create", "call.start"] {
        place.yunxin().sends(kind).await.is_allowed();
    }
    let first = place.target.until(|accepted| accepted.len() == 3).await;
    assert!(first.iter().all(|event| event.get("replayed").is_none()), "{first:?}");

    let said = place.runs(&["replay", "--handler", "billing", "--kind", "call.*", "--rate", "1000"]);
    assert_eq!(said.err, "2 delivered, 0 parked\n");
    let all = place.target.until(|accepted| accepted.len() == 5).await;
    assert_eq!(ids(&all[3..]), [ids(&first)[0], ids(&first)[2]]);
    assert!(all[3..].iter().all(|event| event["replayed"] == true), "{all:?}");

    let said = place.runs(&["replay", "--handler", "biling", "--since", "1h"]);
    assert!(said.err.contains("no handler `biling` here; there is `billing`"), "{}", said.err);
    said.ends_with(1);

    stop(serving).await;
    let said = place.runs(&["replay", "--handler", "billing", "--id", ids(&first)[1]]);
    assert!(said.err.ends_with("1 delivered, 0 parked\n"), "{}", said.err);
    let all = place.target.until(|accepted| accepted.len() == 6).await;
    assert_eq!(ids(&all[5..]), [ids(&first)[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_gives_a_handler_no_kind_that_it_does_not_take() {
    let place = Place::new(Mood::Good);
    let text = fs::read_to_string(place.configuration()).unwrap();
    fs::write(place.configuration(), format!("{text}kinds = [\"call.*\"]\n")).unwrap();
    let _serving = place.serves();
    for kind in ["room.create", "call.start", "message.p2p"] {
        place.yunxin().sends(kind).await.is_allowed();
    }
    place.target.until(|accepted| accepted.len() == 1).await;
    assert_eq!(place.runs(&["replay", "--handler", "billing", "--since", "1h"]).err, "1 delivered, 0 parked\n");
    let kept = place.kept();
    let said = place.runs(&["replay", "--handler", "billing", "--id", ids(&kept)[0]]);
    assert_eq!(said.err, "0 delivered, 0 parked: no kept event is both meant and of a kind that this handler takes\n");
    let all = place.target.until(|accepted| accepted.len() == 2).await;
    assert!(all.iter().all(|event| event["type"] == "offhook.call.start"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_to_a_url_needs_no_server_and_says_what_did_not_arrive() {
    let (place, other) = (Place::new(Mood::Good), Target::listens(Mood::Stubborn));
    let serving = place.serves();
    place.yunxin().sends("call.start").await.is_allowed();
    place.yunxin().sends("room.create").await.is_allowed();
    stop(serving).await;
    let said = place.runs(&["replay", "--to", &other.url(), "--kind", "room.create"]);
    assert!(said.err.contains("400") && said.err.ends_with("0 delivered, 1 not\n"), "{}", said.err);
    said.ends_with(1);
    other.relents();
    place.runs(&["replay", "--to", &other.url(), "--verdict", "allow"]).ends_with(0);
    let arrived = other.until(|accepted| accepted.len() == 2).await;
    assert_eq!(ids(&arrived), ids(&place.kept()));
    assert!(arrived.iter().all(|event| event["replayed"] == true), "{arrived:?}");
    place.runs(&["replay", "--kind", "call.*"]).ends_with(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_found_by_account_and_verdict_and_told_as_they_come() {
    let place = Place::new(Mood::Good);
    let _serving = place.serves();
    let configuration = place.configuration();
    let tail = ["events", "tail", "--since", "1h", "--json", "--config", configuration.to_str().unwrap()];
    let mut tail = program(&tail).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    for (who, whom) in [("mei", "jun"), ("jun", "lan"), ("lan", "meixi")] {
        let body = format!(
            r#"{{"eventType":20,"fromAccount":"{who}","toAccountList":["{whom}"],"ext":"{{\"host\":\"wei \\\"w\\\"\"}}"}}"#
        );
        place.yunxin().sends_body(body).await.is_allowed();
    }
    let told: Vec<Value> = lines.by_ref().take(3).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    tail.kill().unwrap();
    tail.wait().unwrap();
    let subjects: Vec<_> = told.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["mei", "jun", "lan"]);
    assert!(told[0].get("data").is_none());

    let found =
        |arguments: &[&str]| place.runs(&[&["events", "list"], arguments].concat()).ends_with(0).lines().count();
    for (account, count) in [("mei", 1), ("jun", 2), ("lan", 2), ("wei \"w\"", 3), ("nobody", 0), ("me", 0)] {
        assert_eq!(found(&["--account", account]), count, "{account}");
    }
    for (verdict, count) in [("allow", 3), ("reject", 0), ("default", 3), ("def*", 3), ("rule:late", 0)] {
        assert_eq!(found(&["--verdict", verdict]), count, "{verdict}");
    }
    assert_eq!(found(&["--id", told[1]["id"].as_str().unwrap()]), 1);
}
