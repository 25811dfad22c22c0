//! Encryption at rest, whatever is used: a person who is in the journal is in none of its files.

use std::time::Duration;

use offhook::journal::{
    Attempt, AttemptEnd, Claim, Entry, Failure, Filter, Outbox, Position, Reader, Shadow, Stage, Unkept, Which,
};

use offhook::verdict::{Decision, Verdict};
use rusqlite::Connection;

use super::cast::{Ground, read_all, until};
use super::privacy::{event, gave_up, keys, stands_in};

fn of(account: &str) -> Filter {
    Filter { account: Some(account.to_owned()), ..Filter::default() }
}

/// An answer that says who it is about.
fn about(account: &str) -> Decision {
    let modify = serde_json::json!({"body": format!("for {account} only")}).as_object().unwrap().clone();
    Decision::by_decider(Verdict::Allow { modify, ext: format!("said to {account}") }, "rule:x")
}

/// Nothing of it may stand in any file, as it is now.
fn nobody_stands_in(ground: &Ground) {
    for text in ["person", "203.0.113.7", "CheckSum"] {
        assert_eq!(stands_in(&ground.options.path, text), [""; 0], "{text}");
    }
}

#[tokio::test]
async fn with_a_key_no_file_names_a_person_whatever_was_used() {
    let mut ground = Ground::new();
    ground.options.keys = keys(&["01"]);
    ground.options.spill = ground.options.path.join("spill.jsonl");
    let journal = ground.open();
    for number in 0..1200 {
        let account = format!("person{}", number % 3);
        let event = event(&ground, "call.start", &account, number);
        let keeping = journal.append(event.with_decision(about(&account)), None);
        if number == 1199 {
            keeping.await.unwrap();
        }
    }
    let kept = read_all(&journal.reader(), &Filter::default());
    assert_eq!(kept[1].1.decision(), Some(&about("person1")));
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    for (at, event) in &kept[..6] {
        lanes.park(gave_up(&ground, *at, event.id(), "no such account: person1")).unwrap();
    }
    let dropped = Which { handler: None, ids: vec![kept[0].1.id()] };
    assert_eq!(lanes.drop_parked(&dropped, ground.now()).unwrap(), 1);
    assert_eq!(lanes.ask_again(&Which::default()).unwrap(), 5);
    let id = kept[2].1.id();
    let answer = Some("person2 is busy".into());
    let attempt =
        Attempt { id, at: ground.now(), took: Duration::ZERO, ended: AttemptEnd::Retry, answer, asked: false };
    lanes.attempted("billing", [attempt]);
    let failure =
        Failure { copy: kept[3].1.id(), event: Some(id), app_key: "app".into(), reason: Some(1), at: ground.now() };
    assert!(lanes.note_failure(&failure).unwrap());
    let shadow = Shadow { id, decider: "rules".into(), verdict: Some("allow".into()), code: None, by: None };
    journal.shadows().note(shadow);
    let outbox = Outbox::of(&ground.options);
    let planned = Entry { stage: Stage::Planned, note: "person2 is called".to_owned(), at: ground.now() };
    outbox.write("ring", id, &planned).unwrap();
    let replay = lanes.ask_replay("billing", &of("person1"), None).unwrap();
    assert_eq!(lanes.next_replay("billing").unwrap().unwrap().filter, of("person1"));
    until(|| journal.reader().shadows().unwrap().of(id).unwrap().len() == 1).await;
    nobody_stands_in(&ground);
    drop(journal);

    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    let spilled = event(&ground, "call.start", "person1", 1200).with_decision(about("person1"));
    let spilled = journal.append(spilled, None).await;
    assert_eq!(spilled.unwrap_err(), Unkept::Spilled);
    // It waits for what is spilled.
    let erasure = journal.lanes().ask_erasure("person1", None, ground.now()).unwrap();
    let stands = journal.reader().erasure(erasure).unwrap().unwrap();
    assert_eq!((stands.account.as_deref(), stands.ended_at), (Some("person1"), None));
    nobody_stands_in(&ground);
    drop(journal);
    nobody_stands_in(&ground);

    // How far orders are is told to those without the key too; whom they are about is not.
    let stranger = Reader::open(&ground.options.path).unwrap();
    let account = stranger.erasure(erasure).unwrap().unwrap().account.unwrap();
    assert!(!account.contains("person"), "{account}");
    let filter = stranger.replay(replay).unwrap().unwrap().filter;
    assert!(filter.account.is_some_and(|account| !account.contains("person")));
    let note = Outbox::at(&ground.options.path).unfinished("ring").unwrap().remove(0).1.note;
    assert!(note.contains("journal.encryption_key"), "{note}");

    ground.options.min_free = 0;
    let journal = ground.open();
    assert_eq!(outbox.unfinished("ring").unwrap(), [(id, planned)]);
    until(|| journal.reader().erasure(erasure).unwrap().unwrap().ended_at.is_some()).await;
    assert_eq!(journal.reader().erasure(erasure).unwrap().unwrap().events, 401);
    assert!(journal.reader().replay(replay).unwrap().unwrap().ended);
    assert_eq!(read_all(&journal.reader(), &of("person2")).len(), 400);
    assert_eq!(journal.reader().parked(None).unwrap().len(), 3);
    drop(journal);
    nobody_stands_in(&ground);
}

