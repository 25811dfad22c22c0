//! A process that dies between asking Tencent for a call and hearing the answer: nobody's phone rings twice.

use std::fs;

use offhook::clock::Clock;
use offhook::tencent::simulator::{Plan, Simulator, Trouble};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::world::{Offhook, Ports, Yunxin, any_port, offhook, within_reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_answer_was_lost_in_a_crash_is_parked_and_never_rung_again() {
    let tencent = {
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let mut plan = Plan::of_dev("http://127.0.0.1:9", Clock::system());
        (plan.sdk_app_id, plan.secret_key) = (1_400_000_123, "a-made-up-app-key".into());
        (plan.callback_url, plan.trtc_url) = (None, None);
        Simulator::start(listener, plan, |_| {}).expect("a stand-in")
    };
    tencent.next_start(Trouble::Silence);

    let (dir, ports) = (TempDir::new().expect("a directory"), Ports::reserve());
    let more = format!(
        "[tencent]\nsdk_app_id = 1400000123\nsecret_key = \"a-made-up-app-key\"\nhost = \"http://{}\"\n\n[[handlers]]\n\
         name = \"ring-back\"\ntype = \"robot_call\"\nrobot = \"concierge\"\ncallees = [\"jack\"]\n\
         kinds = [\"call.start\"]\nmedia_type = \"video\"\n",
        tencent.address()
    );
    let file = dir.path().join("offhook.toml");
    fs::write(&file, ports.configuration(dir.path(), &more)).expect("a configuration");
    let configuration = file.to_str().expect("a path");

    let serving = Offhook::serves(&file, &ports, None);
    Yunxin::asking(ports.public()).sends("call.start").await.is_allowed();
    let rings = |count: u64| move |seen: &offhook::tencent::simulator::Seen| seen.rings.values().sum::<u64>() >= count;
    within_reason(tencent.sees(rings(1))).await;
    serving.dies_at_once();

    // Again after the restart, and once more because a person wants it.
    let serving = Offhook::serves(&file, &ports, None);
    within_reason(async {
        while !offhook(&["parked", "list", "--config", configuration]).ends_with(0).contains("ring-back") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    offhook(&["replay", "--handler", "ring-back", "--config", configuration]).ends_with(1);
    offhook(&["parked", "retry", "--all", "--config", configuration]).ends_with(1);
    assert_eq!(tencent.seen().rings.values().sum::<u64>(), 1, "{:?}", tencent.seen());

    // Another event rings as it should.
    Yunxin::asking(ports.public()).sends("call.start").await.is_allowed();
    within_reason(tencent.sees(rings(2))).await;
    drop(serving);
}
