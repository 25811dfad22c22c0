//! Full disks and failing commits: what cannot be kept is spilled, comes back once, and is never lost silently.

use std::fs;
use std::path::PathBuf;

use offhook::journal::{Claim, Filter, Unkept};
use offhook::verdict::{Decision, Verdict};
use rusqlite::Connection;

use super::cast::{Ground, kept_numbers, read_all, until};

#[tokio::test]
async fn what_cannot_be_kept_is_spilled_and_comes_back_exactly_once() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    assert!(journal.is_degraded());
    let ticket = ground.ticket(&journal, 1);
    let reject = Decision::by_default(Verdict::reject(20012));
    let first = ground.event_with(1, reject.clone());
    assert_eq!(journal.append(first.clone(), Some(ticket)).await.unwrap_err(), Unkept::Spilled);
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Spilled);
    assert_eq!(ground.metrics.spilled.get(), 2);
    let Claim::Repeat(repeat) = journal.claim(ground.key(1)) else { panic!("a spilled event's claim was not settled") };
    assert_eq!(repeat.await, Some(reject.clone()));
    drop(journal);

    // Still degraded: known as a repeat all the same.
    let journal = ground.open();
    assert!(matches!(journal.claim(ground.key(1)), Claim::Repeat(_)));
    drop(journal);

    let spilled = fs::read(&ground.options.spill).unwrap();
    ground.options.min_free = 0;
    for _ in 0..2 {
        let journal = ground.open();
        until(|| ground.spill_is_empty() && kept_numbers(&journal.reader()) == [1, 2]).await;
        let events = read_all(&journal.reader(), &Filter::default());
        assert_eq!((events[0].1.id(), events[0].1.body()), (first.id(), first.body()));
        assert_eq!(events[0].1.decision(), Some(&reject));
        assert!(ground.spill_is_empty());
        drop(journal);
        // As a crash between the import and the end of the spill file leaves it.
        fs::write(&ground.options.spill, &spilled).unwrap();
    }
}

#[tokio::test]
async fn an_import_cut_short_anywhere_is_finished_without_keeping_anything_twice() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    let spilling: Vec<_> = (0..700).map(|number| journal.append(ground.event(number), None)).collect();
    for one in spilling {
        assert_eq!(one.await.unwrap_err(), Unkept::Spilled);
    }
    drop(journal);
    let spilled = fs::read(&ground.options.spill).unwrap();
    let lines: Vec<_> = spilled.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 700);
    ground.options.min_free = 0;
    ground.tuning.rotate_bytes = 50_000;
    for whole in [300, 600, 700] {
        // So far the import came; then it begins anew with the whole file.
        fs::write(&ground.options.spill, lines[..whole].concat()).unwrap();
        let journal = ground.open();
        until(|| ground.spill_is_empty()).await;
        drop(journal);
        fs::write(&ground.options.spill, &spilled).unwrap();
        fs::rename(&ground.options.spill, ground.directory.path().join("spill.jsonl.importing")).unwrap();
        let journal = ground.open();
        until(|| ground.spill_is_empty()).await;
        assert_eq!(kept_numbers(&journal.reader()), (0..700).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn half_a_line_is_set_aside_and_does_not_break_what_is_around_it() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    assert!(journal.append(ground.event(1), None).await.is_err());
    drop(journal);
    let mut text = fs::read(&ground.options.spill).unwrap();
    let half = &text.clone()[..text.len() / 2];
    text.extend_from_slice(half);
    fs::write(&ground.options.spill, &text).unwrap();
    let journal = ground.open();
    assert!(journal.append(ground.event(2), None).await.is_err());
    drop(journal);

    ground.options.min_free = 0;
    let journal = ground.open();
    until(|| ground.spill_is_empty()).await;
    assert_eq!(kept_numbers(&journal.reader()), [1, 2]);
    let bad = fs::read(ground.directory.path().join("spill.jsonl.bad")).unwrap();
    assert_eq!(bad.trim_ascii(), half);
}

#[tokio::test]
async fn what_cannot_even_be_spilled_is_said() {
    let mut ground = Ground::new();
    ground.options.min_free = u64::MAX;
    ground.options.spill = PathBuf::from("/dev/full");
    let journal = ground.open();
    let ticket = ground.ticket(&journal, 1);
    assert_eq!(journal.append(ground.event(1), Some(ticket)).await.unwrap_err(), Unkept::Logged);
    assert!(matches!(journal.claim(ground.key(1)), Claim::Repeat(_)));
    assert_eq!(ground.metrics.spilled.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_in_trouble_recovers_by_itself() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.append(ground.event(1), None).await.unwrap();
    let blocker = Connection::open(&ground.events_files()[0]).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Spilled);
    assert!(journal.is_degraded());
    assert_eq!(journal.append(ground.event(3), None).await.unwrap_err(), Unkept::Spilled);
    blocker.execute_batch("ROLLBACK").unwrap();
    drop(blocker);
    until(|| !journal.is_degraded()).await;
    until(|| ground.spill_is_empty()).await;
    journal.append(ground.event(4), None).await.unwrap();
    assert_eq!(ground.events_files().len(), 2, "a file in which a commit failed was appended to");
    let mut numbers = kept_numbers(&journal.reader());
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
    drop(journal);
    assert_eq!(kept_numbers(&ground.open().reader()).len(), 4);
}

/// Runs the test after this one in a process whose files cannot grow over a megabyte: commits fail half way, again
/// and again, as they do on a disk that fills up.
#[test]
fn commits_that_fail_half_way_lose_nothing_and_double_nothing() {
    let program = std::env::current_exe().unwrap();
    let name = "journal::trouble::child_whose_files_cannot_grow";
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact --include-ignored \"$1\"";
    let child = std::process::Command::new("sh").args(["-c", script]).arg(program).arg(name).output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
}

#[ignore = "run by the test before it, in a process of its own"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_whose_files_cannot_grow() {
    let ground = Ground::new();
    let journal = ground.open();
    let mut spilled = 0;
    for group in 0..80 {
        let group: Vec<_> = (0..50).map(|number| journal.append(ground.event(group * 50 + number), None)).collect();
        for keeping in group {
            match keeping.await {
                Ok(_) => {}
                Err(Unkept::Spilled) => spilled += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(spilled > 0, "no commit failed");
    until(|| !journal.is_degraded() && ground.spill_is_empty()).await;
    let files = ground.events_files().len();
    assert!(files > 1, "a file in which a commit failed was appended to");
    drop(journal);
    let mut numbers = kept_numbers(&ground.open().reader());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..4000).collect::<Vec<_>>());
}
