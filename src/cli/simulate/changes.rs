//! Verdicts that would change: grouped, with examples, and what share of all they are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::kept::Kept;
use crate::cli::output;
use crate::verdict::{Decision, Verdict};

/// Verdicts that would change.
pub(super) struct Changes {
    json: bool,
    judged: u64,
    changed: u64,
    groups: BTreeMap<Group, Members>,
}

/// Changes of one sort: who would decide, about which kind, and what was answered by whom.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    new: Side,
    kind: String,
    old: Side,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Side {
    verdictby: String,
    verdict: &'static str,
    verdictcode: u16,
}

#[derive(Default)]
struct Members {
    count: u64,
    examples: Vec<String>,
}

/// Examples of each group.
const EXAMPLES: usize = 3;

/// A change, for programs.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    time: String,
    kind: &'a str,
    appkey: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    old: Side,
    new: Side,
}

impl Changes {
    pub(super) fn new(json: bool) -> Self {
        Self { json, judged: 0, changed: 0, groups: BTreeMap::new() }
    }

    /// Compares what was answered to `kept` with what `new` would answer.
    pub(super) fn take(&mut self, kept: &Kept, new: &Decision) -> anyhow::Result<()> {
        self.judged += 1;
        if same(&kept.decision.verdict, &new.verdict, kept.whole) {
            return Ok(());
        }
        self.changed += 1;
        let (event, old, new) = (&kept.event, Side::of(&kept.decision), Side::of(new));
        let (id, time) = (event.id().to_string(), format!("{:.3}", event.received()));
        if self.json {
            let (kind, appkey, subject) = (event.kind().name(), &**event.app_key(), event.subject());
            output::data(serde_json::to_string(&Line { id, time, kind, appkey, subject, old, new })?)?;
            return Ok(());
        }
        let members = self.groups.entry(Group { new, kind: event.kind().name().to_owned(), old }).or_default();
        members.count += 1;
        if members.examples.len() < EXAMPLES {
            members.examples.push(format!("{id}  {time}  {}", event.subject().unwrap_or("-")));
        }
        Ok(())
    }

    /// Writes the groups; gives the share of verdicts that would change.
    pub(super) fn end(self) -> anyhow::Result<Share> {
        for (Group { new, kind, old }, Members { count, examples }) in &self.groups {
            output::data(format_args!("{} on {kind}: {count} event(s), {old} -> {new}", new.verdictby))?;
            for example in examples {
                output::data(format_args!("  {example}"))?;
            }
            let more = count.saturating_sub(examples.len() as u64);
            if more > 0 {
                output::data(format_args!("  and {more} more"))?;
            }
        }
        let share = Share::of(self.changed, self.judged);
        output::talk(format_args!("{} of {} verdicts would change ({share})", self.changed, self.judged));
        if self.judged == 0 {
            output::talk("there was no event to judge");
        }
        Ok(share)
    }
}

/// Whether the sender would be told the same, as far as it is known what it was told.
fn same(old: &Verdict, new: &Verdict, whole: bool) -> bool {
    if whole { old == new } else { (old.allows(), old.code()) == (new.allows(), new.code()) }
}

impl Side {
    fn of(decision: &Decision) -> Self {
        let verdict = &decision.verdict;
        Self { verdictby: decision.by.to_string(), verdict: verdict.word(), verdictcode: verdict.code() }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.verdict, self.verdictcode, self.verdictby)
    }
}

/// A share of all, in hundredths of a percent, rounded up: one change is never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share(u64);

impl Share {
    fn of(part: u64, whole: u64) -> Self {
        Self(part.saturating_mul(10_000).div_ceil(whole.max(1)))
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent: Option<f64> = text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok());
        match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 10000")]
            Some(percent) => Ok(Self((percent * 100.0).round() as u64)),
            None => Err("give a share from 0% to 100%, with its sign, e.g. 1%".to_owned()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
}
