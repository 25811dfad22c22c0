//! The same request again: a proxy may send it twice, and so may whoever captured it.

use super::{CALL, Case, should};
use crate::cli::conform::case::{Expects, Manner};

pub(super) const CASES: &[Case] = &[
    should(
        "twice",
        "one call sent twice, bit by bit the same",
        |platform| vec![platform.ask(CALL); 2],
        Expects::SameVerdict,
        "a key that is there already in your database must not make the second answer an error",
    ),
    should(
        "at_once",
        "one call sent eight times at the same moment",
        |platform| vec![platform.ask(CALL); 8],
        Expects::SameVerdict,
        "between looking and writing there is room for another one",
    )
    .sent(Manner::AtOnce(8)),
];
