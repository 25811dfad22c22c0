//! How each handler's lane stands right now: how far it is, what it takes, and what it is stuck at.
//!
//! In memory, as the lanes tell it; nothing of it outlives the process.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;

use super::lanes::Lanes;
use super::{Position, lock};
use crate::event::EventId;
use crate::kind::KindPattern;

/// How one lane stands.
///
/// ```
/// use offhook::journal::Journal;
///
/// /// What keeps handlers from going on.
/// fn troubles(journal: &Journal) -> Vec<String> {
///     let standings = journal.lanes().standings().into_iter();
///     standings.filter_map(|standing| Some(format!("{}: {}", standing.handler, standing.trouble?.why))).collect()
/// }
/// # let _ = troubles;
/// ```
#[derive(Debug, Clone)]
pub struct Standing {
    /// Whose lane.
    pub handler: String,
    /// Everything up to here is done or parked.
    pub position: Position,
    /// How many of its deliveries are parked.
    pub parked: u64,
    /// The kinds it takes, none meaning all; `None` where no such lane has run since the start.
    pub kinds: Option<Vec<KindPattern>>,
    /// What it is stuck at.
    pub trouble: Option<Trouble>,
}

/// A delivery that failed and is tried again.
///
/// Example: [`Standing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The event.
    pub id: EventId,
    /// What the last attempt came to, in words.
    pub why: String,
    /// How often it failed in a row.
    pub failures: u32,
    /// When it is tried again.
    pub next_try: Timestamp,
}

/// What lanes have told of themselves.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeMap<String, Lane>>);

/// The kinds it takes, and what it is stuck at.
type Lane = (Vec<KindPattern>, Option<Trouble>);

impl Told {
    /// The lane of `handler` begins to run, for `kinds`; none means all.
    pub(super) fn takes(&self, handler: &str, kinds: &[KindPattern]) {
        lock(&self.0).insert(handler.to_owned(), (kinds.to_vec(), None));
    }

    /// The lane of `handler` is stuck, or no longer is.
    pub(super) fn stuck_at(&self, handler: &str, trouble: Option<Trouble>) {
        if let Some((_, present)) = lock(&self.0).get_mut(handler) {
            *present = trouble;
        }
    }

    /// How the lane of `handler` stands, which is at `position`.
    pub(super) fn standing(&self, handler: String, position: Position, parked: u64) -> Standing {
        let told = lock(&self.0).get(&handler).cloned();
        let (kinds, trouble) = told.map_or((None, None), |(kinds, trouble)| (Some(kinds), trouble));
        Standing { handler, position, parked, kinds, trouble }
    }
}

impl Lanes {
    /// How every lane stands that ever had a position here, by name.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let mut standings: Vec<_> = (self.positions().into_iter())
            .map(|(handler, position)| {
                let parked = self.parked_count(&handler);
                self.told().standing(handler, position, parked)
            })
            .collect();
        standings.sort_by(|one, other| one.handler.cmp(&other.handler));
        standings
    }
}
