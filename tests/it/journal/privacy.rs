//! What is not to be known: fields that never reach the disk, persons who are erased, and records that only a key opens.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Filter, Journal, Key, Keys, LeaveOut, OpenError, Parked, Position, ReadError, Reader, Which};
use offhook::kind::{Family, Kind, KindPattern};
use offhook::verdict::{Decision, Verdict};
use rusqlite::Connection;

use super::cast::{Ground, read_all, until};

pub(super) fn event(ground: &Ground, kind: &str, account: &str, number: usize) -> Event {
    Event::new(EventParts {
        id: EventId::at(ground.now()),
        kind: Kind::named(Family::YunxinCallback, kind),
        app_key: Arc::from("app"),
        received: ground.now(),
        sent_at: Some(number.to_string()),
        subject: Some(account.to_owned()),
        headers: Arc::from("AppKey: app\nCurTime: 1\nMD5: 00\nCheckSum: 11\n"),
        body: format!(r#"{{"fromAccount":"{account}","token":"tok-{account}","ip":"203.0.113.7","n":{number}}}"#)
            .into(),
        decision: Some(Decision::by_default(Verdict::allow())),
    })
}

pub(super) fn gave_up(ground: &Ground, position: Position, id: EventId, why: &str) -> Parked {
    Parked {
        handler: "billing".to_owned(),
        position,
        id,
        kind: "call.start".to_owned(),
        app_key: "app".to_owned(),
        why: why.to_owned(),
        attempts: 1,
        parked_at: ground.now(),
        asked: false,
    }
}

/// Whether `text` stands in any file of the directory, logs and all.
pub(super) fn stands_in(directory: &Path, text: &str) -> Vec<String> {
    let holds = |path: &Path| fs::read(path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.filter(|path| path.is_file() && holds(path));
    found.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn all(journal: &Journal) -> Vec<(Position, Event)> {
    read_all(&journal.reader(), &Filter::default())
}

#[tokio::test]
async fn what_is_to_be_left_out_never_reaches_the_disk() {
    let mut ground = Ground::new();
    ground.options.leave_out = LeaveOut::default().and(KindPattern::parse("call.*").unwrap(), "ip");
    let journal = ground.open();
    for kind in ["call.start", "login.im", "room.create"] {
        journal.append(event(&ground, kind, "mei", 1), None).await.unwrap();
    }
    let events: Vec<Event> = all(&journal).into_iter().map(|(_, event)| event).collect();
    assert_eq!(events[0].text(), r#"{"fromAccount":"mei","token":"tok-mei","n":1}"#);
    assert_eq!(events[1].text(), r#"{"fromAccount":"mei","ip":"203.0.113.7","n":1}"#);
    assert_eq!(events[1].marks().unwrap().left_out, ["token"]);
    assert!(!events[0].is_verifiable() && !events[1].is_verifiable() && events[2].is_verifiable());
    assert!(events.iter().all(Event::is_owed));
}

#[tokio::test]
async fn a_person_who_is_erased_is_in_no_file_any_more_and_everybody_else_is() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 200_000;
    let journal = ground.open();
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    for number in 0..2500 {
        let account = if number % 100 == 7 { "somebody-else" } else { "person-to-go" };
        let keeping = journal.append(event(&ground, "call.start", account, number), None);
        if number % 50 == 0 || number == 2499 {
            keeping.await.unwrap();
        }
    }
    let before = all(&journal);
    let (at, parked) = (before[3].0, before[3].1.id());
    lanes.park(gave_up(&ground, at, parked, "unknown account person-to-go")).unwrap();
    let filter = Filter { account: Some("person-to-go".to_owned()), ..Filter::default() };
    lanes.ask_replay("billing", &filter, None).unwrap();
    let index = ground.options.path.join("index.db");
    let covered = || {
        let read = |index: Connection| index.query_row("SELECT max(last) FROM blocks", [], |row| row.get(0)).ok();
        Connection::open(&index).ok().and_then(read).unwrap_or(0_i64)
    };
    until(|| covered() == 2048).await;

    let number = lanes.ask_erasure("person-to-go", None, ground.now()).unwrap();
    until(|| journal.reader().erasure(number).unwrap().unwrap().ended_at.is_some()).await;
    let erasure = journal.reader().erasure(number).unwrap().unwrap();
    assert_eq!((erasure.events, erasure.account), (2475, None));
    let after = all(&journal);
    assert_eq!(after.len(), 2500);
    for ((at, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!((before.id(), before.kind(), before.received()), (after.id(), after.kind(), after.received()));
        assert_eq!(before.decision(), after.decision());
        if before.subject() == Some("somebody-else") {
            assert_eq!((before.body(), before.headers()), (after.body(), after.headers()), "{at}");
        } else {
            assert!(after.is_erased() && !after.is_owed() && !after.is_verifiable(), "{at}");
            assert_eq!((after.text(), after.headers(), after.subject()), ("{}", "", None));
        }
    }
    assert_eq!(read_all(&journal.reader(), &filter).len(), 0);
    let others = Filter { account: Some("somebody-else".to_owned()), ..Filter::default() };
    assert_eq!(read_all(&journal.reader(), &others).len(), 25);
    assert_eq!(journal.reader().parked(None).unwrap(), []);
    // Events of later are not meant.
    journal.append(event(&ground, "call.start", "person-to-go", 1), None).await.unwrap();
    assert_eq!(read_all(&journal.reader(), &filter).len(), 1);
    drop(journal);
    let newest = ground.events_files().pop().unwrap();
    let newest = newest.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(stands_in(&ground.options.path, "person-to-go"), [newest]);
}

#[tokio::test]
async fn an_erasure_that_a_restart_cuts_short_goes_on() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..50 {
        journal.append(event(&ground, "call.start", "person-to-go", number), None).await.unwrap();
    }
    let number = journal.lanes().ask_erasure("person-to-go", None, ground.now()).unwrap();
    drop(journal);
    let journal = ground.open();
    until(|| journal.reader().erasure(number).unwrap().unwrap().ended_at.is_some()).await;
    let left: Vec<_> = all(&journal).into_iter().filter(|(_, event)| !event.is_erased()).collect();
    assert!(left.is_empty(), "{left:?}");
    drop(journal);
    assert_eq!(stands_in(&ground.options.path, "person-to-go"), [""; 0]);
}

#[tokio::test]
async fn what_a_kill_left_between_the_rows_of_a_file_goes_after_the_restart() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..300 {
        journal.append(event(&ground, "call.start", "person-to-go", number), None).await.unwrap();
    }
    drop(journal);
    // As a kill leaves it: each row is emptied, and the file was not written anew.
    let path = ground.events_files().remove(0);
    let file = Connection::open(&path).unwrap();
    let empty = "UPDATE events SET subject = NULL, headers = '', body = '{}', marks = '{\"erased\":1800000000000000}'";
    file.execute_batch(&format!("PRAGMA secure_delete = OFF; {empty}")).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(file);
    let lanes = Connection::open(ground.options.path.join("lanes.db")).unwrap();
    let order = "INSERT INTO erasures (account, asked_at, last, events) VALUES ('person-to-go', 0, 300, 300)";
    lanes.execute_batch(order).unwrap();
    drop(lanes);
    assert!(stands_in(&ground.options.path, "tok-person-to-go").len() == 1, "nothing was left between the rows");

    let journal = ground.open();
    until(|| journal.reader().erasure(1).unwrap().unwrap().ended_at.is_some()).await;
    drop(journal);
    assert_eq!(stands_in(&ground.options.path, "person-to-go"), [""; 0]);
}

#[tokio::test]
async fn an_erasure_waits_for_what_is_spilled() {
    let ground = Ground::new();
    let journal = ground.open();
    journal.append(event(&ground, "call.start", "person-to-go", 1), None).await.unwrap();
    fs::write(&ground.options.spill, "not whole\n").unwrap();
    let number = journal.lanes().ask_erasure("person-to-go", None, ground.now()).unwrap();
    drop(journal);
    // Opening reads the spill back in, and sets this line aside.
    let journal = ground.open();
    until(|| journal.reader().erasure(number).unwrap().unwrap().ended_at.is_some()).await;
    assert!(all(&journal).iter().all(|(_, event)| event.is_erased()));
}

pub(super) fn keys(texts: &[&str]) -> Option<Keys> {
    Keys::of(texts.iter().map(|text| Key::parse(&text.repeat(32)).unwrap()).collect())
}

#[tokio::test]
async fn only_who_has_the_key_reads_what_is_encrypted() {
    let mut ground = Ground::new();
    ground.options.keys = keys(&["01"]);
    let journal = ground.open();
    for number in 0..1500 {
        let keeping = journal.append(event(&ground, "call.start", &format!("person{}", number % 3), number), None);
        if number == 1499 {
            keeping.await.unwrap();
        }
    }
    let filter = Filter { account: Some("person2".to_owned()), ..Filter::default() };
    assert_eq!(read_all(&journal.reader(), &filter).len(), 500);
    assert_eq!(all(&journal)[7].1.body(), event(&ground, "call.start", "person1", 7).body());
    let (at, parked) = all(&journal).swap_remove(7);
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    lanes.park(gave_up(&ground, at, parked.id(), "no such account: person1")).unwrap();
    lanes.ask_again(&Which::default()).unwrap();
    for parked in [journal.reader().parked(None).unwrap().remove(0), lanes.asked_again("billing").unwrap().unwrap()] {
        assert_eq!(parked.why, "no such account: person1");
    }
    drop(journal);
    assert_eq!(stands_in(&ground.options.path, "person"), [""; 0]);
    assert_eq!(stands_in(&ground.options.path, "CheckSum"), [""; 0]);

    for wrong in [None, keys(&["02"])] {
        ground.options.keys = wrong.clone();
        let error = ground.try_open().unwrap_err();
        assert!(matches!(error, OpenError::Sealed { .. }), "{error}");
        assert!(error.to_string().contains("journal.encryption_key"), "{error}");
        let reader = Reader::open(&ground.options.path).unwrap().with_keys(wrong);
        let error = reader.page(Position(0), 10, &Filter::default()).unwrap_err();
        assert!(matches!(error, ReadError::Sealed { .. }), "{error}");
    }
    // A new key takes the old one's place: both are known, the first one encrypts.
    ground.options.keys = keys(&["02", "01"]);
    let journal = ground.open();
    journal.append(event(&ground, "call.start", "person2", 1500), None).await.unwrap();
    assert_eq!(read_all(&journal.reader(), &filter).len(), 501);
    drop(journal);
    let reader = Reader::open(&ground.options.path).unwrap().with_keys(keys(&["02"]));
    assert!(reader.page_before(Position(u64::MAX), 1, &Filter::default()).is_ok());
    assert!(reader.page(Position(0), 1, &Filter::default()).is_err());
}
