//! Disks without room, or that do not answer: a start, a stop and the memory they take are bounded all the same.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use offhook::clock::Clock;
use offhook::journal::{Claim, Journal, Options, RepeatKey, Unkept};
use offhook::verdict::{Decision, RejectCode, Verdict};

use super::cast::{Ground, kept_numbers, until};
use crate::shim::Shim;

/// Runs the test `name` of this file in a process of its own, with `shim` under it.
fn in_a_process_under(shim: &Shim, name: &str, ground: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--include-ignored", &format!("journal::room::{name}")]).env("GROUND", ground);
    let child = shim.apply(&mut child).output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
}

/// The ground that the test around this process prepared; nothing where there is none.
fn ground_under_a_shim() -> Option<Ground> {
    let place = std::env::var_os("GROUND")?;
    let mut ground = Ground::new();
    ground.options.path = Path::new(&place).join("data");
    Some(ground)
}

#[test]
fn a_full_disk_does_not_keep_the_journal_from_opening_and_it_recovers_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let Some(shim) = Shim::over(&place.path().join("data")) else { return };
    fs::create_dir(place.path().join("data")).unwrap();
    fs::write(place.path().join("full"), "").unwrap();
    in_a_process_under(&shim.full_while(&place.path().join("full")), "child_on_a_full_disk", place.path());
}

#[ignore = "run by the test before it, in a process of its own"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_on_a_full_disk() {
    let Some(ground) = ground_under_a_shim() else { return };
    let full = ground.options.path.with_file_name("full");
    let journal = ground.open();
    assert_eq!(journal.append(ground.event(1), None).await.unwrap_err(), Unkept::Spilled);
    assert!(journal.is_degraded());
    journal.lanes().register("inbox").unwrap_err();
    fs::remove_file(full).unwrap();
    until(|| !journal.is_degraded() && ground.spill_is_empty()).await;
    journal.append(ground.event(2), None).await.unwrap();
    assert_eq!(kept_numbers(&journal.reader()), [1, 2]);
    // It asked before either was kept, so both are for it.
    assert_eq!(journal.lanes().register("inbox").unwrap().get(), 0);
    assert_eq!(journal.lanes().register("later").unwrap().get(), 2);
}

#[test]
fn what_waits_for_a_disk_that_does_not_answer_is_spilled_past_the_writer_and_the_rest_is_said_to_be_unkept() {
    let place = tempfile::tempdir().unwrap();
    let Some(shim) = Shim::over(&place.path().join("data")) else { return };
    fs::create_dir(place.path().join("data")).unwrap();
    in_a_process_under(&shim.stall_while(&place.path().join("stall")), "child_on_a_disk_that_stalls", place.path());
}

