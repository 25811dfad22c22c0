//! The commands on a shared journal, with the real program: two instances, and whoever asks from beside.

use std::path::Path;

use super::cast::Nats;
use crate::world::{APP_KEY, APP_SECRET, Mood, Offhook, Ports, Target, Yunxin, get, offhook};

/// A configuration of an instance whose own directory is `directory`.
pub(super) fn configuration(ports: &Ports, directory: &Path, url: &str, more: &str) -> String {
    let (public, admin, directory) = (ports.public(), ports.admin(), directory.display());
    format!(
        "[server]\nlisten = \"{public}\"\n\n[admin]\nlisten = \"{admin}\"\n\n[[apps]]\napp_key = \"{APP_KEY}\"\n\
         secrets = [\"{APP_SECRET}\"]\n\n[journal]\npath = \"{directory}/own\"\nurl = \"{url}\"\n\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_that_reads_or_delivers_works_on_the_shared_journal() {
    let Some(nats) = Nats::start() else { return };
    let target = Target::listens(Mood::Stubborn);
    let handler = format!("[[handlers]]\ntype = \"http\"\nname = \"billing\"\nurl = \"{}\"\n", target.url());
    let (first_dir, second_dir) =
        (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let (first_ports, second_ports) = (Ports::reserve(), Ports::reserve());
    let write = |directory: &Path, ports: &Ports| {
        let file = directory.join("offhook.toml");
        std::fs::write(&file, configuration(ports, directory, &nats.url(), &handler)).expect("written");
        file
    };
    let (one, two) = (write(first_dir.path(), &first_ports), write(second_dir.path(), &second_ports));
    let first = Offhook::serves(&one, &first_ports, None);
    let second = Offhook::serves(&two, &second_ports, None);
    Yunxin::asking(first_ports.public()).sends("call.start").await.is_allowed();
    Yunxin::asking(second_ports.public()).sends("room.create").await.is_allowed();
    let ask = |arguments: &[&str]| {
        let config = ["--config", one.to_str().expect("text")];
        offhook(&[arguments, &config].concat())
    };
    let checked = ask(&["check"]);
    assert!(checked.err.contains(&format!("journal in the stream offhook at {}", nats.url())), "{}", checked.err);
    assert_eq!(ask(&["events", "list"]).ends_with(0).lines().count(), 2);
    assert_eq!(ask(&["events", "list", "--kind", "room.*"]).ends_with(0).lines().count(), 1);
    let exported = ask(&["events", "export", "--json"]).ends_with(0);
    let events: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((events[0]["position"].as_u64(), &events[1]["type"]), (Some(1), &"offhook.room.create".into()));
    let id = events[0]["id"].as_str().expect("an id");
    assert!(ask(&["events", "show", id]).ends_with(0).contains("call.start"));
    // Its target says 400, so both are parked; any instance's directory tells of them.
    super::cast::until("parked", || ask(&["parked", "list"]).ends_with(0).lines().count() == 2).await;
    // Each instance shows what both kept, and how handlers are.
    let shows = |path: &str, what: &str| get(second_ports.admin(), path).is_some_and(|page| page.contains(what));
    super::cast::until("seen", || shows("/api/events", id) && shows("/api/lanes", "\"parked\":2")).await;
    assert!(
        shows(&format!("/api/events/{id}"), "billing"),
        "{:?}",
        get(second_ports.admin(), &format!("/api/events/{id}"))
    );
    target.relents();
    assert!(ask(&["parked", "retry", "--all"]).err.contains("2 delivered, 0 parked still"));
    assert_eq!(target.until(|got| got.len() >= 2).await.len(), 2);
    assert!(ask(&["replay", "--handler", "billing"]).err.contains("2 delivered, 0 parked"));
    assert_eq!(target.until(|got| got.len() >= 4).await.len(), 4);
    let rules = first_dir.path().join("rules.toml");
    let rule = "[[deciders]]\ntype = \"rules\"\n[[deciders.rules]]\nname = \"none\"\nwhen = 'kind == \"call.start\"'\nreject = { code = 20010 }\n";
    std::fs::write(&rules, rule).expect("written");
    let simulated = ask(&["simulate", "--rules", rules.to_str().expect("text")]);
    assert!(simulated.out.contains("rule:none"), "{} {}", simulated.out, simulated.err);
    // Nobody serves: the command does it itself.
    for instance in [first, second] {
        instance.is_asked_to_stop();
        assert!(instance.ends().0.success());
    }
    assert!(ask(&["replay", "--handler", "billing", "--id", id]).err.contains("1 delivered, 0 parked"));
    assert_eq!(target.until(|got| got.len() >= 5).await.len(), 5);
}

#[test]
fn what_makes_no_sense_together_is_told_by_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("offhook.toml");
    let check = |journal: &str| {
        let app = format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n");
        std::fs::write(&file, format!("{app}{journal}")).expect("written");
        let said = offhook(&["check", "--config", file.to_str().expect("text")]);
        (said.code, said.err)
    };
    let url = "[journal]\nurl = \"nats://127.0.0.1:4222\"\n";
    for (journal, told) in [
        (format!("{url}min_free = \"1GiB\"\n"), "journal.min_free"),
        (format!("{url}max_size = \"1GiB\"\n"), "journal.max_size"),
        ("[journal]\nurl = \"http://nats\"\n".to_owned(), "journal.url"),
        ("[journal.nats]\nreplicas = 3\n".to_owned(), "journal.nats"),
        (format!("{url}[journal.nats]\nreplicas = 6\n"), "journal.nats.replicas"),
        (format!("{url}[journal.nats]\nstream = \"a.b\"\n"), "journal.nats.stream"),
        (format!("{url}[journal.nats]\nduplicate_window = \"9m\"\n"), "duplicate_window"),
    ] {
        let (code, err) = check(&journal);
        assert!(code == 64 && err.contains(told), "{journal}: {code} {err}");
    }
    let (code, err) = check("[journal]\nurl = \"nats://me:hush-hush@127.0.0.1:4222\"\n");
    assert!(code == 0 && !err.contains("hush"), "{err}");
}
