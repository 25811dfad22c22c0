//! What the inspector may change, and what it refuses to; samples; and what is logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::offhook::deliver::from_fn;
use ::offhook::{Event, Outcome};
use serde_json::{Value, json};

use super::{Asker, json_of, plan, problem, world};
use crate::world::{ALLOW, Inbox, Offhook, Ports, Wire, World, Yunxin, within_reason};

#[tokio::test]
async fn an_inspector_that_only_reads_says_how_to_change_that() {
    let world = world().await;
    world.yunxin().sends("call.start").await;
    let id = world.only_event().await.id();
    let asker = Asker::of(&world);
    for path in ["/api/replays", "/api/parked/retry", "/api/parked/drop"] {
        let answer = asker.orders(path, json!({"handler": "inbox", "id": id.to_string()})).await;
        let (status, code, message) = problem(&answer);
        assert_eq!((status, &*code), (403, "read_only"), "{path}");
        assert!(message.contains("write = true"), "{message}");
    }
    assert_eq!(problem(&asker.orders("/api/send", json!({"body": "{}"})).await).1, "dev_only");
}

#[tokio::test]
async fn a_replay_delivers_again() {
    let inbox = Inbox::named("inbox");
    let kept = inbox.clone();
    let world = World::of(plan(true, None, move |builder| builder.handler(kept.clone()))).await;
    world.yunxin().sends("call.start").await;
    world.yunxin().sends("room.create").await;
    let id = inbox.gets(2).await[0].id();
    let asker = Asker::of(&world);
    let order = json!({"handler": "inbox", "id": id.to_string()});
    let taken = json_of(&asker.orders("/api/replays", order).await);
    let events = inbox.gets(3).await;
    assert_eq!((events[2].id(), events[2].is_replayed()), (id, true));
    let ended = async { while asker.gets(&format!("/api/replays/{}", taken["replay"])).await["ended"] != true {} };
    within_reason(ended).await;
    assert_eq!(inbox.events().len(), 3, "nothing but the one that was asked for");
    let nobody = asker.orders("/api/replays", json!({"handler": "nobody", "id": id.to_string()})).await;
    assert!(problem(&nobody).2.contains("there is `inbox`"));
    assert_eq!(problem(&asker.orders("/api/replays", json!({"handler": "inbox"})).await).0, 400);
    assert_eq!(problem(&asker.asks("/api/replays/4711").await).0, 404);
    for number in ["abc", "99999999999999999999"] {
        assert_eq!(problem(&asker.asks(&format!("/api/replays/{number}")).await).0, 400, "{number}");
    }
}

#[tokio::test]
async fn a_parked_delivery_is_tried_again_or_given_up() {
    let takes = Arc::new(AtomicBool::new(false));
    let relents = Arc::clone(&takes);
    let world = World::of(plan(true, None, move |builder| {
        let takes = Arc::clone(&takes);
        builder.handler(from_fn("billing", move |_: Event| {
            let outcome =
                if takes.load(Ordering::Relaxed) { Outcome::Done } else { Outcome::give_up("the target says 400") };
            async move { outcome }
        }))
    }))
    .await;
    for kind in ["call.start", "room.create"] {
        world.yunxin().sends(kind).await;
    }
    let asker = Asker::of(&world);
    let parked = parks(&asker, 2).await;
    let (room, call) = (&parked[0], &parked[1]);
    assert_eq!(
        (&call["why"], &call["attempts"], &call["kind"]),
        (&json!("the target says 400"), &json!(1), &json!("call.start"))
    );
    let detail = asker.gets(&format!("/api/events/{}", call["id"].as_str().unwrap_or_default())).await;
    assert_eq!(detail["deliveries"][0]["state"], "parked");
    relents.store(true, Ordering::Relaxed);
    let meant = |of: &Value| json!({"handler": "billing", "id": of["id"]});
    assert_eq!(json_of(&asker.orders("/api/parked/retry", meant(call)).await)["count"], 1);
    assert_eq!(parks(&asker, 1).await[0]["id"], room["id"]);
    assert_eq!(json_of(&asker.orders("/api/parked/drop", meant(room)).await)["count"], 1);
    parks(&asker, 0).await;
}

/// Waits until so many deliveries are parked, and gives them, newest first.
async fn parks(asker: &Asker, count: usize) -> Vec<Value> {
    let parked = async {
        loop {
            let told = asker.gets("/api/parked").await;
            let parked = told["parked"].as_array().cloned().unwrap_or_default();
            if parked.len() == count {
                return parked;
            }
        }
    };
    within_reason(parked).await
}

#[tokio::test]
async fn a_sample_goes_down_the_whole_road_also_a_broken_one() {
    let world = World::of(plan(true, None, |builder| builder)).await;
    let asker = Asker::of(&world);
    let samples = asker.gets("/api/samples").await;
    let samples = samples.as_array().expect("a list");
    assert!(samples.len() > 60);
    let body = |kind: &str| samples.iter().find(|sample| sample["kind"] == kind).map(|sample| sample["body"].clone());
    for (kind, family, answer) in [
        ("call.start", "yunxin.callback", ALLOW),
        ("copy.message", "yunxin.copy", r#"{"code":200}"#),
        ("rtc.room_start", "yunxin.copy", r#"{"code":200}"#),
        ("neroom.create_room", "yunxin.copy", r#"{"code":200}"#),
    ] {
        let sent = json_of(&asker.orders("/api/send", json!({"body": body(kind)})).await);
        assert_eq!(
            (&sent["status"], &sent["family"], &sent["answer"]),
            (&json!(200), &json!(family), &json!(answer)),
            "{kind}"
        );
    }
    world.keeps(4).await;
    for (tamper, code) in
        [("checksum", "check_sum_mismatch"), ("stale", "stale"), ("appkey", "app_unknown"), ("body", "body_changed")]
    {
        let sent = json_of(&asker.orders("/api/send", json!({"body": body("call.start"), "tamper": tamper})).await);
        assert!(sent["answer"].as_str().is_some_and(|answer| answer.contains(code)), "{tamper}: {sent}");
    }
    assert_eq!(asker.gets("/api/refusals").await["refusals"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn showing_personal_data_is_logged_with_who_asked_for_it() {
    let (dir, ports) = (tempfile::tempdir().expect("a directory"), Ports::reserve());
    let file = dir.path().join("offhook.toml");
    std::fs::write(&file, ports.configuration(dir.path(), "")).expect("a file");
    let mut serving = Offhook::serves(&file, &ports, None);
    Yunxin::asking(ports.public()).sends("call.start").await.is_allowed();
    let asker = Asker { address: ports.admin(), headers: String::new() };
    let list = asker.gets("/api/events").await;
    let id = list["events"][0]["id"].as_str().expect("an id");
    let mut wire = Wire::connect(ports.admin()).await;
    let head = asker
        .with("X-Offhook: 1")
        .with("User-Agent: a-browser")
        .with("X-Offhook-Peer: a lie")
        .head("POST", &format!("/api/events/{id}/unmask"));
    wire.writes(format!("{head}Content-Length: 0\r\n\r\n")).await;
    assert_eq!(wire.answer().await.status, 200);
    serving.says("an event was shown unmasked in the inspector");
    let said = serving.said();
    let line = said.lines().find(|line| line.contains("unmasked")).unwrap_or_default();
    for part in [id, "somebody on this machine", "127.0.0.1:", "a-browser"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("a lie"), "{line}");
}
