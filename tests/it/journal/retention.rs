//! Retention: what is too old or too much goes, whole files at a time, and never what somebody is owed.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use offhook::event::EventId;
use offhook::journal::{Filter, Hole, Journal, Parked, Position, Reader, Retention, Which};

use super::cast::{Ground, kept_numbers, read_all, until};

const DAY: i64 = 86_400;
const A_DAY: Retention = Retention { keep: Some(Duration::from_secs(86_400)), max_size: None };

/// Keeps ten events in each of `files` files, one a second, the files an hour apart.
async fn fill(ground: &Ground, journal: &Journal, files: u64) {
    for number in 0..files * 10 {
        if number.is_multiple_of(10) {
            ground.pass(3601);
        }
        ground.pass(1);
        journal.append(ground.event(number), None).await.unwrap();
    }
}

fn first(journal: &Journal) -> u64 {
    journal.reader().first().unwrap().get()
}

fn parked(at: u64, id: EventId) -> Parked {
    Parked {
        handler: "billing".to_owned(),
        position: Position(at),
        id,
        kind: "call.start".to_owned(),
        app_key: "app".to_owned(),
        why: "refused".to_owned(),
        attempts: 1,
        parked_at: Timestamp::UNIX_EPOCH,
        asked: false,
    }
}

/// What a reader that was away since `after` is told it missed.
fn holes(journal: &Journal, after: u64, until: u64) -> Vec<(u64, u64)> {
    let holes = journal.reader().holes(Position(after), Position(until)).unwrap();
    holes.into_iter().map(|Hole { first, last }| (first.get(), last.get())).collect()
}

#[tokio::test]
async fn what_is_older_than_keep_goes_and_space_comes_back() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    journal.lanes().attended_by([]);
    fill(&ground, &journal, 4).await;
    let before = ground.events_files();
    assert_eq!((before.len(), holes(&journal, 0, 40)), (4, vec![]));
    ground.pass(DAY - 2 * 3600 - 10);
    until(|| first(&journal) == 21).await;
    assert_eq!(kept_numbers(&journal.reader()), (20..40).collect::<Vec<_>>());
    assert_eq!(holes(&journal, 0, 40), [(1, 20)]);
    assert_eq!((holes(&journal, 13, 17), holes(&journal, 20, 40)), (vec![(14, 17)], vec![]));
    for path in &before[..2] {
        until(|| !path.exists() && !path.with_extension("db-wal").exists()).await;
    }
    until(|| ground.metrics.journal_first_position.get() == 21).await;
    // Positions go on, also where all of it is gone.
    ground.pass(2 * DAY);
    until(|| first(&journal) == 41).await;
    assert_eq!((kept_numbers(&journal.reader()), holes(&journal, 35, 40)), (vec![], vec![(36, 40)]));
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.append(ground.event(40), None).await.unwrap().position(), Position(41));
}

#[tokio::test]
async fn what_a_handler_owes_stays_until_it_got_it() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    let lanes = journal.lanes();
    assert_eq!(lanes.register("billing").unwrap(), Position(0));
    assert_eq!(lanes.register("quick").unwrap(), Position(0));
    lanes.attended_by(["billing", "quick"]);
    fill(&ground, &journal, 4).await;
    lanes.advance("quick", Position(40));
    lanes.advance("billing", Position(12));
    ground.pass(30 * DAY);
    // The first file goes, the second is owed in part.
    until(|| first(&journal) == 11).await;
    lanes.advance("billing", Position(19));
    until(|| ground.metrics.journal_first_position.get() == 11).await;
    assert_eq!(kept_numbers(&journal.reader()).first(), Some(&10));
    lanes.advance("billing", Position(20));
    until(|| first(&journal) == 21).await;
}

#[tokio::test]
async fn over_max_size_the_promise_wins_and_it_is_told() {
    let mut ground = Ground::new();
    ground.options.retention = Retention { keep: None, max_size: Some(1) };
    let journal = ground.open();
    let lanes = journal.lanes();
    lanes.register("dead").unwrap();
    lanes.attended_by(["dead"]);
    fill(&ground, &journal, 3).await;
    ground.pass(2 * 3600);
    until(|| journal.is_degraded()).await;
    assert!(ground.metrics.journal_over_limit_bytes.get() > 0);
    assert_eq!(kept_numbers(&journal.reader()).len(), 30);
    lanes.advance("dead", Position(30));
    // All but the file that is written.
    until(|| first(&journal) == 21 && !journal.is_degraded()).await;
    assert_eq!(ground.metrics.journal_over_limit_bytes.get(), 0);
}

#[tokio::test]
async fn what_is_parked_or_to_be_replayed_is_owed_too() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    lanes.attended_by(["billing"]);
    fill(&ground, &journal, 4).await;
    let events = read_all(&journal.reader(), &Filter::default());
    lanes.park(parked(15, events[14].1.id())).unwrap();
    let replay = lanes.ask_replay("billing", &Filter::default(), None).unwrap();
    lanes.advance("billing", Position(40));
    ground.pass(2 * DAY);
    // The replay began at the first event.
    until(|| ground.events_files().len() == 5).await;
    assert_eq!(kept_numbers(&journal.reader()).len(), 40);
    let mut replay = journal.reader().replay(replay).unwrap().unwrap();
    (replay.position, replay.ended) = (Position(40), true);
    lanes.advance_replay(&replay).unwrap();
    // Only the file with the parked one is left, though younger ones could go.
    until(|| ground.events_files().len() == 2).await;
    assert_eq!(kept_numbers(&journal.reader()), (10..20).collect::<Vec<_>>());
    assert_eq!(holes(&journal, 0, 40), [(1, 10), (21, 40)]);
    assert_eq!((holes(&journal, 12, 40), holes(&journal, 12, 15)), (vec![(21, 40)], vec![]));
    lanes.drop_parked(&Which::default(), ground.now()).unwrap();
    until(|| ground.events_files().len() == 1).await;
}

