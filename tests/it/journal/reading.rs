//! Readers: filters, pages, and a directory that a killed server left.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use offhook::clock::Clock;
use offhook::event::EventId;
use offhook::journal::{Filter, Journal, Options, Position, Reader};
use offhook::kind::KindPattern;

use super::cast::{Ground, kept_numbers, read_all};

#[tokio::test]
async fn a_reader_filters_finds_and_goes_on_after_what_it_saw() {
    let mut ground = Ground::new();
    ground.tuning.rotate_after = Duration::from_secs(60);
    let journal = ground.open();
    let mut ids = Vec::new();
    let begin = ground.now();
    for number in 0..100 {
        let event = ground.event(number);
        ids.push(event.id());
        journal.append(event, None).await.unwrap();
        ground.pass(10);
    }
    let reader = Reader::open(&ground.options.path).unwrap();
    let numbers = |filter: Filter| -> Vec<u64> {
        read_all(&reader, &filter).iter().map(|(_, event)| event.sent_at().unwrap().parse().unwrap()).collect()
    };
    let kinds = vec![KindPattern::parse("call.*").unwrap()];
    assert_eq!(numbers(Filter { kinds, ..Filter::default() }), (0..100).step_by(2).collect::<Vec<_>>());
    let since = Some(begin + Duration::from_secs(500));
    let until = Some(begin + Duration::from_secs(700));
    assert_eq!(numbers(Filter { since, until, ..Filter::default() }), (50..70).collect::<Vec<_>>());
    let nobody = Filter { app: Some("other".to_owned()), ..Filter::default() };
    let page = reader.page(Position(5), 10, &nobody).unwrap();
    assert_eq!((page.events.len(), page.scanned, page.more), (0, Position(100), false));
    let (position, event) = reader.find(ids[77]).unwrap().unwrap();
    assert_eq!((position, event.id()), (Position(78), ids[77]));
    assert!(reader.find(EventId::at(ground.now())).unwrap().is_none());
}

#[tokio::test]
async fn a_reader_reads_what_a_killed_server_left() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..10 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    // The files as they are now, without any of the orderly end: what `kill -9` leaves.
    let left = ground.directory.path().join("left");
    fs::create_dir(&left).unwrap();
    for entry in fs::read_dir(&ground.options.path).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with("-shm") {
            fs::copy(&path, left.join(path.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(kept_numbers(&Reader::open(&left).unwrap()), (0..10).collect::<Vec<_>>());
    let options = Options { path: left, ..ground.options.clone() };
    let journal = Journal::open(options, Clock::system(), Arc::clone(&ground.metrics)).unwrap();
    assert_eq!(journal.append(ground.event(10), None).await.unwrap().position(), Position(11));
    assert_eq!(kept_numbers(&journal.reader()), (0..=10).collect::<Vec<_>>());
}
