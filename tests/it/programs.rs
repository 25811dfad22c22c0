//! The programs in `examples/`, run: each does what the book shows it for.

use std::time::Duration;

use offhook::clock::Clock;
use offhook::journal::{Position, Reader};
use offhook::tencent::play::Played;
use offhook::tencent::simulator::{Phone, Plan, Simulator};
use offhook::tencent::{Account, Host, ingest};
use offhook::{Verifier, yunxin::App};
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{Yunxin, any_port, within_reason};

#[expect(dead_code, reason = "its main listens on a port of its own")]
#[path = "../../examples/decider.rs"]
mod decider;
#[expect(dead_code, reason = "its main listens on a port of its own")]
#[path = "../../examples/handler.rs"]
mod handler;
#[expect(dead_code, reason = "its main listens on a port of its own")]
#[path = "../../examples/own_server.rs"]
mod own_server;
#[expect(dead_code, reason = "its main asks `offhook dev --tencent`")]
#[path = "../../examples/tencent_call.rs"]
mod tencent_call;
#[path = "../../examples/verify_only.rs"]
mod verify_only;

/// A port, and the platform that asks there for the test app.
async fn place() -> (TcpListener, Yunxin) {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, Yunxin::new(address, "offhook-dev", "offhook-dev-secret", Clock::system()))
}

#[test]
fn the_one_that_only_verifies_ends_well() {
    verify_only::main().expect("it verifies what it signed");
}

#[tokio::test]
async fn the_decider_rejects_what_a_blocked_account_does_and_nothing_else() {
    let (dir, (listener, yunxin)) = (tempfile::tempdir().expect("a directory"), place().await);
    let asks = async {
        let call = |caller| json!({"eventType": 20, "fromAccount": caller}).to_string();
        yunxin
            .asks_with(call("blocked_1"))
            .sent()
            .await
            .is_verdict(r#"{"errCode":1,"responseCode":20012,"modifyResponse":{},"callbackExt":"blocked"}"#);
        yunxin.asks_with(call("mei")).sent().await.is_allowed();
    };
    tokio::select! {
        ended = decider::serve(listener, dir.path()) => panic!("it ended: {ended:?}"),
        () = asks => {}
    }
}

#[tokio::test]
async fn the_handlers_receiver_keeps_what_it_answers() {
    let (dir, (listener, yunxin)) = (tempfile::tempdir().expect("a directory"), place().await);
    tokio::select! {
        ended = handler::serve(listener, dir.path()) => panic!("it ended: {ended:?}"),
        () = async { yunxin.sends("call.start").await.is_allowed() } => {}
    }
    let kept = Reader::open(dir.path()).and_then(|reader| reader.last()).expect("a journal");
    assert_eq!(kept, Position(1));
}

#[tokio::test]
async fn the_server_of_ones_own_answers_calls_and_events_and_is_not_fooled() {
    let (listener, yunxin) = place().await;
    let server = own_server::app(Verifier::new([App::new("offhook-dev", "offhook-dev-secret")]));
    let serving = tokio::spawn(async move { axum::serve(listener, server).await });
    yunxin.asks("call.start").on_path("/calls").sent().await.is_allowed();
    let crowd: Vec<_> = (0..9).map(|number| number.to_string()).collect();
    let crowd = json!({"eventType": 20, "fromAccount": "mei", "toAccountList": crowd}).to_string();
    yunxin.asks_with(crowd).on_path("/calls").sent().await.is_rejected_with(20010);
    yunxin.sends("message.p2p").await.is_allowed();
    yunxin.forges("call.start").await.is_refused(401, "check_sum_mismatch");
    serving.abort();
}

#[tokio::test]
async fn the_call_is_answered_and_its_media_played_to_the_end() {
    let mut plan = Plan::of_dev("http://127.0.0.1:9", Clock::system());
    (plan.callback_url, plan.trtc_url) = (None, None);
    plan.any_phone = Phone::Answers { after: Duration::ZERO, talks: None };
    plan.medium = Duration::ZERO;
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let tencent = Simulator::start(listener, plan, |_| {}).expect("a stand-in");
    let host = Host::parse(&format!("http://{}", tencent.address())).expect("a host");
    let dev = Account::of_dev();
    let ingest = dev.ingest.clone().map(|settings| ingest::Settings { endpoint: host.clone(), ..settings });
    let account = Account { host: Some(host), ingest, ..dev };
    let played = within_reason(tencent_call::call(&account)).await.expect("a call");
    assert_eq!(played, Played::ToTheEnd);
    let seen = tencent.seen();
    assert!(seen.played.iter().all(|medium| medium.heard) && seen.going_on.is_empty(), "{seen:?}");
}
