//! Receivers that are broken on purpose: a proof that would pass them proves nothing. Each must be found out by its own check.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::timeout;

use super::fault::Fault;
use super::ground::{Ground, Wrong};

/// A receiver that was well for two rounds.
async fn healthy() -> Option<Ground> {
    let mut ground = Ground::new(crate::world::random(0..1_000_000))?;
    for fault in [Fault::Kill, Fault::PowerCut] {
        ground.round(fault).await.unwrap();
    }
    Some(ground)
}

#[track_caller]
fn is_found_out<T: std::fmt::Debug>(outcome: Result<T, Wrong>, by: &str) {
    let wrong = outcome.expect_err("the mutant passed").to_string();
    assert!(wrong.contains(by), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_syncs_is_found_out() {
    let Some(mut ground) = healthy().await else { return };
    ground.switch("lies", true);
    is_found_out(ground.round(Fault::PowerCut).await, "answered, lost: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_answers_before_its_sync_is_through_is_found_out() {
    let Some(mut ground) = healthy().await else { return };
    ground.switch("late", true);
    // The power may go in a moment in which nothing was answered early.
    let mut outcome = ground.round(Fault::PowerCut).await;
    for _ in 0..4 {
        if outcome.is_ok() {
            outcome = ground.round(Fault::PowerCut).await;
        }
    }
    is_found_out(outcome, "answered, lost: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_keeps_an_event_twice_is_found_out() {
    let Some(mut ground) = healthy().await else { return };
    ground.dies();
    let newest = ground.events_files().pop().unwrap();
    let journal = Connection::open(newest).unwrap();
    let columns: Vec<String> = {
        let mut names =
            journal.prepare("SELECT name FROM pragma_table_info('events') WHERE name <> 'position'").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let columns = columns.join(", ");
    let again = format!(
        "INSERT INTO events (position, {columns}) SELECT position + 1, {columns} FROM events ORDER BY position DESC LIMIT 1"
    );
    assert_eq!(journal.execute(&again, []).unwrap(), 1);
    drop(journal);
    is_found_out(ground.ends().await, "kept twice: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_forgets_what_it_has_to_deliver_is_found_out() {
    let Some(mut ground) = healthy().await else { return };
    ground.targets[0].1.dies();
    ground.round(Fault::Kill).await.unwrap();
    ground.dies();
    let lanes = Connection::open(ground.journal().join("lanes.db")).unwrap();
    let end: i64 = {
        let newest = Connection::open(ground.events_files().pop().unwrap()).unwrap();
        newest.query_row("SELECT max(position) FROM events", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(lanes.execute("UPDATE lanes SET position = ?1", [end]).unwrap(), 2);
    drop(lanes);
    ground.targets[0].1.comes_back().await;
    is_found_out(ground.ends().await, "never reached good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stops_answering_for_a_while_is_found_out() {
    let Some(mut ground) = healthy().await else { return };
    let (serving, traffic) = (ground.serves(), ground.traffic());
    ground.hears(&traffic, 1..20).await.unwrap();
    serving.freezes();
    let answered = traffic.count();
    // Nobody is answered now; only the time is waited for.
    let _ = timeout(Duration::from_millis(2500), traffic.gets(answered + 1000)).await;
    serving.thaws();
    is_found_out(ground.hears(&traffic, 20..40).await, "a verdict took ");
}
