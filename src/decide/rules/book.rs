//! A rulebook: rules that were checked whole, with what they read, and which of them can hold for which kind.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cel::{Env, IdedExpr};

use super::lists::{ListSource, NamedList};
use super::values::{Applied, Named};
use super::{compile, kinds};
use crate::kind::{Family, KINDS, Kind, KindPattern, KindRow};
use crate::lenient::{Field, Plain};
use crate::verdict::Verdict;

/// A rule as it is written.
///
/// ```
/// use offhook::Verdict;
/// use offhook::decide::rules::{NamedList, RuleSource, Rulebook};
///
/// let blocked = NamedList::written("blocked", vec!["mei".to_owned()]);
/// let rule = RuleSource {
///     name: "blocked".to_owned(),
///     when: "data.fromAccount in lists.blocked".to_owned(),
///     then: Verdict::reject(20012),
/// };
/// let book = Rulebook::load(vec![rule], vec![blocked], Vec::new()).expect("good rules");
/// assert_eq!((book.sources().len(), book.lists()[0].len()), (1, 1));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSource {
    /// Its name in `verdictby` (`rule:<name>`), logs and metrics.
    pub name: String,
    /// The CEL expression.
    pub when: String,
    /// The verdict where it holds.
    pub then: Verdict,
}

/// What is wrong with a rule.
///
/// ```
/// use offhook::Verdict;
/// use offhook::decide::rules::{RuleFault, RuleSource, Rulebook};
///
/// let rule = RuleSource { name: "slip".to_owned(), when: "dta.fromAccount == \"mei\"".to_owned(), then: Verdict::allow() };
/// let faults: Vec<RuleFault> = Rulebook::load(vec![rule], Vec::new(), Vec::new()).unwrap_err();
/// assert_eq!((faults[0].rule, faults[0].line, faults[0].column), (0, 1, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Which rule, from 0.
    pub rule: usize,
    /// The line of its expression, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Rules in order, checked.
///
/// Example: [`RuleSource`].
pub struct Rulebook {
    pub(super) rules: Vec<Rule>,
    pub(super) slots: Vec<Slot>,
    pub(super) counters: Vec<CounterRow>,
    pub(super) applied: Vec<Applied>,
    pub(super) lists: Vec<Named>,
    sources: Vec<RuleSource>,
    named: Vec<NamedList>,
    patterns: Vec<KindPattern>,
    plans: HashMap<&'static str, Plan>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    /// `rule:<name>`.
    pub(super) by: Cow<'static, str>,
    pub(super) when: IdedExpr,
    pub(super) then: Verdict,
    /// How deeply its comprehensions are nested.
    pub(super) loops: u32,
}

/// A field that some rule reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) source: Source,
    pub(super) name: String,
}

/// How a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// As it is documented.
    Data,
    /// As it was sent.
    Raw,
}

/// A counter that a rule asks.
#[derive(Debug)]
pub(super) struct CounterRow {
    pub(super) rule: usize,
    /// Which of the rule's counters.
    pub(super) place: usize,
    pub(super) key: IdedExpr,
    pub(super) window: Duration,
}

/// Reads a JSON value as it is documented.
type Read = fn(&str) -> Option<Plain>;

/// What a rulebook does with one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// The rules that can hold, in order.
    pub(super) rules: Vec<usize>,
    /// The counters of these rules.
    pub(super) counters: Vec<usize>,
    /// How each slot's field is read; `None`: by its JSON type.
    pub(super) readers: Vec<Option<Read>>,
    loops: Vec<u32>,
}

/// What a name that no rule can write stands for, e.g. `@d3`: rules are rewritten to these when they are loaded, so
/// that nothing is looked up by name on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// The value of a slot.
    Value(usize),
    /// Whether a slot has one.
    Has(usize),
    /// The count of a counter.
    Count(usize),
    /// A pattern or a time zone.
    Applied(usize),
    /// A named list.
    List(usize),
}

impl Hidden {
    pub(super) fn named(name: &str) -> Option<Self> {
        let rest = name.strip_prefix('@')?;
        let number = rest.get(1..)?.parse().ok()?;
        Some(match rest.as_bytes().first()? {
            b'd' => Self::Value(number),
            b'h' => Self::Has(number),
            b'c' => Self::Count(number),
            b'a' => Self::Applied(number),
            b'l' => Self::List(number),
            _ => return None,
        })
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Value(number) => format!("@d{number}"),
            Self::Has(number) => format!("@h{number}"),
            Self::Count(number) => format!("@c{number}"),
            Self::Applied(number) => format!("@a{number}"),
            Self::List(number) => format!("@l{number}"),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.source == Source::Data { "data" } else { "raw" };
        write!(f, "{source}.{}", self.name)
    }
}

