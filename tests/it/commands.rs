//! The commands that come and go: what they print, and the code they end with.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use offhook::{Event, Handler, Outcome};
use serde_json::Value;

use crate::world::{
    ALLOW, APP_KEY, APP_SECRET, Inbox, Plan, Said, World, offhook, offhook_in, program, reserved, url_of,
};

const APP: [(&str, &str); 2] = [("OFFHOOK_APP_KEY", APP_KEY), ("OFFHOOK_APP_SECRET", APP_SECRET)];

/// `offhook send` to this world, with its app.
fn send(world: &World, arguments: &[&str]) -> Said {
    let to = format!("http://{}/receiveMsg.action", world.addresses().public);
    offhook_in(&APP, &[&["send", "--to", &to], arguments].concat(), b"")
}

/// A command on the journal of this world.
fn on_journal(world: &World, arguments: &[&str]) -> Said {
    let journal = world.journal();
    offhook(&[arguments, &["--journal", journal.to_str().unwrap()]].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_is_sent_signed_and_the_answer_told() {
    let world = World::start().await;
    let said = send(&world, &["call.start"]).ends_with(0);
    for part in ["status      200", ALLOW, "ms of 2000 ms", "conclusion  allowed"] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let said = send(&world, &["call.start", "--set", "callType=1", "--set", "fromAccount=bo", "--json"]).ends_with(0);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["status"], &told["verdict"], &told["reply"]), (&200.into(), &"allow".into(), &ALLOW.into()));
    assert!(told["took_ms"].as_f64().unwrap() > 0.0);
    let kept = world.keeps(2).await;
    assert_eq!((kept[1].field("callType").unwrap().get(), kept[1].subject()), ("1", Some("bo")));
    for kind in ["room.create", "message.p2p", "probe"] {
        send(&world, &[kind, "--expect", "allow"]).ends_with(0);
    }
    // Nobody but us could check this one, so it is rejected until a decider allows it.
    let said = send(&world, &["login.im"]);
    assert_eq!(said.code, 0, "a rejection is a valid verdict: {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_verdict_than_the_expected_one_is_a_no() {
    let world = World::start().await;
    let said = send(&world, &["call.start", "--expect", "reject"]).ends_with(1);
    assert!(said.contains("conclusion  allowed"), "{said}");
    let plan = Plan::adding(|builder| builder.decide(|_: Event| async { offhook::Verdict::reject(20010) }));
    let world = World::of(plan).await;
    let said = send(&world, &["call.start", "--expect", "reject"]).ends_with(0);
    assert!(said.contains("rejected with 20010"), "{said}");
    send(&world, &["call.start", "--expect", "allow"]).ends_with(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_tampered_with_is_found_out() {
    let world = World::start().await;
    let tampered = [
        ("md5", "body_changed"),
        ("checksum", "check_sum_mismatch"),
        ("stale", "stale"),
        ("appkey", "app_unknown"),
        ("body", "body_changed"),
    ];
    for (what, code) in tampered {
        let said = send(&world, &["call.start", "--tamper", what]).ends_with(1);
        assert!(said.contains("401") && said.contains(&format!("\"error\":\"{code}\"")), "{what}: {said}");
        assert!(said.contains("no valid answer: status 401: the console default decides"), "{what}: {said}");
    }
    assert!(world.kept().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_configuration_listens_on_is_where_it_goes() {
    let world = World::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offhook.toml");
    let port = world.addresses().public.port();
    let sends = |kind: &str, listen: &str, more: &str| {
        let app = format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n");
        fs::write(&file, format!("[server]\nlisten = \"{listen}\"\n{more}{app}")).unwrap();
        offhook(&["send", kind, "--config", file.to_str().unwrap()])
    };
    for listen in [format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}")] {
        assert!(sends("call.start", &listen, "").ends_with(0).contains("conclusion  allowed"));
        sends("copy.message", &listen, "").ends_with(0);
    }
    let path = "[[endpoints]]\npath = \"/yunxin/callback\"\nfamily = \"yunxin.callback\"\n";
    let listen = format!("127.0.0.1:{port}");
    sends("call.start", &listen, path).ends_with(0);
    assert!(sends("call.start", &listen, &path.replace("/yunxin/", "/no/")).ends_with(1).contains("404"));
    let said = sends("copy.message", &listen, path);
    assert!(said.code == 2 && said.err.contains("no path of the family yunxin.copy; give --to"), "{said:?}");
    let said = sends("call.start", "127.0.0.1:0", "");
    assert!(said.code == 2 && said.err.contains("give --to"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_repeated_is_signed_afresh_each_time() {
    let world = World::start().await;
    send(&world, &["call.start", "--repeat", "5"]).ends_with(0);
    send(&world, &["call.start", "--repeat", "5", "--rate", "1000"]).ends_with(0);
    assert_eq!(world.keeps(10).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_sent_byte_by_byte() {
    let world = World::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("body.json");
    let body = "{ \"eventType\" : 4711,\r\n\t\"n\": 1.0 }\n";
    fs::write(&file, body).unwrap();
    send(&world, &[file.to_str().unwrap()]).ends_with(0);
    assert_eq!(world.only_event().await.body(), body);
}

#[test]
fn who_cannot_be_reached_or_does_not_answer_leaves_the_console_default() {
    let nobody = reserved();
    let url = url_of(nobody.local_addr().unwrap());
    let said = offhook(&["send", "call.start", "--to", &url]).ends_with(1);
    assert!(said.contains("cannot connect") && said.contains("the console default decides"), "{said}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url_of(silent.local_addr().unwrap());
    let began = Instant::now();
    let said = offhook(&["send", "call.start", "--to", &url, "--json"]).ends_with(1);
    assert!(said.contains("no valid answer in 2 s: the console default decides"), "{said}");
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[test]
fn wrong_use_is_told_and_ends_with_two() {
    let wrong: [&[&str]; 10] = [
        &[],
        &["sned"],
        &["send"],
        &["send", "call.stat"],
        &["send", "call.start", "--set", "callType"],
        &["send", "call.start", "--rate", "0"],
        &["send", "call.start", "--tamper", "everything"],
        &["send", "call.start", "--app-key", "k"],
        &["events", "list", "--since", "yesterday-ish", "--journal", "."],
        &["events", "show", "4711", "--journal", "."],
    ];
    for arguments in wrong {
        let said = offhook(arguments);
        assert_eq!((said.code, &*said.out), (2, ""), "{arguments:?}: {said:?}");
        assert!(!said.err.is_empty());
    }
    let said = offhook(&["events", "list", "--kind", "call.stat", "--journal", "."]);
    assert!(said.code == 2 && said.err.contains("call.start"), "{said:?}");
    offhook(&["--help"]).ends_with(0);
    offhook(&["--version"]).ends_with(0);
}

#[test]
fn a_configuration_is_checked_without_serving_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offhook.toml");
    fs::write(&file, format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n")).unwrap();
    let path = file.to_str().unwrap();
    let said = offhook(&["check", "--config", path]);
    assert!(said.code == 0 && said.err.contains("ok: 1 app"), "{said:?}");
    let printed = offhook(&["check", "--config", path, "--print"]).ends_with(0);
    assert!(printed.contains(APP_KEY) && printed.contains("***") && !printed.contains(APP_SECRET), "{printed}");
    fs::write(&file, "[server]\nlsten = \"x\"\n[[apps]]\napp_key = \"xxx\"\nsecrets = [\"\"]\n").unwrap();
    let said = offhook(&["check", "--config", path]);
    assert_eq!(said.code, 64, "{said:?}");
    for named in ["server.lsten", "listen", "apps[0].app_key", "apps[0].secrets[0]"] {
        assert!(said.err.contains(named), "{named} in\n{}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_read_while_it_is_written() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    for kind in ["call.start", "room.create", "message.p2p", "call.start"] {
        yunxin.sends(kind).await.is_allowed();
    }
    let list = on_journal(&world, &["events", "list"]).ends_with(0);
    let kinds: Vec<_> = list.lines().map(|line| line.split_whitespace().nth(2).unwrap().to_owned()).collect();
    assert_eq!(kinds, ["call.start", "room.create", "message.p2p", "call.start"], "{list}");
    let newest = on_journal(&world, &["events", "list", "--limit", "2", "--json"]).ends_with(0);
    let newest: Vec<Value> = newest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(newest.iter().map(|event| event["position"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4]);
    assert!(newest[0].get("data").is_none(), "a list shows no data");

    let count = |arguments: &[&str]| {
        let all = [&["events", "export", "--json"], arguments].concat();
        on_journal(&world, &all).ends_with(0).lines().count()
    };
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--kind", "call.*"]), 2);
    assert_eq!(count(&["--kind", "room.create", "--kind", "message.p2p"]), 2);
    assert_eq!(count(&["--app", "nobody"]), 0);
    assert_eq!(count(&["--app", APP_KEY, "--since", "1h"]), 4);
    assert_eq!(count(&["--until", "1h"]), 0);

    let event = &world.keeps(4).await[0];
    let shown = on_journal(&world, &["events", "show", &event.id().to_string()]).ends_with(0);
    for part in ["call.start", "发起音视频通话", "lin.yue", "allow (by default)"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let shown = on_journal(&world, &["events", "show", &event.id().to_string(), "--json"]).ends_with(0);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["data"], serde_json::from_slice::<Value>(event.body()).unwrap());
    on_journal(&world, &["events", "show", "01920000-0000-7000-8000-000000000000"]).ends_with(1);
}

#[test]
fn what_makes_no_sense_is_wrong_use_and_is_told_in_words() {
    let rows = [
        (&["send", "call.start", "--repeat", "0"][..], "0 is not in 1.."),
        (&["send", "call.start", "--to", "127.0.0.1:8080"], "expected a URL that begins with http:// or https://"),
        (&["send", "call.start", "--to", "localhost:8080/x"], "expected a URL that begins with http:// or https://"),
        (&["send", "call.star"], "nor a file; did you mean `call.start`?"),
        (&["send", "/nowhere/at.all"], "nor a file; kinds: message.p2p, message.team,"),
        (&["send", "call_engine.start"], "is sent by Tencent, which `offhook dev --tencent` plays"),
        (&["health", "--url", "localhost"], "expected a URL that begins with http:// or https://"),
        (&["call", "start", "--file", "/nowhere/at.all"], "cannot read /nowhere/at.all: No such file"),
    ];
    for (arguments, words) in rows {
        let said = offhook(arguments);
        assert!(said.code == 2 && said.err.contains(words), "{said:?}");
    }
}

#[test]
fn a_directory_that_is_no_journal_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["events", "list"][..], &["events", "export", "--json"], &["parked", "list"]] {
        let said = offhook(&[arguments, &["--journal", dir.path().to_str().unwrap()]].concat());
        assert!(said.code == 1 && said.err.contains("is not a journal"), "{said:?}");
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "reading makes nothing");
}

/// A handler that takes nothing.
struct Picky;

impl Handler for Picky {
    fn name(&self) -> &str {
        "picky"
    }

    async fn deliver(&self, _: &Event) -> Outcome {
        Outcome::give_up("not to its taste")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_gave_up_are_listed() {
    let after = Inbox::named("after");
    let handler = after.clone();
    let world = World::of(Plan::adding(move |builder| builder.handler(Picky).handler(handler.clone()))).await;
    assert_eq!(on_journal(&world, &["parked", "list"]).ends_with(0), "");
    world.yunxin().sends("call.start").await.is_allowed();
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.metric("offhook_parked{handler=\"picky\"}") < 1.0 {
        assert!(Instant::now() < deadline, "nothing was parked");
        tokio::task::yield_now().await;
    }
    let listed = on_journal(&world, &["parked", "list"]).ends_with(0);
    let id = world.only_event().await.id().to_string();
    for part in ["picky", "call.start", "not to its taste", &id] {
        assert!(listed.contains(part), "{part} in\n{listed}");
    }
    let listed = on_journal(&world, &["parked", "list", "--json", "--handler", "picky"]).ends_with(0);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["id"], &listed["handler"], &listed["position"]),
        (&id.clone().into(), &"picky".into(), &1.into())
    );
    assert_eq!(on_journal(&world, &["parked", "list", "--handler", "after"]).ends_with(0), "");
    let shown = on_journal(&world, &["events", "show", &id]).ends_with(0);
    assert!(shown.contains("picky: not to its taste"), "{shown}");
    after.gets(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_whether_a_receiver_is_ready() {
    let mut world = World::start().await;
    let url = format!("http://{}", world.addresses().public);
    let said = offhook(&["health", "--url", &url]).ends_with(0);
    assert!(said.contains("200") && said.contains("ready"), "{said}");
    // A container without any certificate must be able to ask, too.
    let bare = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    offhook_in(&bare, &["health", "--url", &url], b"").ends_with(0);
    world.stops().await;
    let said = offhook(&["health", "--url", &url]);
    assert!(said.code == 1 && said.err.contains("not ready"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::start().await;
    let padding = "x".repeat(50_000);
    for _ in 0..40 {
        let body = format!(r#"{{"eventType":20,"pad":"{padding}"}}"#);
        world.yunxin().sends_body(body).await.is_allowed();
    }
    let journal = world.journal();
    let mut command = program(&["events", "export", "--json", "--journal", journal.to_str().unwrap()]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"position\":1"));
    let output = process.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_takes_from_a_configuration_the_app_that_is_named_and_a_secret_that_still_proves_something() {
    let world = World::start().await;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("two-apps.toml");
    let ended = r#"{ value = "an-old-secret", not_after = "2020-01-01T00:00:00Z" }"#;
    let apps = format!(
        "[[apps]]\napp_key = \"first\"\nsecrets = [\"of-the-first\"]\n\
         [[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [{ended}, \"{APP_SECRET}\"]\n"
    );
    fs::write(&file, apps).unwrap();
    let to = format!("http://{}/receiveMsg.action", world.addresses().public);
    let send = ["send", "call.start", "--to", &to, "--config", file.to_str().unwrap()];
    let said = offhook(&[&send[..], &["--app-key", APP_KEY]].concat()).ends_with(0);
    assert!(said.contains("conclusion  allowed"), "{said}");
    assert!(offhook(&send).ends_with(1).contains("app_unknown"));
    assert!(offhook(&[&send[..], &["--app-key", "third"]].concat()).ends_with(2).is_empty());
}
