//! A robot call with media whose process dies: the next one plays what was not played yet, and leaves no call behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offhook::clock::Clock;
use offhook::event::EventId;
use offhook::journal::{Entry, Key, Keys, Options, Outbox, Stage};
use offhook::tencent::simulator::{Phone, Plan, Seen, Simulator};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::world::{Offhook, Ports, Yunxin, any_port, exported, offhook, within_reason};

const KEY: &str = "a-made-up-app-key";

async fn tencent(answers_after: Duration, medium: Duration) -> Simulator {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let mut plan = Plan::of_dev("http://127.0.0.1:9", Clock::system());
    (plan.sdk_app_id, plan.secret_key) = (1_400_000_123, KEY.into());
    (plan.cloud_secret_id, plan.cloud_secret_key) = ("AKIDmadeUp".to_owned(), "made-up-cloud-key".into());
    (plan.callback_url, plan.trtc_url, plan.medium) = (None, None, medium);
    plan.any_phone = Phone::Answers { after: answers_after, talks: None };
    Simulator::start(listener, plan, |_| {}).unwrap()
}

/// A receiver whose `robot_call` plays something, with what it needs to be started again.
struct World {
    dir: TempDir,
    ports: Ports,
    file: PathBuf,
}

impl World {
    fn calling(tencent: &Simulator) -> Self {
        let (dir, ports) = (TempDir::new().unwrap(), Ports::reserve());
        let address = tencent.address();
        let more = format!(
            "[tencent]\nsdk_app_id = 1400000123\nsecret_key = \"{KEY}\"\nhost = \"http://{address}\"\n\
             [tencent.ingest]\nsecret_id = \"AKIDmadeUp\"\nsecret_key = \"made-up-cloud-key\"\nendpoint = \"http://{address}\"\n\
             [[handlers]]\nname = \"ring-back\"\ntype = \"robot_call\"\nrobot = \"concierge\"\ncallees = [\"jack\"]\n\
             kinds = [\"call.start\"]\nmedia_type = \"video\"\nmedia = \"https://media.example/welcome.mp4\"\n"
        );
        let file = dir.path().join("offhook.toml");
        fs::write(&file, ports.configuration(dir.path(), &more)).unwrap();
        Self { dir, ports, file }
    }

    fn serves(&self) -> Offhook {
        Offhook::serves(&self.file, &self.ports, None)
    }

    async fn is_asked(&self) {
        Yunxin::asking(self.ports.public()).sends("call.start").await.is_allowed();
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// Waits until the row about the media is `enough`.
    async fn media_row(&self, enough: impl Fn(&Entry) -> bool) -> Entry {
        let id = only_event(&self.journal());
        let outbox = Outbox::at(&self.journal());
        within_reason(async {
            loop {
                if let Some(entry) = media(&outbox, id).filter(&enough) {
                    return entry;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

fn only_event(journal: &Path) -> EventId {
    EventId::parse(exported(journal)[0]["id"].as_str().unwrap()).unwrap()
}

fn media(outbox: &Outbox, id: EventId) -> Option<Entry> {
    outbox.entry("ring-back/media", id).unwrap()
}

fn rings(seen: &Seen) -> u64 {
    seen.rings.values().sum()
}

fn is_silent(journal: &Path) {
    let parked = offhook(&["parked", "list", "--journal", journal.to_str().unwrap()]).ends_with(0);
    assert!(!parked.contains("ring-back"), "{parked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_rang_when_the_process_died_is_played_into_by_the_next_one() {
    let tencent = tencent(Duration::from_millis(2500), Duration::ZERO).await;
    let world = World::calling(&tencent);
    let serving = world.serves();
    world.is_asked().await;
    // The lane has moved on, or a restart would find the call in doubt and park it.
    let row = world.media_row(|row| row.stage == Stage::Planned).await;
    assert!(row.note.contains("welcome.mp4"), "{row:?}");
    serving.dies_at_once();
    assert!(tencent.seen().played.is_empty(), "it was too late to be tried: {:?}", tencent.seen());
    let serving = world.serves();
    let seen = within_reason(tencent.sees(|seen| !seen.played.is_empty() && seen.going_on.is_empty())).await;
    assert!(rings(&seen) == 1 && seen.played.len() == 1 && seen.played[0].heard, "{seen:?}");
    world.media_row(|row| row.stage == Stage::Confirmed).await;
    drop(serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_played_into_when_the_process_died_is_ended_by_the_next_one() {
    let tencent = tencent(Duration::ZERO, Duration::from_secs(4)).await;
    let world = World::calling(&tencent);
    let serving = world.serves();
    world.is_asked().await;
    world.media_row(|row| row.note.contains("\"task\"")).await;
    serving.dies_at_once();
    let serving = world.serves();
    let seen = within_reason(tencent.sees(|seen| seen.going_on.is_empty())).await;
    assert!(rings(&seen) == 1 && seen.played.len() == 1, "{seen:?}");
    world.media_row(|row| row.stage == Stage::Confirmed).await;
    is_silent(&world.journal());
    drop(serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_that_may_play_is_not_played_again_and_the_call_is_ended() {
    let tencent = tencent(Duration::from_secs(3600), Duration::ZERO).await;
    let world = World::calling(&tencent);
    let serving = world.serves();
    world.is_asked().await;
    let row = world.media_row(|row| row.stage == Stage::Planned).await;
    serving.dies_at_once();
    // As if it had died while it asked for the media.
    let id = only_event(&world.journal());
    Outbox::at(&world.journal()).write("ring-back/media", id, &Entry { stage: Stage::Sent, ..row }).unwrap();
    let mut serving = world.serves();
    serving.says("it is not known whether it plays");
    let seen = within_reason(tencent.sees(|seen| seen.going_on.is_empty())).await;
    assert!(rings(&seen) == 1 && seen.played.is_empty(), "{seen:?}");
    world.media_row(|row| row.stage == Stage::Unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_key_is_gone_is_told_while_its_call_may_go_on_and_once_after_that() {
    let tencent = tencent(Duration::from_secs(3600), Duration::ZERO).await;
    let world = World::calling(&tencent);
    let serving = world.serves();
    world.is_asked().await;
    let row = world.media_row(|row| row.stage == Stage::Planned).await;
    serving.dies_at_once();
    let (media, id) = ("ring-back/media", only_event(&world.journal()));
    let keys = Keys::of(vec![Key::parse(&"07".repeat(32)).unwrap()]);
    let sealed = Outbox::of(&Options { keys, ..Options::at(world.journal()) });
    sealed.write(media, id, &row).unwrap();
    let mut serving = world.serves();
    serving.says("cannot be read: put the key of that time");
    serving.dies_at_once();
    assert_eq!(sealed.unfinished(media).unwrap(), [(id, row.clone())]);

    let old = Entry { at: row.at - jiff::SignedDuration::from_hours(25), ..row };
    sealed.write(media, id, &old).unwrap();
    let mut serving = world.serves();
    serving.says("and is not told again");
    assert_eq!(sealed.unfinished(media).unwrap(), []);
    // Nothing of it is lost: with the key it can be looked at.
    assert_eq!(sealed.entry(media, id).unwrap(), Some(Entry { stage: Stage::Unknown, ..old }));
}