/// The functions that expressions may call; the same for all.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));
    Arc::clone(&ENVIRONMENT)
}

impl Rulebook {
    /// Checks `sources`, which are asked about the kinds of `patterns` (empty: all) and may use `lists`.
    ///
    /// # Errors
    /// Every fault of every rule.
    pub fn load(
        sources: Vec<RuleSource>,
        lists: Vec<NamedList>,
        patterns: Vec<KindPattern>,
    ) -> Result<Self, Vec<RuleFault>> {
        let named = lists.iter().map(|list| Named(Arc::clone(&list.entries))).collect();
        let mut book = Self {
            rules: Vec::new(),
            slots: Vec::new(),
            counters: Vec::new(),
            applied: Vec::new(),
            lists: named,
            sources: Vec::new(),
            named: lists,
            patterns,
            plans: HashMap::new(),
        };
        let mut faults = Vec::new();
        for (place, source) in sources.iter().enumerate() {
            compile::add(&mut book, place, source, &mut faults);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        book.sources = sources;
        book.plans = KINDS.iter().map(|row| (row.name, book.plan_for(row.name, row.family))).collect();
        Ok(book)
    }

    /// The rules as they were written.
    pub fn sources(&self) -> &[RuleSource] {
        &self.sources
    }

    /// The named lists.
    pub fn lists(&self) -> &[NamedList] {
        &self.named
    }

    /// The files that lists were read from.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.named.iter().filter_map(|list| match &list.source {
            ListSource::File(path) => Some(path),
            ListSource::Written(_) => None,
        })
    }

    /// The names of the lists, for `lists.<name>`.
    pub(super) fn list_named(&self, name: &str) -> Option<usize> {
        self.named.iter().position(|list| list.name == name)
    }

    pub(super) fn list_names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|list| list.name.as_str())
    }

    /// The place of a field among those that are read.
    pub(super) fn slot(&mut self, source: Source, name: &str) -> usize {
        let slot = Slot { source, name: name.to_owned() };
        self.slots.iter().position(|other| *other == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    /// The documented kinds for which `when` can hold.
    pub(super) fn kinds_of(&self, when: &IdedExpr) -> Vec<&'static str> {
        let rows = KINDS.iter().filter(|row| self.is_asked(row.name));
        rows.filter(|row| kinds::truth(when, row.name, row.family.name()) != Some(false)).map(|row| row.name).collect()
    }

    /// What is done with events of `kind`.
    pub(super) fn plan(&self, kind: &Kind) -> Cow<'_, Plan> {
        let documented = kind.row().filter(|row| row.family == kind.family());
        match documented.and_then(|row| self.plans.get(row.name)) {
            Some(plan) => Cow::Borrowed(plan),
            None => Cow::Owned(self.plan_for(kind.name(), kind.family())),
        }
    }

    fn is_asked(&self, kind: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(kind))
    }

    fn plan_for(&self, kind: &str, family: Family) -> Plan {
        if !self.is_asked(kind) {
            return Plan::default();
        }
        let can_hold = |rule: &Rule| kinds::truth(&rule.when, kind, family.name()) != Some(false);
        let rules: Vec<usize> =
            self.rules.iter().enumerate().filter(|(_, rule)| can_hold(rule)).map(|(place, _)| place).collect();
        let counters = self.counters.iter().enumerate().filter(|(_, row)| rules.contains(&row.rule));
        let counters = counters.map(|(place, _)| place).collect();
        let fields = fields_of(kind).unwrap_or_default();
        let reader = |slot: &Slot| fields.iter().find(|row| row.name == slot.name).map(|row| row.read);
        let loops = rules.iter().map(|place| self.rules[*place].loops).filter(|loops| *loops > 0).collect();
        Plan { rules, counters, readers: self.slots.iter().map(reader).collect(), loops }
    }
}

/// The documented fields of `kind`; `None` where they are not known.
pub(super) fn fields_of(kind: &str) -> Option<&'static [Field]> {
    KINDS.iter().find(|row| row.name == kind).map(KindRow::fields).filter(|fields| !fields.is_empty())
}

impl Plan {
    /// How much there may be to do on a body of `bytes`, in elements that are looked at.
    pub(super) fn work(&self, bytes: usize) -> usize {
        // The shortest element takes two bytes with its comma, a usual one many more.
        let elements = bytes / 4;
        let loops = self.loops.iter().map(|loops| elements.saturating_pow(*loops));
        loops.fold(bytes / 16, usize::saturating_add)
    }
}

impl fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists: Vec<_> = self.named.iter().map(|list| (&list.name, list.len())).collect();
        f.debug_struct("Rulebook").field("rules", &self.sources).field("lists", &lists).finish_non_exhaustive()
    }
}
