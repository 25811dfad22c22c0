//! The two readings of a room's type, with the real program: whichever Tencent has, a text room is found under every
//! setting, and a room that could be mistaken for another waits for a choice.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::time::Duration;

use offhook::clock::Clock;
use offhook::tencent::RoomReading;
use offhook::tencent::simulator::{Phone, Plan, Seen, Simulator};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::world::{Said, any_port, offhook};

/// A stand-in that reads `RoomIdType` of an ingest so; its phones are answered at once, and media have no length.
async fn tencent(reading: RoomReading) -> Simulator {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let mut plan = Plan::of_dev("http://127.0.0.1:9", Clock::system());
    (plan.callback_url, plan.trtc_url) = (None, None);
    (plan.room_reading, plan.medium) = (reading, Duration::ZERO);
    plan.any_phone = Phone::Answers { after: Duration::ZERO, talks: None };
    Simulator::start(listener, plan, |_| {}).unwrap()
}

/// A command for the published test app, on a thread of its own: the stand-in answers on this one.
async fn asks(tencent: &Simulator, arguments: &[&str], setting: Option<RoomReading>) -> Said {
    let mut arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    arguments.extend(["--host".to_owned(), format!("http://{}", tencent.address())]);
    if let Some(setting) = setting {
        arguments.extend(["--room-id-type".to_owned(), setting.word().to_owned()]);
    }
    let run = move || offhook(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn tried(seen: &Seen) -> u64 {
    seen.answers.iter().filter(|(answer, _)| answer.starts_with("StartStreamIngest")).map(|(_, count)| count).sum()
}

const BOTH: [RoomReading; 2] = [RoomReading::CallGuide, RoomReading::ApiReference];
const SETTINGS: [Option<RoomReading>; 3] = [None, Some(RoomReading::CallGuide), Some(RoomReading::ApiReference)];
const MEDIA: [&str; 4] = ["--user", "concierge", "--url", "https://media.example/welcome.mp4"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_room_is_played_into_under_every_setting_whichever_reading_tencent_has() {
    for tencents in BOTH {
        for setting in SETTINGS {
            let tencent = tencent(tencents).await;
            let start = [&["ingest", "start", "--room", "club-7", "--json"][..], &MEDIA].concat();
            let said = asks(&tencent, &start, setting).await;
            let differ = setting.unwrap_or(RoomReading::CallGuide) != tencents;
            let warning = format!("warning: Tencent reads RoomIdType as `{}`", tencents.word());
            assert_eq!(said.err.contains(&warning), differ, "{tencents:?} {setting:?}: {said:?}");
            let begun: Value = serde_json::from_str(&said.ends_with(0)).unwrap();
            let seen = tencent.seen();
            assert_eq!(tried(&seen), if differ { 2 } else { 1 }, "{seen:?}");
            assert_eq!(seen.played.len(), 1);
            assert_eq!(
                (seen.played[0].room.as_str(), begun["TaskId"].as_str()),
                ("\"club-7\"", Some(&*seen.played[0].task))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_of_a_call_is_played_under_every_setting() {
    let play = ["call", "play", "--callee", "jack", "--media", MEDIA[3], "--room", "club-7", "--no-callback"];
    for (tencents, setting) in [(BOTH[0], SETTINGS[2]), (BOTH[1], SETTINGS[0]), (BOTH[1], SETTINGS[1])] {
        let tencent = tencent(tencents).await;
        let said = asks(&tencent, &play, setting).await;
        assert!(said.err.contains(&format!("Tencent reads RoomIdType as `{}`", tencents.word())), "{said:?}");
        assert_eq!(said.ends_with(0), "played\n");
        let seen = tencent.seen();
        assert!(seen.played.len() == 1 && seen.played[0].heard && seen.going_on.is_empty(), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_and_a_text_of_digits_wait_for_a_choice_and_are_never_tried_twice() {
    for room in [["--room-number", "4711"], ["--room", "4711"]] {
        let start = [&["ingest", "start"][..], &room, &MEDIA].concat();
        let number = room[0] == "--room-number";
        for tencents in BOTH {
            let tencent = tencent(tencents).await;
            let said = asks(&tencent, &start, None).await;
            assert!(said.code == 2 && said.err.contains("contradict each other"), "{said:?}");
            assert_eq!(tried(&tencent.seen()), 0);
            asks(&tencent, &start, Some(tencents)).await.ends_with(0);
            let seen = tencent.seen();
            assert_eq!((tried(&seen), seen.played[0].room.as_str()), (1, if number { "4711" } else { "\"4711\"" }));
            // Chosen wrongly it is another room, or none: either way it was asked for once.
            asks(&tencent, &start, Some(tencents.other())).await;
            assert_eq!(tried(&tencent.seen()), 2);
        }
    }
}
