//! Nothing lost: killed, without power, on a failing disk, with a target that is away – what was answered is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use offhook::clock::Clock;
use offhook::handlers::Http;
use tempfile::TempDir;

use crate::shim::Shim;
use crate::world::{
    Inbox, Mood, Offhook, Plan, Ports, Target, Traffic, World, Yunxin, exported, get, marks, random, reserved, url_of,
};

/// A place for one program: its configuration, its ports, and the directory in which its journal lies.
struct Place {
    scratch: TempDir,
    ports: Ports,
}

impl Place {
    fn new() -> Self {
        let place = Self { scratch: tempfile::tempdir().unwrap(), ports: Ports::reserve() };
        fs::create_dir(place.path("real")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Serves on the journal in the directory of this name.
    fn serves(&self, name: &str, more: &str, shim: Option<&Shim>) -> Offhook {
        let file = self.path(&format!("{name}.toml"));
        fs::write(&file, self.ports.configuration(&self.path(name), more)).unwrap();
        Offhook::serves(&file, &self.ports, shim)
    }

    fn journal(&self, name: &str) -> PathBuf {
        self.path(name).join("journal")
    }

    fn yunxin(&self) -> Yunxin {
        Yunxin::asking(self.ports.public())
    }

    /// Waits until `/readyz` answers with this status and text.
    fn becomes(&self, status: u16, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = get(self.ports.public(), "/readyz").unwrap_or_default();
            if answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "{answer}");
        }
    }

    async fn spills(&self, at_least: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let numbers = get(self.ports.admin(), "/metrics").unwrap();
            let spilled = numbers.lines().find_map(|line| line.strip_prefix("offhook_spilled_total ")).unwrap();
            if spilled.parse::<u64>().unwrap() >= at_least {
                return;
            }
            assert!(Instant::now() < deadline, "{spilled} spilled");
            tokio::task::yield_now().await;
        }
    }
}

