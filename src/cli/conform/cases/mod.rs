//! The suite: every case, in the order in which they are tried. A table that can be walked.

mod body;
mod connection;
mod fields;
mod headers;
mod kinds;
mod proof;
mod repeats;
mod reply;
mod time;

use super::case::{Case, Expects, Manner, Weight};
use super::platform::{Ask, Platform};

/// All cases, by group.
pub(super) const GROUPS: &[(&str, &[Case])] = &[
    ("kinds", kinds::CASES),
    ("reply", reply::CASES),
    ("fields", fields::CASES),
    ("proof", proof::CASES),
    ("time", time::CASES),
    ("headers", headers::CASES),
    ("body", body::CASES),
    ("connection", connection::CASES),
    ("repeats", repeats::CASES),
];

/// The golden sample of kind 20.
const CALL: &str = include_str!("../../../yunxin/samples/call.start.json");

type Asks = fn(&Platform) -> Vec<Ask>;

/// A case that decides whether the receiver is of any use.
const fn must(name: &'static str, sends: &'static str, asks: Asks, expects: Expects, why: &'static str) -> Case {
    Case { name, weight: Weight::Must, sends, asks, manner: Manner::Plain, expects, why }
}

/// A case that a careful receiver passes.
const fn should(name: &'static str, sends: &'static str, asks: Asks, expects: Expects, why: &'static str) -> Case {
    Case { name, weight: Weight::Should, sends, asks, manner: Manner::Plain, expects, why }
}

impl Case {
    /// The same case, sent in another manner.
    const fn sent(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }
}
