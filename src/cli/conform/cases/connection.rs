//! Connections: kept, left, and held up.

use super::{CALL, Case, must, should};
use crate::cli::conform::case::{Expects, Manner};

pub(super) const CASES: &[Case] = &[
    should(
        "keep_alive",
        "five calls over one connection",
        |platform| (0..5).map(|_| platform.ask(CALL)).collect(),
        Expects::Verdict,
        "a connection that is closed without a word loses the question that was on its way",
    )
    .sent(Manner::OneConnection),
    must(
        "after_a_refusal",
        "a call over the connection on which a forged one was just refused",
        |platform| vec![platform.forged(CALL), platform.ask(CALL)],
        Expects::Verdict,
        "a refused body that is left unread is taken for the beginning of the next request",
    )
    .sent(Manner::AfterAnother),
    must(
        "hang_up_after",
        "a call whose sender leaves before the answer; then another call",
        |platform| vec![platform.ask(CALL), platform.ask(CALL)],
        Expects::Verdict,
        "the platform leaves after two seconds; that must not take the receiver with it",
    )
    .sent(Manner::HangsUpAfterBody),
    must(
        "hang_up_within",
        "a call whose sender leaves in the middle of the body; then another call",
        |platform| vec![platform.ask(CALL), platform.ask(CALL)],
        Expects::Verdict,
        "half a question must not take the receiver with it",
    )
    .sent(Manner::HangsUpInBody),
    must(
        "held_up",
        "a call while another sender stands still in the middle of its body",
        |platform| vec![platform.ask(CALL), platform.ask(CALL)],
        Expects::Verdict,
        "with one worker, one slow sender silences everybody",
    )
    .sent(Manner::Stalls),
    must(
        "in_a_row",
        "twenty calls, one after the other",
        |platform| (0..20).map(|_| platform.ask(CALL)).collect(),
        Expects::Verdict,
        "each of them has two seconds, and no second try",
    ),
    must(
        "under_load",
        "320 calls over 32 connections at once",
        |platform| (0..320).map(|_| platform.ask(CALL)).collect(),
        Expects::Verdict,
        "slow work before the answer shows when many ask at once",
    )
    .sent(Manner::AtOnce(32)),
];
