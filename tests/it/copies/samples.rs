//! The golden sample of every copy, over HTTP and out of the journal again; and the command that sends them.

use offhook::yunxin::SAMPLES;
use serde_json::Value;

use crate::world::{APP_KEY, APP_SECRET, Said, World, offhook, offhook_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sample_comes_out_of_the_journal_under_its_kind_as_it_was_sent() {
    let world = World::start().await;
    let of_copies = |name: &str| ["copy.", "rtc.", "neroom."].iter().any(|stem| name.starts_with(stem));
    let samples: Vec<_> = SAMPLES.iter().filter(|(name, _)| of_copies(name)).collect();
    assert!(samples.len() > 40, "there are copies of many kinds");
    for (name, body) in &samples {
        let copy = world.yunxin().copies(body);
        let copy = if name.starts_with("rtc.") { copy.and("type", "G2") } else { copy };
        copy.sent().await.is_taken();
    }
    world.keeps(samples.len() as u64).await;
    let journal = world.journal();
    let arguments = ["events", "export", "--json", "--journal", journal.to_str().expect("a path")];
    let out = offhook(&arguments).ends_with(0);
    for (line, (name, body)) in out.lines().zip(&samples) {
        let told: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(told["type"], format!("offhook.{name}"));
        assert_eq!(told["source"], format!("/yunxin/copy/{APP_KEY}"));
        assert!(line.ends_with(&format!(r#""data":{body}}}"#)), "{name}: {line}");
    }
}

fn send(world: &World, path: &str, arguments: &[&str]) -> Said {
    let app = [("OFFHOOK_APP_KEY", APP_KEY), ("OFFHOOK_APP_SECRET", APP_SECRET)];
    let to = format!("http://{}{path}", world.addresses().public);
    offhook_in(&app, &[&["send", "--to", &to], arguments].concat(), b"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_sends_each_sort_of_copy_as_its_product_does() {
    let world = World::start().await;
    let kinds = ["copy.message", "rtc.room_start", "neroom.create_room", "neroom.meeting_member_entry"];
    for (count, kind) in (1..).zip(kinds) {
        let said = send(&world, "/yunxin/copy", &[kind, "--expect", "allow"]).ends_with(0);
        assert!(said.contains("conclusion  taken"), "{said}");
        let kept = world.keeps(count).await;
        let event = kept.last().expect("an event");
        assert_eq!(event.kind().name(), kind);
        assert_eq!(event.headers().contains("type: G2"), kind == "rtc.room_start");
        assert_eq!(event.headers().contains("Nonce: "), kind == "neroom.meeting_member_entry");
    }
    let said = send(&world, "/yunxin/copy", &["copy.login", "--tamper", "stale", "--json"]).ends_with(0);
    let told: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&told["verdict"], &told["conclusion"]), (&Value::Null, &"taken".into()));
    for (tamper, kind) in [("body", "copy.login"), ("checksum", "rtc.recording"), ("md5", "neroom.create_room")] {
        let said = send(&world, "/yunxin/copy", &[kind, "--tamper", tamper]).ends_with(1);
        assert!(said.contains("not taken (status 401)"), "{said}");
    }
    let said = send(&world, "/yunxin/copy", &["neroom.meeting_member_entry", "--tamper", "body"]).ends_with(1);
    assert!(said.contains("check_sum_mismatch"), "{said}");
}