#[tokio::test]
async fn what_was_noted_before_there_was_a_key_is_read_with_it_too() {
    let mut ground = Ground::new();
    let journal = ground.open();
    journal.append(event(&ground, "call.start", "person1", 1), None).await.unwrap();
    let id = read_all(&journal.reader(), &Filter::default())[0].1.id();
    let entry = Entry { stage: Stage::Sent, note: "person1 is called".to_owned(), at: ground.now() };
    Outbox::of(&ground.options).write("ring", id, &entry).unwrap();
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    lanes.ask_replay("billing", &of("person1"), None).unwrap();
    lanes.park(gave_up(&ground, Position(1), id, "no such account: person1")).unwrap();
    drop(journal);

    ground.options.keys = keys(&["01"]);
    let journal = ground.open();
    assert_eq!(Outbox::of(&ground.options).entry("ring", id).unwrap(), Some(entry));
    assert_eq!(journal.lanes().next_replay("billing").unwrap().unwrap().filter, of("person1"));
    assert_eq!(journal.reader().parked(None).unwrap()[0].why, "no such account: person1");
    let erasure = journal.lanes().ask_erasure("person1", None, ground.now()).unwrap();
    until(|| journal.reader().erasure(erasure).unwrap().unwrap().ended_at.is_some()).await;
    drop(journal);
    assert_eq!(stands_in(&ground.options.path, "person"), [""; 0]);
}

#[tokio::test]
async fn without_its_key_a_replay_or_an_erasure_does_nothing_rather_than_something_else() {
    let mut ground = Ground::new();
    ground.options.keys = keys(&["01"]);
    let journal = ground.open();
    let lanes = journal.lanes();
    lanes.register("billing").unwrap();
    lanes.ask_replay("billing", &of("person1"), None).unwrap();
    drop(journal);
    // No event is encrypted, so the journal opens.
    ground.options.keys = keys(&["02"]);
    let journal = ground.open();
    let error = journal.lanes().next_replay("billing").unwrap_err().to_string();
    assert!(error.contains("a replay or an erasure") && error.contains("journal.encryption_key"), "{error}");
}

#[tokio::test]
async fn the_answer_to_a_repeat_is_encrypted_too_and_given_again_after_reopening() {
    let mut ground = Ground::new();
    ground.options.keys = keys(&["01"]);
    let journal = ground.open();
    for number in [1, 2] {
        let ticket = ground.ticket(&journal, number);
        journal.append(ground.event_with(number, about("person1")), Some(ticket)).await.unwrap();
    }
    drop(journal);
    // This one is of a version that left answers as they are.
    let file = Connection::open(&ground.events_files()[0]).unwrap();
    let plain =
        r#"UPDATE events SET ext = 'said to person1', modify = '{"body":"for person1 only"}' WHERE position = 2"#;
    assert_eq!(file.execute(plain, []).unwrap(), 1);
    drop(file);
    ground.options.keys = keys(&["02", "01"]);
    let journal = ground.open();
    for (at, kept) in read_all(&journal.reader(), &Filter::default()) {
        assert_eq!(kept.decision(), Some(&about("person1")), "{at:?}");
    }
    for number in [1, 2] {
        let Claim::Repeat(repeat) = journal.claim(ground.key(number)) else { panic!("forgotten by reopening") };
        assert_eq!(repeat.await, Some(about("person1")));
    }
    drop(journal);
    ground.options.min_free = u64::MAX;
    let journal = ground.open();
    let ticket = ground.ticket(&journal, 3);
    journal.append(ground.event_with(3, about("person2")), Some(ticket)).await.unwrap_err();
    drop(journal);
    assert!(!std::fs::read_to_string(&ground.options.spill).unwrap().contains("person"));
    let journal = ground.open();
    let Claim::Repeat(repeat) = journal.claim(ground.key(3)) else { panic!("what is spilled was forgotten") };
    assert_eq!(repeat.await, Some(about("person2")));
}
