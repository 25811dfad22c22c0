//! The admin listener's own crowd: only so many connections at once, and none of it to the cost of those who ask.

use std::time::Duration;

use offhook::admin;
use tokio::time::timeout;

use crate::world::{Plan, Wire, World, any_port};

/// Connections the admin listener serves at once.
const CONNECTIONS: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_the_admin_listener_waits_outside_and_is_let_in_one_by_one() {
    let admin = admin::Settings { listen: any_port(), token: None, samples: false, write: false };
    let world = World::of(Plan { admin: Some(admin), ..Plan::default() }).await;
    let admin = world.addresses().admin.unwrap();
    let asks = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut inside = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut wire = Wire::connect(admin).await;
        wire.writes(asks).await;
        assert_eq!(wire.answer().await.status, 200);
        inside.push(wire);
    }
    let mut outside = Wire::connect(admin).await;
    outside.writes(asks).await;
    // While all places are taken it is not even accepted; its question waits in the socket.
    let patience = Duration::from_millis(200);
    assert!(timeout(patience, outside.try_answer()).await.is_err(), "one too many was served");
    world.yunxin().sends("call.start").await.is_allowed();
    inside.pop();
    assert_eq!(outside.answer().await.status, 200);
}