#[ignore = "run by the test before it, in a process of its own"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_on_a_disk_that_stalls() {
    let Some(mut ground) = ground_under_a_shim() else { return };
    // Far less than all of them, and more than half: nothing is turned away, however late somebody takes over.
    (ground.tuning.queue_bytes, ground.tuning.stalled_after) = (50_000, Duration::ZERO);
    let stall = ground.options.path.with_file_name("stall");
    let journal = ground.open();
    journal.append(ground.event(0), None).await.unwrap();
    fs::write(&stall, "").unwrap();
    let held_up = journal.append(ground.event(1), None);
    until(|| journal.is_degraded()).await;
    // One after the other: the writer has the first one in hand, these can only get past it.
    let mut waiting: Vec<_> = (2..100).map(|number| journal.append(ground.event(number), None)).collect();
    assert_eq!(waiting.remove(0).await.unwrap_err(), Unkept::Spilled);
    drop(waiting);
    until(|| fs::read_to_string(&ground.options.spill).is_ok_and(|text| text.lines().count() > 50)).await;
    let closed = journal.close(Duration::from_secs(4)).await;
    assert_eq!(closed.unkept, 1, "all but the one in the writer's hands are in the spill file");
    drop(held_up);
    drop(journal);
    fs::remove_file(stall).unwrap();
    let journal = loop {
        // The writer has the directory until its disk answers.
        match ground.try_open() {
            Ok(journal) => break journal,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    until(|| ground.spill_is_empty()).await;
    let mut numbers = kept_numbers(&journal.reader());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_spill_file_does_not_answer_either_memory_is_bounded_and_the_rest_is_logged() {
    let mut ground = Ground::new();
    (ground.tuning.queue_bytes, ground.tuning.stalled_after) = (0, Duration::ZERO);
    ground.options.min_free = u64::MAX;
    // A pipe that nobody reads on from: what does not fit waits.
    assert!(Command::new("mkfifo").arg(&ground.options.spill).status().unwrap().success());
    let mut end = fs::OpenOptions::new().read(true).write(true).open(&ground.options.spill).unwrap();
    let journal = ground.open();
    let large = Verdict::Reject { code: RejectCode::DEFAULT, ext: "x".repeat(1 << 20) };
    let held_up = journal.append(ground.event_with(0, Decision::by_default(large)), None);
    end.read_exact(&mut [0]).unwrap();
    // The writer is held up with that one, and as much waits for it as may.
    assert_eq!(journal.append(ground.event(1), None).await.unwrap_err(), Unkept::Logged);
    std::thread::spawn(move || while end.read(&mut [0; 4096]).is_ok() {});
    held_up.await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_spill_file_is_read_back_in_beside_what_comes_in_and_its_newest_repeats_are_known_at_once() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    let last = ground.ticket(&journal, 4999);
    let spilling: Vec<_> = (0..4999).map(|number| journal.append(ground.event(number), None)).collect();
    for one in spilling {
        assert_eq!(one.await.unwrap_err(), Unkept::Spilled);
    }
    let allow = Decision::by_default(Verdict::allow());
    assert!(journal.append(ground.event_with(4999, allow.clone()), Some(last)).await.is_err());
    drop(journal);
    ground.options.min_free = 0;
    let journal = ground.open();
    let Claim::Repeat(repeat) = journal.claim(ground.key(4999)) else { panic!("a spilled event was forgotten") };
    assert_eq!(repeat.await, Some(allow));
    journal.append(ground.event(5000), None).await.unwrap();
    until(|| ground.spill_is_empty()).await;
    let mut numbers = kept_numbers(&journal.reader());
    assert_ne!(numbers.last(), Some(&5000), "it waited for all that was spilled");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..=5000).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_tolerance_forgets_no_request_that_was_answered() {
    let mut ground = Ground::new();
    let sent = ground.now();
    let key = |tolerance| RepeatKey::new("app", b"one", sent + Duration::from_secs(tolerance)).sent(sent);
    let journal = ground.open();
    let Claim::First(ticket) = journal.claim(key(60)) else { panic!("nobody asked yet") };
    journal.append(ground.event(1), Some(ticket)).await.unwrap();
    assert!(matches!(journal.claim(key(30)), Claim::Repeat(_)), "a shorter one");
    assert!(matches!(journal.claim(key(600)), Claim::Repeat(_)), "a longer one");
    // Stale by now, and forgotten; with a longer tolerance it is fresh again.
    ground.pass(120);
    journal.append(ground.event(2), None).await.unwrap();
    journal.tolerate(Duration::from_secs(600)).unwrap();
    assert!(matches!(journal.claim(key(600)), Claim::Repeat(_)), "after a reload");
    drop(journal);
    ground.options.tolerance = Duration::from_secs(600);
    let journal = ground.open();
    assert!(matches!(journal.claim(key(600)), Claim::Repeat(_)), "after a restart");
}

#[tokio::test]
async fn reading_back_in_goes_on_where_it_was_noted_to_be_and_heeds_no_note_of_another_file() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    for number in 0..10 {
        assert_eq!(journal.append(ground.event(number), None).await.unwrap_err(), Unkept::Spilled);
    }
    drop(journal);
    let (spill, place) = (ground.options.spill.clone(), ground.directory.path().to_owned());
    let beside = |suffix| place.join(suffix);
    let text = fs::read_to_string(&spill).unwrap();
    let at: usize = text.split_inclusive('\n').take(4).map(str::len).sum();
    fs::remove_file(&spill).unwrap();
    let note = format!(r#"{{"at":{at},"begun":0,"until":0}}"#);
    ground.options.min_free = 0;
    for (moved, path, kept) in [(true, "first", 4..10), (false, "second", 0..10)] {
        fs::write(if moved { beside("spill.jsonl.importing") } else { spill.clone() }, &text).unwrap();
        fs::write(beside("spill.jsonl.imported"), &note).unwrap();
        let journal = Journal::open(
            Options { path: beside(path), ..ground.options.clone() },
            Clock::system(),
            Arc::clone(&ground.metrics),
        );
        let journal = journal.unwrap();
        until(|| !fs::exists(&spill).unwrap() && !beside("spill.jsonl.importing").exists()).await;
        assert_eq!(kept_numbers(&journal.reader()), kept.collect::<Vec<_>>(), "{path}");
        assert!(!beside("spill.jsonl.imported").exists());
    }
}
