//! The proof that nothing is lost: offhook under load, struck by one fault after another, and looked through after each.
//!
//! Three things must hold whatever strikes: what was answered is in the journal, once; what is in the journal is delivered
//! to each handler or parked; and as long as the process lives, verdicts leave in time. `mutants` shows that a receiver of
//! which one of them does not hold is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod fault;
mod ground;
mod mutants;
mod pages;

use std::collections::BTreeMap;
use std::io::Write;

use fault::PATIENCE;
use ground::Ground;

use crate::world::random;

/// Rounds where nobody asked for another number of them.
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strikes_nothing_is_lost_and_verdicts_go_on() {
    let rounds = asked("OFFHOOK_FAULT_ROUNDS").unwrap_or(ROUNDS);
    let seed = asked("OFFHOOK_FAULT_SEED").unwrap_or_else(|| random(0..1_000_000));
    let Some(mut ground) = Ground::new(seed) else { return };
    let (mut bag, mut struck) = (Vec::new(), BTreeMap::<&str, u32>::new());
    for round in 0..rounds {
        let fault = ground.draws(&mut bag);
        *struck.entry(fault.name()).or_default() += 1;
        let went = ground.round(fault).await;
        went.unwrap_or_else(|wrong| panic!("seed {seed}, round {round}, {}: {wrong}", fault.name()));
    }
    let tally = ground.ends().await.unwrap_or_else(|wrong| panic!("seed {seed}, after {rounds} rounds: {wrong}"));
    let mut out = std::io::stdout();
    writeln!(out, "seed {seed}, {rounds} rounds: {struck:?}").unwrap();
    writeln!(out, "{tally:?}").unwrap();
    assert!(tally.kept + tally.destroyed >= tally.answered && tally.slowest < PATIENCE, "{tally:?}");
}

fn asked(variable: &str) -> Option<usize> {
    std::env::var_os(variable)?.to_str()?.parse().ok()
}
