//! Out of one journal and into another: exports, imports and backups, with the real program.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::path::{Path, PathBuf};

use offhook::event::EventId;
use offhook::journal::{Filter, Position, Reader};
use offhook::{Event, Verdict};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{APP_KEY, APP_SECRET, Inbox, Offhook, Plan, Ports, Said, World, exported, offhook, offhook_in};

fn on(journal: &Path, arguments: &[&str]) -> Said {
    offhook(&[arguments, &["--journal", journal.to_str().unwrap()]].concat())
}

fn into(journal: &Path, arguments: &[&str], stdin: &[u8]) -> Said {
    offhook_in(&[], &[arguments, &["--journal", journal.to_str().unwrap()]].concat(), stdin)
}

fn all(journal: &Path) -> Vec<(Position, Event)> {
    Reader::open(journal).unwrap().page(Position(0), 10_000, &Filter::default()).unwrap().events
}

/// A journal with a few events of several answers, no server on it.
async fn filled() -> (World, PathBuf) {
    let plan = Plan::adding(|builder| {
        builder.decide(|event: Event| async move {
            match event.kind().name() {
                "room.create" => Verdict::reject(20010).with_ext("too \"late\""),
                "message.p2p" => Verdict::allow().with_change("body", "***"),
                _ => Verdict::allow().with_ext("ok"),
            }
        })
    });
    let mut world = World::of(plan).await;
    for kind in ["call.start", "room.create", "message.p2p", "team.create"] {
        world.yunxin().sends(kind).await;
    }
    world.yunxin().asks_with("{ \"eventType\": 20,\r\n \"fromAccount\" : \"mei\", \"n\": 1.50 }").sent().await;
    world.keeps(5).await;
    world.stops().await;
    let journal = world.journal();
    (world, journal)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_raw_comes_back_whole_once_and_verifies() {
    let (_world, from) = filled().await;
    let scratch = TempDir::new().unwrap();
    let to = scratch.path().join("other");
    let export = on(&from, &["events", "export", "--raw"]).ends_with(0);
    let said = into(&to, &["events", "import", "-"], export.as_bytes());
    assert!(said.err.contains("5 taken in, 0 were there already, 0 lines are none"), "{said:?}");
    let said = into(&to, &["events", "import", "-"], export.as_bytes());
    assert!(said.code == 0 && said.err.contains("0 taken in, 5 were there already"), "{said:?}");
    let (before, after) = (all(&from), all(&to));
    assert_eq!(before.len(), after.len());
    for ((_, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!((before.id(), before.kind(), before.received()), (after.id(), after.kind(), after.received()));
        assert_eq!((before.body(), before.headers()), (after.body(), after.headers()));
        assert_eq!((before.decision(), before.subject()), (after.decision(), after.subject()));
        assert!(after.is_verifiable() && after.marks().unwrap().imported.is_some() && !after.is_owed());
        let request = on(&to, &["events", "show", &after.id().to_string(), "--raw"]).ends_with(0);
        let at = after.received().to_string();
        let app = ["--app-key", APP_KEY, "--app-secret", APP_SECRET, "--at", &at];
        let said = offhook_in(&[], &[&["verify"], &app[..]].concat(), request.as_bytes()).ends_with(0);
        assert!(said.contains("verified: the sender holds the secret"), "{said}");
    }
    // And again from there.
    let lines = on(&to, &["events", "export", "--raw"]).ends_with(0);
    assert_eq!(lines.lines().count(), 5);
    assert!(lines.lines().all(|line| line.contains("\"imported\":")), "{lines}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_without_its_bytes_says_that_it_cannot_be_verified() {
    let (_world, from) = filled().await;
    let scratch = TempDir::new().unwrap();
    let to = scratch.path().join("other");
    let export = on(&from, &["events", "export", "--json"]).ends_with(0);
    into(&to, &["events", "import", "-"], export.as_bytes()).ends_with(0);
    let id = all(&to)[0].1.id().to_string();
    let page = on(&to, &["events", "show", &id]).ends_with(0);
    assert!(page.contains("imported") && page.contains("verifiable        no"), "{page}");
    let said = on(&to, &["events", "show", &id, "--raw"]);
    assert!(said.code == 1 && said.err.contains("cannot be verified again"), "{said:?}");
    let line: Value = serde_json::from_str(&on(&to, &["events", "show", &id, "--json"]).ends_with(0)).unwrap();
    assert_eq!(line["verifiable"], Value::Bool(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_line_is_told_with_its_number_and_the_others_are_taken() {
    let (_world, from) = filled().await;
    let scratch = TempDir::new().unwrap();
    let to = scratch.path().join("other");
    let export = on(&from, &["events", "export", "--json"]).ends_with(0);
    let lines: Vec<&str> = export.lines().collect();
    let other_id = EventId::at("2020-01-01T00:00:00Z".parse().unwrap()).to_string();
    let moved = lines[1].replace(&all(&from)[1].1.id().to_string(), &other_id);
    let bad = [
        ("no json", "it is no event"),
        ("{\"id\":1}", "it is no event"),
        (&*lines[1].replace("/yunxin/callback/", "/elsewhere/"), "is no event of offhook"),
        (&*lines[1].replace("\"reject\"", "\"perhaps\""), "`perhaps` is no verdict"),
        (&*moved, "was not made at"),
        ("\u{feff}", "it is no event"),
    ];
    let mut text = format!("{}\n\n", lines[0]).into_bytes();
    for (line, _) in bad {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"\xff\xfe\n");
    text.extend_from_slice(lines[4].as_bytes());
    let said = into(&to, &["events", "import", "-"], &text);
    assert_eq!(said.code, 1, "{said:?}");
    for (number, (_, why)) in bad.iter().enumerate() {
        let told = said.err.lines().find(|line| line.starts_with(&format!("line {}: ", number + 3)));
        assert!(told.is_some_and(|line| line.contains(why)), "{why}: {said:?}");
    }
    assert!(said.err.contains("line 9: it is no UTF-8"), "{said:?}");
    assert!(said.err.contains("2 taken in, 0 were there already, 7 lines are none"), "{said:?}");
    assert_eq!(all(&to).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_takes_them_in_and_delivers_none_but_to_a_replay() {
    let (_world, from) = filled().await;
    let export = on(&from, &["events", "export", "--raw"]).ends_with(0);
    let inbox = Inbox::named("inbox");
    let handler = inbox.clone();
    let world = World::of(Plan::adding(move |builder| builder.handler(handler.clone()))).await;
    let file = world.journal().with_file_name("export.jsonl");
    fs::write(&file, &export).unwrap();
    let said = on(&world.journal(), &["events", "import", file.to_str().unwrap()]);
    assert!(said.code == 0 && said.err.contains("5 taken in"), "{said:?}");
    assert!(!said.err.contains("does it itself"), "{said:?}");
    world.yunxin().sends("call.start").await.is_allowed();
    // The lane has passed over what was read in: the new one comes first.
    let got = inbox.gets(1).await;
    assert_eq!(got[0].id(), all(&world.journal())[5].1.id());
    let said = on(&world.journal(), &["replay", "--handler", "inbox", "--kind", "room.create"]);
    assert!(said.code == 0 && said.err.contains("1 delivered"), "{said:?}");
    let got = inbox.gets(2).await;
    assert!(got[1].is_replayed() && got[1].id() == all(&from)[1].1.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_while_events_come_in_opens_and_goes_on() {
    let inbox = Inbox::named("inbox");
    let handler = inbox.clone();
    let world = World::of(Plan::adding(move |builder| builder.handler(handler.clone()))).await;
    for _ in 0..20 {
        world.yunxin().sends("call.start").await.is_allowed();
    }
    inbox.gets(20).await;
    let sending = world.yunxin();
    let traffic = tokio::spawn(async move {
        for _ in 0..200 {
            sending.sends("room.create").await.is_allowed();
        }
    });
    let scratch = TempDir::new().unwrap();
    let copy = scratch.path().join("copy");
    let (journal, to) = (world.journal(), copy.to_str().unwrap().to_owned());
    let said = tokio::task::spawn_blocking(move || on(&journal, &["events", "backup", "--to", &to])).await.unwrap();
    assert!(said.code == 0 && said.err.contains("up to position"), "{said:?}");
    traffic.await.unwrap();
    let (whole, copied) = (all(&world.journal()), all(&copy));
    assert!(copied.len() >= 20);
    for ((at, event), (_, copied)) in whole.iter().zip(&copied) {
        assert_eq!((event.id(), event.body()), (copied.id(), copied.body()), "{at}");
    }
    let again = on(&world.journal(), &["events", "backup", "--to", copy.to_str().unwrap()]);
    assert!(again.code == 1 && again.err.contains("is there already"), "{again:?}");
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(&copy).unwrap() {
        let about = entry.unwrap().metadata().unwrap();
        assert_eq!(about.permissions().mode() & 0o077, 0);
    }

    // A server starts on the copy: it knows the handler's position and the events, and goes on behind them.
    let ports = Ports::reserve();
    let place = scratch.path().join("place");
    fs::create_dir(&place).unwrap();
    fs::rename(&copy, place.join("journal")).unwrap();
    let file = scratch.path().join("offhook.toml");
    fs::write(&file, ports.configuration(&place, "")).unwrap();
    let serving = Offhook::serves(&file, &ports, None);
    assert_eq!(exported(&place.join("journal")).len(), copied.len());
    drop(serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_holds_what_is_spilled() {
    let (_world, from) = filled().await;
    let scratch = TempDir::new().unwrap();
    let events = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path());
    assert!(events.into_iter().any(|path| path.ends_with("lanes.db")));
    fs::write(from.join("spill.jsonl"), "").unwrap();
    fs::write(from.join("spill.jsonl.importing"), "a line that is not whole").unwrap();
    let copy = scratch.path().join("copy");
    on(&from, &["events", "backup", "--to", copy.to_str().unwrap()]).ends_with(0);
    assert_eq!(fs::read_to_string(copy.join("spill.jsonl.importing")).unwrap(), "a line that is not whole");
    assert!(copy.join("spill.jsonl").exists() && !copy.with_extension("partial").exists());
    assert_eq!(all(&copy).len(), 5);
}

#[test]
fn an_import_that_is_killed_is_repeated_and_keeps_nothing_twice() {
    use std::io::Write;
    use std::process::Stdio;

    let scratch = TempDir::new().unwrap();
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let mut text = String::new();
    let start: jiff::Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    for number in 0..3000_i64 {
        let time = start + jiff::SignedDuration::from_secs(number);
        let id = EventId::at(time);
        text += &format!(
            "{{\"id\":\"{id}\",\"source\":\"/yunxin/callback/app\",\"type\":\"offhook.call.start\",\"time\":\"{time}\",\
             \"appkey\":\"app\",\"verdict\":\"allow\",\"data\":{{\"n\":{number}}}}}\n"
        );
    }
    fs::write(&from, &text).unwrap();
    let half = text.len() / 2;
    let mut command = crate::world::program(&[]);
    command.args(["events", "import", "-", "--journal"]).arg(&to);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&text.as_bytes()[..half]).unwrap();
    stdin.flush().unwrap();
    // Some of it is kept, and there is more to come.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !Reader::open(&to).is_ok_and(|reader| reader.last().is_ok_and(|last| last > Position(0))) {
        assert!(std::time::Instant::now() < deadline, "nothing was ever kept");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = on(&to, &["events", "import", from.to_str().unwrap()]);
    assert!(said.code == 0 && said.err.contains("0 lines are none"), "{said:?}");
    let kept = all(&to);
    let ids: std::collections::BTreeSet<_> = kept.iter().map(|(_, event)| event.id()).collect();
    assert_eq!((kept.len(), ids.len()), (3000, 3000));
}
