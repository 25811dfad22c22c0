//! The `rules` decider: CEL expressions over an event, checked whole when they are loaded, the first that holds decides.
//!
//! An expression that cannot be evaluated on an event has no opinion on it; that is counted, and never an outage.

mod book;
mod compile;
mod counters;
mod facts;
mod kinds;
mod lists;
mod scope;
mod values;
mod whole;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use book::{RuleFault, RuleSource, Rulebook};
pub use counters::Counters;
pub use lists::{ListFault, ListSource, NamedList};

use super::decider::{AtOnce, Erased, Opinion, Thinking};
use crate::budget::Budget;
use crate::event::Event;
use crate::metrics::{Metrics, RuleLabel};
use book::{Plan, Rule};
use counters::Counter;
use facts::{Facts, Fault};
use values::Alarm;

/// A rulebook at work.
pub(super) struct Rules {
    name: Arc<str>,
    book: Arc<Rulebook>,
    counters: Vec<Arc<Counter>>,
    metrics: Arc<Metrics>,
    told: Vec<AtomicBool>,
}

/// The most work that is done without leaving the caller's thread, in elements that are looked at.
const AT_ONCE: usize = 8192;

impl Rules {
    /// The decider `name` over `book`; counters that it has already go on counting.
    pub(super) fn new(name: Arc<str>, book: Arc<Rulebook>, counters: &Counters, metrics: Arc<Metrics>) -> Self {
        let counter = |row: &book::CounterRow| counters.open(&name, &book.rules[row.rule].name, row.place, row.window);
        let counters = book.counters.iter().map(counter).collect();
        let told = book.rules.iter().map(|_| AtomicBool::new(false)).collect();
        Self { name, book, counters, metrics, told }
    }

    /// The opinion of the first rule that holds.
    fn judge(&self, event: &Event, plan: &Plan, alarm: &Alarm) -> Option<Opinion> {
        if plan.rules.is_empty() {
            return None;
        }
        let facts = Facts::of(event, &self.book, plan, alarm);
        let context = facts.context();
        for place in &plan.counters {
            let row = &self.book.counters[*place];
            if let Ok(key) = facts::key(&row.key, &context) {
                let count = self.counters[*place].count(&key, event.received());
                facts.set_count(*place, count);
            }
        }
        for place in &plan.rules {
            let rule = &self.book.rules[*place];
            match facts::holds(&rule.when, &context) {
                _ if alarm.rang() => return None,
                Ok(true) => return Some(Opinion { verdict: rule.then.clone(), by: Some(rule.by.clone()) }),
                Ok(false) => {}
                Err(fault) => self.fault(rule, *place, event, &fault),
            }
        }
        None
    }

    fn fault(&self, rule: &Rule, place: usize, event: &Event, fault: &Fault) {
        self.metrics.rule_faults.get_or_create_owned(&RuleLabel { rule: Arc::clone(&rule.name) }).inc();
        let why = fault.said(&self.book);
        if self.told[place].swap(true, Ordering::Relaxed) {
            tracing::debug!(event.id = %event.id(), event.kind = %event.kind(), rule = %rule.name, "rule has no opinion: {why}");
        } else {
            tracing::warn!(
                event.id = %event.id(), event.kind = %event.kind(), rule = %rule.name,
                "rule has no opinion on this event: {why} (said once for each rule; offhook_rule_faults_total counts)"
            );
        }
    }
}

impl Erased for Rules {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_once(&self, event: &Event) -> AtOnce {
        let plan = self.book.plan(event.kind());
        if plan.work(event.body().len()) > AT_ONCE {
            return AtOnce::Ask;
        }
        AtOnce::Said(self.judge(event, &plan, &Alarm::never()))
    }

    fn decide(self: Arc<Self>, event: Arc<Event>, budget: Budget) -> Thinking {
        Box::pin(async move {
            let plan = self.book.plan(event.kind());
            let alarm = Alarm::at_end_of(budget);
            let opinion = self.judge(&event, &plan, &alarm);
            if alarm.rang() { Err("its rules took too long".into()) } else { Ok(opinion) }
        })
    }
}