#[tokio::test]
async fn a_handler_that_is_configured_no_more_holds_back_for_the_keep_time_only() {
    let mut ground = Ground::new();
    ground.options.retention = Retention { max_size: Some(1), ..A_DAY };
    let journal = ground.open();
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    lanes.attended_by([]);
    fill(&ground, &journal, 3).await;
    let events = read_all(&journal.reader(), &Filter::default());
    lanes.park(parked(5, events[4].1.id())).unwrap();
    ground.pass(2 * 3600);
    until(|| journal.is_degraded()).await;
    assert_eq!(first(&journal), 1);
    ground.pass(DAY);
    until(|| first(&journal) > 20).await;
    until(|| journal.reader().parked(Some("billing")).unwrap().is_empty()).await;
    assert_eq!(journal.reader().parked(None).unwrap(), []);
}

#[tokio::test]
async fn before_it_is_known_who_is_configured_everybody_is() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    journal.lanes().register("billing").unwrap();
    fill(&ground, &journal, 3).await;
    journal.lanes().register("late").unwrap();
    ground.pass(30 * DAY);
    // A pass has begun the next file, since the one that was written is too old.
    until(|| ground.events_files().len() == 4).await;
    let passes = || ground.metrics.journal_first_position.get();
    until(|| passes() == 1).await;
    assert_eq!(kept_numbers(&journal.reader()).len(), 30);
}

#[tokio::test]
async fn what_may_still_be_repeated_stays_so_that_a_restart_knows_it() {
    let mut ground = Ground::new();
    ground.options.retention = Retention { keep: None, max_size: Some(1) };
    ground.tuning.rotate_bytes = 1;
    let journal = ground.open();
    journal.lanes().attended_by([]);
    for number in 0..5 {
        let ticket = ground.ticket(&journal, number);
        journal.append(ground.event(number), Some(ticket)).await.unwrap();
    }
    // A new number is given only after a pass.
    ground.metrics.journal_first_position.set(0);
    until(|| ground.metrics.journal_first_position.get() == 1).await;
    assert_eq!(kept_numbers(&journal.reader()).len(), 5);
    ground.pass(601);
    until(|| first(&journal) == 5).await;
}

#[tokio::test]
async fn a_reader_in_the_middle_of_its_pages_goes_on_behind_what_was_deleted() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    journal.lanes().attended_by([]);
    fill(&ground, &journal, 4).await;
    let reader = Reader::open(&ground.options.path).unwrap();
    let page = reader.page(Position(0), 3, &Filter::default()).unwrap();
    ground.pass(DAY - 2 * 3600 - 10);
    until(|| first(&journal) == 21).await;
    let rest = read_all(&journal.reader(), &Filter::default());
    let mut after = page.scanned;
    let mut seen = Vec::new();
    loop {
        let page = reader.page(after, 7, &Filter::default()).unwrap();
        seen.extend(page.events.iter().map(|(position, _)| position.get()));
        after = page.scanned;
        if !page.more {
            break;
        }
    }
    // The rest of the file it had open, perhaps; everything that is kept, certainly.
    assert!(seen.ends_with(&rest.iter().map(|(position, _)| position.get()).collect::<Vec<_>>()), "{seen:?}");
}

#[tokio::test]
async fn what_a_kill_in_the_middle_of_deleting_leaves_is_taken_away() {
    let mut ground = Ground::new();
    ground.options.retention = A_DAY;
    let journal = ground.open();
    fill(&ground, &journal, 2).await;
    drop(journal);
    let files = ground.events_files();
    let orphans = ["db-wal", "db-shm"].map(|extension| files[0].with_extension(extension));
    fs::remove_file(&files[0]).unwrap();
    orphans.iter().for_each(|orphan| fs::write(orphan, "left over").unwrap());
    let journal = ground.open();
    until(|| orphans.iter().all(|orphan| !orphan.exists())).await;
    assert_eq!(kept_numbers(&journal.reader()), (10..20).collect::<Vec<_>>());
    assert_eq!(first(&journal), 11);
}

#[tokio::test]
async fn how_long_is_kept_may_change_while_it_runs() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().attended_by([]);
    fill(&ground, &journal, 3).await;
    ground.now.fetch_add(400 * DAY * 1_000_000, Ordering::Relaxed);
    journal.append(ground.event(30), None).await.unwrap();
    until(|| ground.metrics.journal_first_position.get() == 1).await;
    assert_eq!(kept_numbers(&journal.reader()).len(), 31);
    journal.retain(A_DAY);
    until(|| kept_numbers(&journal.reader()) == [30]).await;
}
