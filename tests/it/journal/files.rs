//! The journal's files: whose they are, how they follow each other, and what becomes of damaged or foreign ones.

use std::fs;
use std::path::Path;

use offhook::journal::{Filter, OpenError, Position, ReadError, Reader};
use rusqlite::Connection;

use super::cast::{Ground, kept_numbers, read_all, until};

#[test]
fn one_directory_belongs_to_one_process() {
    let ground = Ground::new();
    let journal = ground.open();
    let Err(OpenError::InUse { path, pid }) = ground.try_open() else { panic!("opened twice") };
    assert_eq!((path, pid), (ground.options.path.clone(), Some(std::process::id())));
    drop(journal);
    ground.open();
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::new();
    let journal = ground.open();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&ground.options.path), 0);
    for entry in fs::read_dir(&ground.options.path).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0, "{}", path.display());
    }
    drop(journal);
}

#[test]
fn a_file_of_a_newer_version_is_refused_naming_both() {
    let ground = Ground::new();
    drop(ground.open());
    let path = ground.events_files().remove(0);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = ground.try_open().unwrap_err();
    assert!(matches!(&error, OpenError::Newer { path: told, found: 99, known: 2 } if *told == path), "{error}");
    assert!(error.to_string().contains("99") && error.to_string().contains("up to 2"), "{error}");
    let error = Reader::open(&ground.options.path).unwrap().last().unwrap_err();
    assert!(matches!(error, ReadError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_log_that_was_moved_to_its_end_is_used_again() {
    const ROUND: u64 = 8 << 20;
    let ground = Ground::new();
    let journal = ground.open();
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    for round in 1..=4 {
        for number in 0..128 {
            journal.append(ground.large_event(round * 1000 + number, 64 << 10), None).await.unwrap();
        }
        // All but the last four megabytes, which wait for more.
        let file = ground.events_files().remove(0);
        until(|| size(&file) > round * ROUND - ROUND * 5 / 8).await;
    }
    let log = ground.events_files().remove(0).with_extension("db-wal");
    // No more than what may wait, one round behind it, and the pages that each commit writes again.
    assert!(size(&log) < 3 * ROUND, "{} bytes of log for {} of events", size(&log), 4 * ROUND);
    assert_eq!(kept_numbers(&journal.reader()).len(), 512);
}

#[tokio::test]
async fn files_follow_each_other_by_size_and_by_age() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 100_000;
    let journal = ground.open();
    for number in 0..500 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    let files = ground.events_files().len();
    assert!(files > 1, "no new file was begun");
    ground.pass(3601);
    journal.append(ground.event(500), None).await.unwrap();
    assert!(ground.events_files().len() > files, "no new file was begun after an hour");
    assert_eq!(kept_numbers(&journal.reader()), (0..=500).collect::<Vec<_>>());
    let last = journal.reader().last().unwrap();
    assert_eq!(last, Position(501));
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.append(ground.event(501), None).await.unwrap().position(), Position(502));
}

#[test]
fn what_is_no_journal_is_told() {
    let ground = Ground::new();
    for path in [ground.directory.path().to_owned(), ground.directory.path().join("nothing")] {
        let error = Reader::open(&path).unwrap_err();
        assert!(matches!(&error, ReadError::NotAJournal { path: told } if *told == path), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_left_alone_and_serving_goes_on_in_a_new_one() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.append(ground.event(1), None).await.unwrap();
    drop(journal);
    let damaged = ground.events_files().remove(0);
    let bytes = vec![0x5a; 20_000];
    fs::write(&damaged, &bytes).unwrap();

    let journal = ground.open();
    let position = journal.append(ground.event(2), None).await.unwrap().position();
    assert!(position > Position(1));
    assert_eq!(kept_numbers(&journal.reader()), [2]);
    assert_eq!(fs::read(&damaged).unwrap(), bytes);
    assert_eq!(ground.events_files().len(), 2);
}

#[tokio::test]
async fn nothing_is_appended_to_a_file_with_a_damaged_page_in_its_middle() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..300 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    let (_, event) = read_all(&journal.reader(), &Filter::default()).swap_remove(150);
    drop(journal);
    let damaged = ground.events_files().remove(0);
    Connection::open(&damaged).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let id = event.id().as_bytes().to_owned();
    let at = bytes.windows(id.len()).position(|part| part == id).unwrap() / page * page;
    bytes[at..at + page].fill(0x5a);
    fs::write(&damaged, &bytes).unwrap();

    // The newest event of all can still be found; that says nothing of those between.
    let journal = ground.open();
    journal.append(ground.event(1000), None).await.unwrap();
    assert_eq!(kept_numbers(&journal.reader()).last(), Some(&1000));
    assert_eq!(ground.events_files().len(), 2);
    assert_eq!(fs::read(&damaged).unwrap(), bytes);
}
