//! What one instance keeps, all have; what two are asked, is kept once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use offhook::journal::{Filter, Position};
use offhook::kind::KindPattern;
use offhook::{Event, Verdict};

use super::cast::{Instance, Nats, journal, kept};
use crate::world::{ALLOW, within_reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_instance_answers_the_other_one_can_read() {
    let Some(nats) = Nats::start() else { return };
    let first = Instance::of(nats.settings(), |builder| builder).await;
    let second = Instance::of(nats.settings(), |builder| builder).await;
    let body = "{ \"eventType\" : 20,\n \"fromAccount\":\"m\\u00e9i\", \"n\": 1.50 }";
    let question = first.yunxin().asks_with(body);
    assert_eq!(question.sent().await.text(), ALLOW);
    let found = kept(&second.journal().reader(), &Filter::default());
    let [(position, event)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*position, event.text(), event.subject()), (Position(1), body, Some("méi")));
    assert!(event.headers().contains(question.header("CheckSum")), "it can be verified again");
    let (again, same) = second.journal().reader().find(event.id()).expect("readable").expect("there");
    assert_eq!((again, same.text()), (Position(1), body));
    assert_eq!(second.journal().reader().last().expect("readable"), Position(1));
    assert_eq!(first.stops().await + second.stops().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_to_two_instances_is_kept_once_and_answered_alike() {
    let Some(nats) = Nats::start() else { return };
    let asked = Arc::new(AtomicU16::new(0));
    let start = || {
        let asked = Arc::clone(&asked);
        Instance::of(nats.settings(), move |builder| {
            // Each time it is asked it says something else.
            builder.decide(move |_: Event| {
                let nth = asked.fetch_add(1, Ordering::Relaxed);
                async move { Verdict::reject(20_010 + nth % 80).with_ext(format!("the {nth}th")) }
            })
        })
    };
    let (first, second) = (start().await, start().await);
    for _ in 0..20 {
        let question = first.yunxin().asks("call.start");
        let elsewhere = question.clone().to(second.public);
        let (one, other) = tokio::join!(question.sent(), elsewhere.sent());
        assert_eq!(one.text(), other.text());
        assert_eq!(question.sent().await.text(), one.text(), "and so it stays");
    }
    assert_eq!(kept(&first.journal().reader(), &Filter::default()).len(), 20);
    // An instance that was started afterwards knows nothing of it, and NATS does.
    let question = first.yunxin().asks("call.start");
    let answer = question.sent().await.text().to_owned();
    let third = start().await;
    assert_eq!(question.clone().to(third.public).sent().await.text(), answer);
    assert_eq!(kept(&third.journal().reader(), &Filter::default()).len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_give_every_event_once_whatever_is_wanted() {
    let Some(nats) = Nats::start() else { return };
    let (journal, _directory) = journal(nats.settings()).await;
    let mut keeping = Vec::new();
    for number in 0..1500 {
        let kind = if number % 3 == 0 { "room.create" } else { "call.start" };
        let body = format!(r#"{{"fromAccount":"alice","n":{number},"to":["account-{}"]}}"#, number % 500);
        keeping.push(journal.append(crate::deliver::event(kind, &body), None));
    }
    for keeping in keeping {
        within_reason(keeping).await.expect("kept");
    }
    let reader = journal.reader();
    let all = kept(&reader, &Filter::default());
    assert_eq!(all.iter().map(|(position, _)| position.get()).collect::<Vec<_>>(), (1..=1500).collect::<Vec<_>>());
    let rooms = Filter { kinds: vec![KindPattern::parse("room.*").expect("a pattern")], ..Filter::default() };
    assert_eq!(kept(&reader, &rooms).len(), 500);
    let account = Filter { account: Some("account-7".to_owned()), ..Filter::default() };
    assert_eq!(kept(&reader, &account).len(), 3);
    let since = Filter { since: Some(all[1490].1.received()), ..Filter::default() };
    let is_late = |(_, event): &&(Position, Event)| event.received() >= all[1490].1.received();
    assert_eq!(kept(&reader, &since).len(), all.iter().filter(is_late).count());
    let nobody = Filter { app: Some("nobody".to_owned()), ..Filter::default() };
    assert_eq!(kept(&reader, &nobody).len(), 0);
    let backwards = |filter: &Filter, limit| {
        let (mut before, mut found) = (Position(u64::MAX), Vec::new());
        loop {
            let page = reader.page_before(before, limit, filter).expect("readable");
            found.extend(page.events.iter().map(|(position, _)| position.get()));
            if !page.more {
                return found;
            }
            before = page.scanned;
        }
    };
    assert_eq!(backwards(&Filter::default(), 400), (1..=1500).rev().collect::<Vec<_>>());
    let forwards = |filter: &Filter| kept(&reader, filter).iter().map(|(p, _)| p.get()).rev().collect::<Vec<_>>();
    for filter in [&rooms, &account, &since, &nobody] {
        assert_eq!(backwards(filter, 7), forwards(filter), "{filter:?}");
    }
    let page = reader.page(Position(1498), 1, &Filter::default()).expect("readable");
    assert_eq!((page.scanned, page.more), (Position(1499), true));
    let page = reader.page(Position(1499), 5, &Filter::default()).expect("readable");
    assert_eq!((page.events.len(), page.scanned, page.more), (1, Position(1500), false));
}
