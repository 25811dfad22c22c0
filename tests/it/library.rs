//! The library inside somebody else's axum server.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::time::Duration;

use offhook::yunxin::{CallStart, RoomCreate};
use offhook::{Outcome, Receiver, Verdict};
use tokio::net::TcpListener;

use crate::world::{APP_KEY, APP_SECRET, Inbox, Wire, Yunxin, any_port};

/// A receiver as the README shows it, its journal below `dir`.
async fn receiver(dir: &tempfile::TempDir, inbox: &Inbox) -> Receiver {
    Receiver::builder()
        .app(APP_KEY, APP_SECRET)
        .decide(|call: CallStart| async move {
            let callees = call.to_account_list.as_deref().unwrap_or_default().len();
            if callees > 8 { Verdict::reject(20010) } else { Verdict::allow() }
        })
        .handler(inbox.clone())
        .journal(dir.path())
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_router_answers_beside_the_routes_of_its_owner() {
    let (dir, inbox) = (tempfile::tempdir().unwrap(), Inbox::named("mine"));
    let router = receiver(&dir, &inbox).await.into_router().route("/", axum::routing::get(|| async { "hello" }));
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let yunxin = Yunxin::asking(address);
    yunxin.sends("call.start").await.is_allowed();
    yunxin.asks("room.create").on_path("/yunxin/callback").in_chunks().sent().await.is_allowed();
    let crowd: Vec<_> = (0..9).map(|number| format!("\"{number}\"")).collect();
    let crowd = format!(r#"{{"eventType":20,"toAccountList":[{}]}}"#, crowd.join(","));
    yunxin.sends_body(crowd).await.is_rejected_with(20010);
    yunxin.forges("call.start").await.is_refused(401, "check_sum_mismatch");
    let kinds: Vec<_> = inbox.gets(3).await.iter().map(|event| event.kind().name().to_owned()).collect();
    assert_eq!(kinds, ["call.start", "room.create", "call.start"]);

    let mut wire = Wire::connect(address).await;
    wire.writes("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(wire.answer().await.text(), "hello");
}

#[tokio::test]
async fn a_stopped_receiver_leaves_everything_durable_and_its_journal_free() {
    let (dir, inbox) = (tempfile::tempdir().unwrap(), Inbox::named("mine"));
    let first = receiver(&dir, &inbox).await;
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let yunxin = Yunxin::asking(listener.local_addr().unwrap());
    let router = first.router();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut wire = yunxin.connects().await;
    wire.writes(yunxin.asks("call.start").and("Connection", "close").bytes()).await;
    wire.answer().await.is_allowed();
    wire.ends().await;
    inbox.gets(1).await;
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert_eq!(first.stop(Duration::from_secs(10)).await.unkept, 0);
    drop(first);

    let second = receiver(&dir, &inbox).await;
    assert_eq!(second.journal().reader().last().unwrap().get(), 1);
    // Its lane stands behind what it had, so nothing comes twice.
    assert_eq!(second.stop(Duration::from_secs(10)).await.unkept, 0);
    assert_eq!(inbox.events().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_could_believe_nobody_is_not_built() {
    let dir = tempfile::tempdir().unwrap();
    let error = Receiver::builder().journal(dir.path()).build().await.unwrap_err();
    assert!(error.to_string().contains("no app"), "{error}");
}

#[tokio::test]
async fn a_closure_is_handed_the_kinds_it_takes_and_the_others_are_done() {
    let dir = tempfile::tempdir().unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let receiver = Receiver::builder()
        .app(APP_KEY, APP_SECRET)
        .deliver("rooms", move |room: RoomCreate| {
            let told = told.clone();
            async move {
                told.send(room.channel_name).unwrap();
                Outcome::Done
            }
        })
        .journal(dir.path())
        .build()
        .await
        .unwrap();
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let yunxin = Yunxin::asking(listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, receiver.into_router()).await });
    yunxin.sends("call.start").await.is_allowed();
    yunxin.sends("room.create").await.is_allowed();
    assert_eq!(heard.recv().await.unwrap().as_deref(), Some("book-club"));
}
