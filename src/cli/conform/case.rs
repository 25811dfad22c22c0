//! What a case is: what is sent and in which manner, what must come back, and why that matters.

use std::time::Duration;

use super::platform::{Ask, Platform};
use super::wire::Reply;
use crate::cli::send::{self, Conclusion};

/// One row of the suite.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) weight: Weight,
    /// What is sent, in words.
    pub(super) sends: &'static str,
    pub(super) asks: fn(&Platform) -> Vec<Ask>,
    pub(super) manner: Manner,
    pub(super) expects: Expects,
    /// What goes wrong in a receiver that fails here.
    pub(super) why: &'static str,
}

/// How much depends on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// A real question is answered wrongly, or a stranger is believed.
    Must,
    /// Nothing that the platform is documented to do; but it happens, or will.
    Should,
}

/// In which manner requests leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Each over a connection of its own, in one piece.
    Plain,
    /// Each with a pause in the middle of its head, and one before its body.
    Split,
    /// Each with its body in ten pieces over half a second.
    Dripped,
    /// Each with `Expect: 100-continue`, its body a moment later.
    Expecting,
    /// All over one connection, for as long as the receiver keeps it.
    OneConnection,
    /// The first, and after its answer the others over the same connection.
    AfterAnother,
    /// All at once, over so many connections.
    AtOnce(usize),
    /// The first is sent whole and its answer not waited for; the others plainly.
    HangsUpAfterBody,
    /// The first ends in the middle of its body; the others plainly.
    HangsUpInBody,
    /// The first stops in the middle of its body and stays; the others plainly.
    Stalls,
}

/// What must come back.
#[derive(Clone, Copy)]
pub(super) enum Expects {
    Verdict,
    Status200,
    Refusal,
    NoFailure,
    VerdictOrTooLarge,
    SameVerdict,
    NothingTold,
    Reply(&'static str, fn(&Reply) -> Result<(), String>),
}

/// An answer, or why there was none, and how long it took.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: Result<Reply, String>,
    pub(super) took: Duration,
}

impl Weight {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
        }
    }
}

impl Expects {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Verdict => "a valid verdict within 2 s",
            Self::Status200 => "status 200 within 2 s",
            Self::Refusal => "a refusal: a 4xx, or a verdict that rejects",
            Self::NoFailure => "an answer that is no failure: a verdict, or a 4xx",
            Self::VerdictOrTooLarge => "a valid verdict, or 413",
            Self::SameVerdict => "the same verdict again, or a 4xx for what is repeated",
            Self::NothingTold => "a refusal that does not tell what would have been right",
            Self::Reply(words, _) => words,
        }
    }

    /// Whether the answers to `asks` are what must come back; else which of them is not, and why.
    pub(super) fn judge(self, asks: &[Ask], answers: &[Answer]) -> Result<(), (usize, String)> {
        if let Self::SameVerdict = self {
            return same_verdict(answers);
        }
        for (place, answer) in answers.iter().enumerate() {
            self.judge_one(asks, answer).map_err(|why| (place, why))?;
        }
        Ok(())
    }

    fn judge_one(self, asks: &[Ask], answer: &Answer) -> Result<(), String> {
        let reply = answer.reply.as_ref().map_err(Clone::clone)?;
        let (conclusion, status) = (conclude(answer), reply.status);
        let refused = (400..500).contains(&status) || matches!(conclusion, Conclusion::Rejected(_));
        let fits = match self {
            Self::Verdict => conclusion.is_verdict(),
            Self::Status200 => status == 200,
            Self::Refusal => refused,
            Self::NoFailure => refused || status == 200,
            Self::VerdictOrTooLarge => conclusion.is_verdict() || status == 413,
            Self::NothingTold => {
                let told = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body)).to_lowercase();
                let hidden = asks.iter().flat_map(|ask| &ask.hidden);
                if hidden.into_iter().any(|hidden| told.contains(&hidden.to_lowercase())) {
                    return Err("the answer contains the secret, or the CheckSum that would have been right".to_owned());
                }
                refused
            }
            Self::SameVerdict => true,
            Self::Reply(_, check) => return check(reply),
        };
        match (fits, conclusion) {
            (true, _) => Ok(()),
            (false, Conclusion::ConsoleDefault(why)) => Err(why),
            (false, conclusion) if matches!(self, Self::Refusal | Self::NothingTold) => {
                Err(format!("it was believed: {}", conclusion.words()))
            }
            (false, conclusion) => Err(conclusion.words()),
        }
    }
}

/// What the platform makes of an answer.
pub(super) fn conclude(answer: &Answer) -> Conclusion {
    let reply = answer.reply.as_ref().map(|reply| (reply.status, reply.body.clone())).map_err(Clone::clone);
    send::conclude(&send::Answer { reply, took: answer.took })
}

fn same_verdict(answers: &[Answer]) -> Result<(), (usize, String)> {
    let mut first = None;
    for (place, answer) in answers.iter().enumerate() {
        let reply = answer.reply.as_ref().map_err(|why| (place, why.clone()))?;
        let conclusion = conclude(answer);
        if conclusion.is_verdict() {
            if first.get_or_insert_with(|| conclusion.clone()) != &conclusion {
                return Err((place, format!("another verdict than before: {}", conclusion.words())));
            }
        } else if !(400..500).contains(&reply.status) {
            return Err((place, conclusion.words()));
        }
    }
    first.map(|_| ()).ok_or_else(|| (0, "not one valid verdict".to_owned()))
}
