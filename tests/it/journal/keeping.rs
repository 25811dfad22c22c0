//! What was kept is there, once, and a repeat gets the same answer.

use std::time::Duration;

use offhook::journal::{Claim, Filter, Position, Unkept};
use offhook::verdict::{Decision, Verdict};

use super::cast::{Ground, kept_numbers, read_all};

#[tokio::test]
async fn what_is_kept_is_read_back_byte_for_byte_after_reopening() {
    let ground = Ground::new();
    let journal = ground.open();
    let changed = Verdict::allow().with_ext("for \"you\"\u{0}").with_change("body", "new");
    let allowed = ground.event_with(1, Decision::by_decider(changed, "rule:x"));
    let rejected = ground.event_with(2, Decision::by_default(Verdict::reject(20010)));
    assert_eq!(journal.append(allowed.clone(), None).await.unwrap().position(), Position(1));
    assert_eq!(journal.append(rejected.clone(), None).await.unwrap().position(), Position(2));
    drop(journal);

    let journal = ground.open();
    let events = read_all(&journal.reader(), &Filter::default());
    assert_eq!(events.len(), 2);
    for ((position, read), (number, kept)) in events.iter().zip([(1, &allowed), (2, &rejected)]) {
        assert_eq!(position.get(), number);
        assert_eq!(read.id(), kept.id());
        assert_eq!(read.body(), kept.body());
        assert_eq!(read.headers(), kept.headers());
        assert_eq!(read.kind(), kept.kind());
        assert_eq!(read.received(), kept.received());
        assert_eq!((read.sent_at(), read.subject()), (kept.sent_at(), kept.subject()));
        assert_eq!(read.decision(), kept.decision());
    }
    assert_eq!(journal.append(ground.event(3), None).await.unwrap().position(), Position(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_of_a_group_is_told_its_own_position() {
    let ground = Ground::new();
    let journal = ground.open();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let journal = journal.clone();
        let events: Vec<_> = (0..20).map(|number| ground.event(caller * 20 + number)).collect();
        callers.spawn(async move {
            let mut positions = Vec::new();
            for event in events {
                let id = event.id();
                positions.push((journal.append(event, None).await.unwrap().position(), id));
            }
            positions
        });
    }
    let mut told: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    told.sort();
    let read: Vec<_> =
        read_all(&journal.reader(), &Filter::default()).into_iter().map(|(at, event)| (at, event.id())).collect();
    assert_eq!(told, read);
    assert_eq!(read.last().unwrap().0, Position(1000));
    assert_eq!(*journal.durable().borrow(), Position(1000));
}

#[tokio::test]
async fn an_event_is_kept_though_its_caller_goes_away() {
    let ground = Ground::new();
    let journal = ground.open();
    drop(journal.append(ground.event(1), None));
    assert_eq!(journal.close(Duration::from_secs(10)).await.unkept, 0);
    assert_eq!(kept_numbers(&journal.reader()), [1]);
    assert_eq!(journal.append(ground.event(2), None).await.unwrap_err(), Unkept::Logged);
}

#[tokio::test]
async fn a_repeat_gets_the_first_decision_also_after_reopening_until_it_would_be_stale() {
    let ground = Ground::new();
    let journal = ground.open();
    let reject = Decision::by_decider(Verdict::reject(20010).with_ext("why"), "rule:x");
    let key = ground.key(1);
    let ticket = ground.ticket(&journal, 1);
    journal.append(ground.event_with(1, reject.clone()), Some(ticket)).await.unwrap();
    let ticket = ground.ticket(&journal, 2);
    journal.append(ground.event(2), Some(ticket)).await.unwrap();
    let Claim::Repeat(repeat) = journal.claim(key) else { panic!("not seen as a repeat") };
    assert_eq!(repeat.await, Some(reject.clone()));
    drop(journal);

    let journal = ground.open();
    let Claim::Repeat(repeat) = journal.claim(key) else { panic!("forgotten by reopening") };
    assert_eq!(repeat.await, Some(reject));
    drop(journal);

    ground.pass(601);
    assert!(matches!(ground.open().claim(key), Claim::First(_)), "remembered for longer than it can come");
}

#[tokio::test]
async fn a_repeat_of_what_is_being_decided_waits_and_claims_again_when_that_gives_up() {
    let ground = Ground::new();
    let journal = ground.open();
    let ticket = ground.ticket(&journal, 1);
    let Claim::Repeat(first_waiter) = journal.claim(ground.key(1)) else { panic!("claimed twice") };
    drop(ticket);
    assert_eq!(first_waiter.await, None);

    let ticket = ground.ticket(&journal, 1);
    let Claim::Repeat(second_waiter) = journal.claim(ground.key(1)) else { panic!("claimed twice") };
    let decision = Decision::by_default(Verdict::reject(20011));
    let keeping = journal.append(ground.event_with(1, decision.clone()), Some(ticket));
    assert_eq!(second_waiter.await, Some(decision));
    keeping.await.unwrap();
}

#[tokio::test]
async fn repeats_are_found_over_all_files_that_may_hold_one() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 1;
    let journal = ground.open();
    for number in 0..5 {
        let ticket = ground.ticket(&journal, number);
        journal.append(ground.event(number), Some(ticket)).await.unwrap();
    }
    drop(journal);
    assert!(ground.events_files().len() >= 5);
    let journal = ground.open();
    for number in 0..5 {
        assert!(matches!(journal.claim(ground.key(number)), Claim::Repeat(_)), "request {number} was forgotten");
    }
}