/// Every one of `answered` is in `journal`, and nothing is there twice.
#[track_caller]
fn all_kept_once(journal: &Path, answered: &BTreeSet<String>) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for mark in marks(&exported(journal)) {
        *times.entry(mark).or_default() += 1;
    }
    let lost: Vec<_> = answered.iter().filter(|mark| !times.contains_key(*mark)).collect();
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(lost.is_empty() && twice.is_empty(), "of {} answered, lost: {lost:?}, twice: {twice:?}", answered.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_twenty_kills_and_reaches_a_flaky_handler() {
    let (place, target) = (Place::new(), Target::listens(Mood::Flaky));
    let handler = format!("[[handlers]]\nname = \"flaky\"\ntype = \"http\"\nurl = \"{}\"\n", target.url());
    let mut answered = BTreeSet::new();
    for round in 0..20 {
        let serving = place.serves("real", &handler, None);
        all_kept_once(&place.journal("real"), &answered);
        let traffic = Traffic::starts(&place.yunxin(), round, 8);
        traffic.gets(random(1..200)).await;
        serving.dies_at_once();
        answered.append(&mut traffic.ends().await);
    }
    let _serving = place.serves("real", &handler, None);
    all_kept_once(&place.journal("real"), &answered);
    // More than once is allowed: a kill repeats what was under way.
    let all = |accepted: &Vec<_>| answered.is_subset(&marks(accepted).into_iter().collect());
    target.until(all).await;
}

/// Traffic until the power is cut, on a disk that from some moment on only pretends to sync where `lying`.
/// What was answered, and what is left of it.
async fn cut_the_power(lying: bool) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let place = Place::new();
    let lie = place.path("lie");
    let shim = Shim::over(&place.path("real"))?.survivors(&place.path("survivors")).lie_while(&lie);
    let serving = place.serves("real", "", Some(&shim));
    place.yunxin().sends("room.create").await.is_allowed();
    if lying {
        fs::write(&lie, "").unwrap();
    }
    let traffic = Traffic::starts(&place.yunxin(), 0, 8);
    traffic.gets(random(300..900)).await;
    serving.dies_at_once();
    let answered = traffic.ends().await;

    let _serving = place.serves("survivors", "", None);
    let survived = exported(&place.journal("survivors"));
    let first = survived.first().map(|event| &event["type"]);
    assert_eq!(first, Some(&"offhook.room.create".into()), "what was answered on an honest disk is lost");
    Some((answered, marks(&survived).into_iter().collect()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_power_cut() {
    for _ in 0..3 {
        let Some((answered, survived)) = cut_the_power(false).await else { return };
        let lost: Vec<_> = answered.difference(&survived).collect();
        assert!(lost.is_empty(), "of {} answered, lost: {lost:?}", answered.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_syncs_the_power_cut_would_be_noticed() {
    let Some((answered, survived)) = cut_the_power(true).await else { return };
    let lost = answered.difference(&survived).count();
    assert!(
        lost > 0,
        "all {} answered events survived though nothing was synced: the test above proves nothing",
        answered.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_costs_no_answer_and_no_event_and_is_recovered_from() {
    for trouble in ["fails", "is full"] {
        let place = Place::new();
        let switch = place.path(trouble);
        let Some(shim) = Shim::over(&place.path("real")) else { return };
        let shim = if trouble == "fails" { shim.fail_while(&switch) } else { shim.full_while(&switch) };
        let serving = place.serves("real", "", Some(&shim));
        let traffic = Traffic::starts(&place.yunxin(), 0, 8);
        traffic.gets(100).await;

        fs::write(&switch, "").unwrap();
        place.becomes(200, r#"{"degraded":["journal"]}"#);
        traffic.gets(traffic.count() + 100).await;
        // On a machine with no time to spare an answer leaves before it is known that its event was spilled.
        place.spills(100).await;
        assert!(fs::metadata(place.path("real-spill.jsonl")).unwrap().len() > 0);

        fs::remove_file(&switch).unwrap();
        place.becomes(200, r#"{"status":"ready"}"#);
        traffic.gets(traffic.count() + 100).await;
        let slowest = traffic.slowest();
        assert!(slowest < Duration::from_secs(2), "{trouble}: an answer took {slowest:?}");
        let answered = traffic.stops().await;
        serving.is_asked_to_stop();
        let (status, said) = serving.ends();
        assert!(status.success(), "{trouble}: {status}\n{said}");
        all_kept_once(&place.journal("real"), &answered);
        assert!(!place.path("real-spill.jsonl").exists(), "{trouble}: the spill file was read back in");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_can_be_written_the_log_is_the_record_and_shows_no_token() {
    let place = Place::new();
    let switch = place.path("full");
    let Some(shim) = Shim::over(place.scratch.path()) else { return };
    let mut serving = place.serves("real", "", Some(&shim.full_while(&switch)));
    fs::write(&switch, "").unwrap();
    let login = r#"{"eventType":36,"authType":1,"fromAccount":"mei-on-a-full-disk","token":"tell-nobody-4711"}"#;
    let question = place.yunxin().asks_with(login);
    question.sent().await.is_allowed();
    // The same question again: still the same verdict, and no second record.
    question.sent().await.is_allowed();
    place.becomes(200, "degraded");
    serving.says("its only record");
    serving.is_asked_to_stop();
    let (_, said) = serving.ends();
    assert_eq!(said.lines().filter(|line| line.contains("mei-on-a-full-disk")).count(), 1, "{said}");
    assert!(!said.contains("tell-nobody-4711") && !said.contains(question.header("CheckSum")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_target_is_noticed_by_nobody_else_and_gets_everything_when_it_is_back() {
    let (socket, inbox) = (reserved(), Inbox::named("log"));
    let (url, handler) = (url_of(socket.local_addr().unwrap()), inbox.clone());
    let plan = Plan::adding(move |builder| {
        let patience = Duration::from_secs(10);
        let billing = Http::new("billing", url.parse().unwrap(), patience, patience, Clock::system()).unwrap();
        builder.handler(billing).handler(handler.clone())
    });
    let mut world = World::of(plan).await;
    for _ in 0..15 {
        world.yunxin().sends("call.start").await.is_allowed();
    }
    // Nobody waits for the dead one: the other handler has had everything already.
    inbox.gets(15).await;
    world.restarts().await;
    for _ in 0..15 {
        world.yunxin().sends("room.create").await.is_allowed();
    }
    let told: Vec<_> = inbox.gets(30).await.iter().map(|event| event.id().to_string()).collect();
    assert_eq!(world.metric("offhook_unkept_total"), 0.0);

    let target = Target::listens_on(socket, Mood::Good);
    let accepted = target.until(|accepted| accepted.len() >= 30).await;
    let ids: Vec<_> = accepted.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, told, "all of them, in their order, each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_stalls_verdicts_leave_in_time_and_their_events_are_kept_later() {
    let place = Place::new();
    let stall = place.path("stall");
    let Some(shim) = Shim::over(&place.path("real")) else { return };
    let serving = place.serves("real", "", Some(&shim.stall_while(&stall)));
    let traffic = Traffic::starts(&place.yunxin(), 0, 8);
    traffic.gets(50).await;
    fs::write(&stall, "").unwrap();
    // Each of the eight waits for the disk until its deadline, and is then answered all the same.
    traffic.gets(traffic.count() + 16).await;
    fs::remove_file(&stall).unwrap();
    traffic.gets(traffic.count() + 50).await;
    let slowest = traffic.slowest();
    assert!((Duration::from_millis(1000)..Duration::from_millis(2000)).contains(&slowest), "{slowest:?}");
    let numbers = get(place.ports.admin(), "/metrics").unwrap();
    let unkept = numbers.lines().find_map(|line| line.strip_prefix("offhook_unkept_total ")).unwrap();
    assert!((8..=24).contains(&unkept.parse::<u64>().unwrap()), "{unkept}");
    let answered = traffic.stops().await;
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    all_kept_once(&place.journal("real"), &answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_stalls_a_repeat_gets_the_first_ones_verdict_and_readyz_says_degraded() {
    let place = Place::new();
    let stall = place.path("stall");
    let Some(shim) = Shim::over(&place.path("real")) else { return };
    let serving = place.serves("real", "", Some(&shim.stall_while(&stall)));
    fs::write(&stall, "").unwrap();
    // The fallback of this place rejects; only the first one's own decision allows.
    let question = place.yunxin().asks("call.start");
    question.sent().await.is_allowed();
    question.sent().await.is_allowed();
    let ready = get(place.ports.public(), "/readyz").unwrap();
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with(r#"{"degraded":["journal"]}"#), "{ready}");
    fs::remove_file(&stall).unwrap();
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_with_an_accepted_event_that_is_not_durable_it_says_so_and_ends_with_75() {
    let place = Place::new();
    let stall = place.path("stall");
    let Some(shim) = Shim::over(&place.path("real")) else { return };
    let serving = place.serves("real", "", Some(&shim.stall_while(&stall)));
    fs::write(&stall, "").unwrap();
    place.yunxin().sends("call.start").await.is_allowed();
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(75), "{said}");
    assert!(said.contains("1 accepted event(s) could not be made durable"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_on_a_disk_that_no_longer_answers_with_everything_durable_it_ends_with_0() {
    let place = Place::new();
    let stall = place.path("stall");
    let Some(shim) = Shim::over(&place.path("real")) else { return };
    let serving = place.serves("real", "", Some(&shim.stall_while(&stall)));
    place.yunxin().sends("call.start").await.is_allowed();
    fs::write(&stall, "").unwrap();
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
}
