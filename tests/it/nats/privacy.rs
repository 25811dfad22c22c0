//! What reaches NATS: no field that is left out, nothing readable where there is a key.

use std::time::Duration;

use offhook::clock::Clock;
use offhook::deliver::{Order, Orders};
use offhook::journal::{
    Claim, Entry, Filter, Key, Keys, LeaveOut, Options, Outbox, Position, Reader, RepeatKey, Stage, backup,
};
use offhook::kind::KindPattern;
use offhook::verdict::{Decision, RejectCode, Verdict};
use offhook::{Event, Outcome, deliver};

use super::cast::{Instance, Nats, kept, open, until};
use crate::world::within_reason;

/// Every message of the stream, as it travels.
async fn raw(nats: &Nats) -> String {
    let client = async_nats::connect(nats.url()).await.expect("a client");
    let stream = async_nats::jetstream::new(client).get_stream("offhook").await.expect("a stream");
    let mut all = String::new();
    for position in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(position).await.expect("a message");
        all.push_str(&format!("{:?} {:?} {:?}\n", message.subject, message.headers, message.payload));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_or_encrypted_cannot_be_read_there() {
    let Some(nats) = Nats::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let keys = |text: &str| Keys::of(vec![Key::parse(&text.repeat(32)).expect("a key")]);
    let shared = Options { nats: Some(nats.settings()), ..Options::at(directory.path().join("own")) };
    let options = Options {
        leave_out: LeaveOut::default().and(KindPattern::parse("*").expect("a pattern"), "phone"),
        keys: keys("07"),
        ..shared.clone()
    };
    let journal = open(options.clone()).await.expect("a journal");
    let body = r#"{"fromAccount":"person-one","phone":"12345678"}"#;
    let answer = Verdict::Reject { code: RejectCode::DEFAULT, ext: "not for person-one".to_owned() };
    let answer = Decision::by_decider(answer, "rule:x");
    let asked = crate::deliver::event("call.start", body).with_decision(answer.clone());
    let key = RepeatKey::new("app", b"1", asked.received() + Duration::from_secs(600));
    let Claim::First(ticket) = journal.claim(key) else { panic!("never seen before") };
    within_reason(journal.append(asked, Some(ticket))).await.expect("kept");
    let own = directory.path().join("elsewhere");
    let elsewhere = open(Options { path: own.clone(), spill: own.join("spill.jsonl"), ..options.clone() }).await;
    let elsewhere = elsewhere.expect("a journal");
    let Claim::First(ticket) = elsewhere.claim(key) else { panic!("never seen by this instance") };
    let again = crate::deliver::event("call.start", body);
    let mut decision = again.decision().expect("a decision").clone();
    let repeat = within_reason(elsewhere.append(again, Some(ticket))).await.expect("known");
    assert!(repeat.or_first(&mut decision).is_none());
    assert_eq!(decision, answer, "a repeat elsewhere gets another answer");
    drop(elsewhere);
    within_reason(journal.append(crate::deliver::event("login.im", r#"{"token":"t-1"}"#), None)).await.expect("kept");
    let raw = raw(&nats).await;
    assert!(raw.contains("offhook.events.call.start"), "{raw}");
    for hidden in ["person-one", "12345678", "t-1", "CheckSum"] {
        assert!(!raw.contains(hidden), "{hidden}: {raw}");
    }
    let found = kept(&journal.reader(), &Filter { account: Some("person-one".to_owned()), ..Filter::default() });
    let [(_, event)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(event.text(), r#"{"fromAccount":"person-one"}"#);
    assert_eq!(event.marks().expect("marks").left_out, ["phone"]);
    let (outbox, id, about) = (Outbox::of(&options), event.id(), Clock::system().now());
    let noted = tokio::task::spawn_blocking(move || {
        let lanes = journal.lanes();
        lanes.register("billing").expect("registered");
        let asks = Filter { account: Some("person-one".to_owned()), ..Filter::default() };
        lanes.ask_replay("billing", &asks, None).expect("asked");
        let replay = lanes.next_replay("billing").expect("readable").expect("a replay");
        lanes.advance_replay(&replay).expect("noted");
        let again = lanes.next_replay("billing").expect("readable").expect("a replay");
        let entry = Entry { stage: Stage::Planned, note: "person-one is called".to_owned(), at: about };
        outbox.write("ring", id, &entry).expect("written");
        let read = outbox.entry("ring", id).expect("readable").expect("there");
        // What names nobody is erased at once; the order itself is looked for below.
        let erasure = lanes.ask_erasure("person-nobody-else", None, about).expect("asked");
        let erasure = journal.reader().erasure(erasure).expect("readable").expect("there");
        drop(journal);
        (again.filter.account, read.note, erasure.account)
    });
    let (asks, note, erases) = noted.await.expect("no panic");
    assert_eq!((asks.as_deref(), &*note), (Some("person-one"), "person-one is called"));
    assert!(erases.is_none_or(|account| account == "person-nobody-else"));
    let stored = std::process::Command::new("grep").args(["-rqa", "person-"]).arg(nats.store()).status();
    assert_eq!(stored.expect("grep").code(), Some(1), "something of it is on the disk");
    for wrong in [keys("08"), None] {
        let other = Options { keys: wrong, ..shared.clone() };
        let error = Reader::of(&other).expect("a journal").page(Position(0), 10, &Filter::default());
        assert!(error.expect_err("no key").to_string().contains("journal.encryption_key"));
        let error = open(other).await.expect_err("no key");
        assert!(error.to_string().contains("journal.encryption_key"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_elsewhere_is_told_with_what_to_do() {
    let Some(nats) = Nats::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { nats: Some(nats.settings()), ..Options::at(directory.path().join("own")) };
    let journal = open(options.clone()).await.expect("a journal");
    let error = backup(&options, &directory.path().join("copy")).expect_err("not here").to_string();
    assert!(error.contains("the stream offhook at") && error.contains("nats stream backup"), "{error}");
    let orders = Orders::new(journal, Clock::system());
    let import = Order::Import { events: [crate::deliver::event("call.start", "{}")].iter().collect() };
    let error =
        tokio::task::spawn_blocking(move || orders.take(&import)).await.expect("no panic").expect_err("not here");
    assert!(error.to_string().contains("nats stream restore"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_by_one_instance_is_gone_for_all() {
    let Some(nats) = Nats::start() else { return };
    let refuses = |builder: offhook::receiver::Builder| {
        builder.handler(deliver::from_fn("billing", |_: Event| async { Outcome::give_up("no") }))
    };
    let (first, second) = (Instance::of(nats.settings(), refuses).await, Instance::of(nats.settings(), refuses).await);
    for who in ["person-to-go", "somebody-else", "person-to-go"] {
        first.yunxin().sends_body(format!(r#"{{"eventType":20,"fromAccount":"{who}"}}"#)).await.is_allowed();
    }
    let reader = second.journal().reader();
    until("parked", || reader.parked(None).expect("readable").len() == 3).await;
    let erase = Order::Erase { account: "person-to-go".to_owned(), app: None };
    let orders = second.receiver.orders().clone();
    let taken = tokio::task::spawn_blocking(move || orders.take(&erase)).await.expect("no panic").expect("taken");
    let number = taken.replay.expect("a number");
    let erasure = || first.journal().reader().erasure(number).expect("readable").expect("there");
    until("over", || erasure().ended_at.is_some()).await;
    assert_eq!((erasure().events, erasure().account), (2, None));
    let left = kept(&first.journal().reader(), &Filter::default());
    assert_eq!(left.iter().map(|(position, _)| position.get()).collect::<Vec<_>>(), [2]);
    assert_eq!(reader.parked(None).expect("readable").len(), 1);
    let stored = std::process::Command::new("grep").args(["-rqa", "person-to-go"]).arg(nats.store()).status();
    assert_eq!(stored.expect("grep").code(), Some(1), "something of it is on the disk");
}
