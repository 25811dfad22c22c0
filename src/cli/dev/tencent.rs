//! `dev --tencent`: a stand-in for Tencent beside the receiver, with a phone that answers.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;

use crate::cli::output;
use crate::clock::Clock;
use crate::tencent::simulator::{Plan, Simulator};

/// Begins to play Tencent on `port` of this machine, for the receiver at `base`.
pub(super) async fn start(port: u16, base: &str, clock: &Clock) -> anyhow::Result<Simulator> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot play Tencent on {address}"))?;
    let plan = Plan::of_dev(base, clock.clone());
    Simulator::start(listener, plan, |what| output::talk(format_args!("☎ {what}")))
        .context("cannot play Tencent on this machine")
}

/// What to type to hear it.
pub(super) fn invite(simulator: &Simulator, port: u16) {
    let address = simulator.address();
    output::talk(format_args!("playing Tencent on http://{address}; what it saw: http://{address}/simulator"));
    output::talk(format_args!("its phones answer after two seconds; ring one from another terminal:\n"));
    let host = if port == USUAL { String::new() } else { format!(" --host http://{address}") };
    let media = "https://example.com/a.mp4";
    output::talk(format_args!("  offhook call play --callee jack --media {media}{host}\n"));
}

/// The port of the stand-in where `--port` is not given: it is where the Tencent commands look by themselves.
const USUAL: u16 = 8082;
