//! Lanes: where handlers are, across restarts and losses, and what is parked.

use std::fs;
use std::time::Duration;

use offhook::event::EventId;
use offhook::journal::{Filter, Parked, Position, Reader};

use super::cast::{Ground, read_all};

#[tokio::test]
async fn a_lane_starts_at_the_end_and_goes_on_where_it_was() {
    let ground = Ground::new();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("early").unwrap(), Position(0));
    for number in 0..3 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    assert_eq!(journal.lanes().register("late").unwrap(), Position(3));
    journal.lanes().advance("early", Position(2));
    journal.lanes().advance("early", Position(1));
    assert_eq!(journal.close(Duration::from_secs(10)).await.unkept, 0);
    drop(journal);

    let journal = ground.open();
    assert_eq!(journal.lanes().register("early").unwrap(), Position(2));
    assert_eq!(journal.lanes().register("late").unwrap(), Position(3));
}

#[tokio::test]
async fn lanes_that_were_lost_begin_again_rather_than_miss_something() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().register("log").unwrap();
    journal.append(ground.event(1), None).await.unwrap();
    journal.lanes().advance("log", Position(1));
    drop(journal);
    let lanes = ground.options.path.join("lanes.db");
    fs::remove_file(&lanes).unwrap();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("log").unwrap(), Position(0));
    assert_eq!(journal.lanes().register("other").unwrap(), Position(0));
    journal.close(Duration::from_secs(10)).await;
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.lanes().register("new").unwrap(), Position(1));
    drop(journal);

    fs::write(&lanes, vec![1; 10_000]).unwrap();
    let journal = ground.open();
    assert_eq!(journal.lanes().register("new").unwrap(), Position(0));
    assert_eq!(fs::read(ground.options.path.join("lanes.db.damaged-1")).unwrap(), vec![1; 10_000]);
}

#[tokio::test]
async fn where_a_disk_lost_what_it_had_promised_new_events_stand_behind_everything_that_was_delivered() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().register("log").unwrap();
    journal.append(ground.event(1), None).await.unwrap();
    journal.lanes().advance("log", Position(5));
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.append(ground.event(2), None).await.unwrap().position(), Position(6));
    assert_eq!(journal.lanes().register("log").unwrap(), Position(5));
}

#[tokio::test]
async fn a_lane_whose_log_is_destroyed_is_still_known() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().register("log").unwrap();
    let lanes = ground.options.path.join("lanes.db");
    let without_its_log = fs::read(&lanes).unwrap();
    journal.append(ground.event(1), None).await.unwrap();
    drop(journal);
    fs::write(&lanes, without_its_log).unwrap();

    let journal = ground.open();
    assert_eq!(journal.lanes().register("log").unwrap(), Position(0), "what was kept was passed over");
}

/// Whichever page is destroyed, also one that holds nothing about lanes.
#[tokio::test]
async fn a_damaged_page_among_the_lanes_is_noticed_and_keeps_nobody_from_reading_events() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.lanes().register("log").unwrap();
    journal.append(ground.event(1), None).await.unwrap();
    drop(journal);
    let lanes = ground.options.path.join("lanes.db");
    let whole = fs::read(&lanes).unwrap();
    let page = 4096;
    assert!(whole.len() > 3 * page && whole.len().is_multiple_of(page));
    for place in 0..whole.len() / page {
        let mut damaged = whole.clone();
        damaged[place * page..(place + 1) * page].fill(0xa5);
        fs::write(&lanes, &damaged).unwrap();
        let reader = Reader::open(&ground.options.path).unwrap();
        let (_, event) = read_all(&reader, &Filter::default()).remove(0);
        assert_eq!(reader.failures().unwrap().of(event.id()).unwrap(), None, "page {place}");

        let journal = ground.open();
        assert_eq!(journal.lanes().register("log").unwrap(), Position(0), "page {place} was taken for whole");
        drop(journal);
    }
}

#[test]
fn parked_deliveries_are_there_after_reopening() {
    let ground = Ground::new();
    let journal = ground.open();
    let parked = |handler: &str, position| Parked {
        handler: handler.to_owned(),
        position: Position(position),
        id: EventId::at(ground.now()),
        kind: "call.start".to_owned(),
        app_key: "app".to_owned(),
        why: "status 400".to_owned(),
        attempts: 3,
        parked_at: ground.now(),
        asked: false,
    };
    let (first, second) = (parked("billing", 1), parked("log", 2));
    for one in [&first, &first, &second] {
        journal.lanes().park(one.clone()).unwrap();
    }
    drop(journal);
    let journal = ground.open();
    assert_eq!(journal.reader().parked(Some("billing")).unwrap().len(), 1);
    assert_eq!(journal.reader().parked(Some("nobody")).unwrap().len(), 0);
    assert_eq!(journal.reader().parked(None).unwrap(), [first.clone(), second]);
    assert_eq!(journal.reader().parked(Some("billing")).unwrap(), [first]);
    assert!(ground.metrics.render().contains(r#"offhook_parked{handler="billing"} 1"#));
}
