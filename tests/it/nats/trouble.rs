//! NATS that is away, comes back, or is not what it should be.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use offhook::journal::{Filter, NatsSettings, OpenError, Options, Unkept};

use super::cast::{Instance, Nats, journal, kept, open, until};
use crate::deliver;
use crate::world::{Inbox, get, reserved, within_reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nats_is_away_answers_are_in_time_and_nothing_is_lost_or_kept_twice() {
    let Some(mut nats) = Nats::start() else { return };
    let inbox = Inbox::named("inbox");
    let instance = Instance::of(nats.settings(), |builder| builder.handler(inbox.clone())).await;
    let mut sent = BTreeSet::new();
    let yunxin = instance.yunxin();
    let ask = async |mark: String| {
        let began = Instant::now();
        let answer = yunxin.sends_body(format!(r#"{{"eventType":20,"mark":"{mark}"}}"#)).await;
        answer.is_allowed();
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        mark
    };
    for number in 0..10 {
        sent.insert(ask(format!("before-{number}")).await);
    }
    nats.dies();
    for number in 0..20 {
        sent.insert(ask(format!("away-{number}")).await);
    }
    assert!(get(instance.public, "/readyz").expect("an answer").contains(r#"{"degraded":["journal"]}"#));
    assert!(instance.metrics().render().contains("offhook_spilled_total 20"), "{}", instance.metrics().render());
    nats.comes_back();
    until("kept again", || !instance.journal().is_degraded()).await;
    for number in 0..10 {
        sent.insert(ask(format!("after-{number}")).await);
    }
    until("read back in", || instance.spill().metadata().map_or(0, |about| about.len()) == 0).await;
    let got = inbox.gets(40).await;
    let mark = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        value["mark"].as_str().expect("a mark").to_owned()
    };
    assert_eq!(got.iter().map(|event| mark(event.text())).collect::<BTreeSet<_>>(), sent);
    let found = kept(&instance.journal().reader(), &Filter::default());
    assert_eq!(found.len(), 40);
    assert_eq!(instance.stops().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_starts_without_nats_and_no_handler_misses_what_came_meanwhile() {
    let Some(mut nats) = Nats::start() else { return };
    let settings = nats.settings();
    nats.dies();
    let inbox = Inbox::named("inbox");
    let directory = tempfile::tempdir().expect("a directory");
    let instance = Instance::at(directory.path(), settings.clone(), |builder| builder.handler(inbox.clone())).await;
    let question = instance.yunxin().asks("call.start");
    question.sent().await.is_allowed();
    // It is stopped, and started again, before NATS is there: the spill file keeps what it has.
    assert_eq!(instance.stops().await, 0);
    let instance = Instance::at(directory.path(), settings, |builder| builder.handler(inbox.clone())).await;
    question.clone().to(instance.public).sent().await.is_allowed();
    instance.yunxin().sends("room.create").await.is_allowed();
    nats.comes_back();
    assert_eq!(inbox.gets(2).await.len(), 2);
    assert_eq!(kept(&instance.journal().reader(), &Filter::default()).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nats_takes_too_late_is_spilled_and_kept_once_all_the_same() {
    let Some(nats) = Nats::start() else { return };
    let settings = NatsSettings { patience: Duration::from_millis(300), ..nats.settings() };
    let (journal, directory) = journal(settings).await;
    nats.freezes();
    let event = || deliver::event("call.start", "{}");
    let appended: Vec<_> = (0..20).map(|_| journal.append(event(), None)).collect();
    for keeping in appended {
        assert_eq!(within_reason(keeping).await.expect_err("it takes nothing now"), Unkept::Spilled);
    }
    // They wait for it in its socket.
    nats.thaws();
    until("kept again", || !journal.is_degraded()).await;
    let is_empty = |name: &str| directory.path().join(name).metadata().map_or(0, |about| about.len()) == 0;
    until("read back in", || is_empty("spill.jsonl") && is_empty("spill.jsonl.importing")).await;
    within_reason(journal.append(event(), None)).await.expect("kept");
    let found = kept(&journal.reader(), &Filter::default());
    let ids: BTreeSet<_> = found.iter().map(|(_, event)| event.id()).collect();
    assert_eq!((found.len(), ids.len()), (21, 21));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_fit_is_told_and_left_as_it_is() {
    let Some(nats) = Nats::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let short = NatsSettings { duplicate_window: Some(Duration::from_secs(60)), ..nats.settings() };
    let options = |name: &str, settings| Options { nats: Some(settings), ..Options::at(directory.path().join(name)) };
    drop(open(options("a", short.clone())).await.expect("made"));
    let error = open(options("b", nats.settings())).await.expect_err("its window is too short");
    assert!(matches!(error, OpenError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains("nats stream edit offhook --dupe-window 10m"), "{error}");
    drop(open(options("c", short)).await.expect("it was not changed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_is_told_at_once() {
    let Some(nats) = Nats::start() else { return };
    let nobody = reserved();
    let directory = tempfile::tempdir().expect("a directory");
    let reader =
        offhook::journal::Reader::of(&Options { nats: Some(nats.settings()), ..Options::at(directory.path()) });
    let error = reader.expect_err("no stream was made yet");
    assert!(error.to_string().contains("there is no stream `offhook`"), "{error}");
    let away = NatsSettings::at(&format!("nats://{}", nobody.local_addr().expect("an address"))).expect("a URL");
    let reader = offhook::journal::Reader::of(&Options { nats: Some(away), ..Options::at(directory.path()) });
    assert!(reader.expect_err("nobody is there").to_string().contains("cannot connect"));
}
