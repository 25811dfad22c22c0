//! Loads one rule: parses it, refuses what it may not say, and rewrites what it reads to numbered places.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, SelectExpr, SourceInfo, operators};
use jiff::fmt::temporal::DateTimeParser;
use regex::RegexBuilder;

use super::book::{CounterRow, Hidden, Rule, RuleFault, RuleSource, Rulebook, Source, environment, fields_of};
use super::kinds::{self, text};
use super::scope::{self, did_you_mean};
use super::values::Applied;
use super::whole::{self, Wrong};
use crate::kind::KindPattern;

/// Adds the rule `source`, the one at `place`, to `book`; its faults go to `faults`.
pub(super) fn add(book: &mut Rulebook, place: usize, source: &RuleSource, faults: &mut Vec<RuleFault>) {
    let fault =
        |(line, column): (usize, usize), what: String, hint| RuleFault { rule: place, line, column, what, hint };
    if source.when.len() > scope::LONGEST {
        let what = format!("expected at most {} KiB", scope::LONGEST >> 10);
        return faults.push(fault((1, 1), what, None));
    }
    let parser = environment().parser().max_recursion_depth(scope::DEEPEST);
    let (mut when, info) = match parser.parse_with_source_info(&source.when) {
        Ok(parsed) => parsed,
        Err(errors) => {
            let number = |number: isize| usize::try_from(number).unwrap_or(0).max(1);
            // What follows the first is mostly its consequence.
            let first = errors.errors.first();
            let place = first.map_or((1, 1), |error| (number(error.pos.0), number(error.pos.1)));
            let what = first.map_or("it is no CEL", |error| error.msg.as_str()).replace('\n', " ");
            return faults.push(fault(place, what, None));
        }
    };
    let before = faults.len();
    let mut walk = Walk {
        book,
        rule: place,
        info: &info,
        faults,
        bound: Vec::new(),
        loops: 0,
        deepest: 0,
        read: Vec::new(),
        counters: 0,
    };
    walk.expression(&mut when);
    let (deepest, read) = (walk.deepest, std::mem::take(&mut walk.read));
    let kinds = walk.book.kinds_of(&when);
    walk.check_fields(&read, &kinds);
    if faults.len() == before {
        for Wrong { node, what, hint } in whole::wrong(&when, &source.then, &kinds) {
            let place = node.map_or((1, 1), |node| place_of(&info, node));
            faults.push(fault(place, what, Some(hint)));
        }
    }
    let (name, by) = (Arc::from(source.name.as_str()), format!("rule:{}", source.name).into());
    book.rules.push(Rule { name, by, when, then: source.then.clone(), loops: deepest });
}

/// One way through an expression.
struct Walk<'w> {
    book: &'w mut Rulebook,
    rule: usize,
    info: &'w SourceInfo,
    faults: &'w mut Vec<RuleFault>,
    /// Variables of the comprehensions around this place.
    bound: Vec<String>,
    loops: u32,
    deepest: u32,
    /// Fields of `data` that are read, each with the node that reads it.
    read: Vec<(String, u64)>,
    counters: usize,
}

impl Walk<'_> {
    fn fault(&mut self, node: u64, what: impl Into<String>, hint: Option<String>) {
        let (line, column) = place_of(self.info, node);
        self.faults.push(RuleFault { rule: self.rule, line, column, what: what.into(), hint });
    }

    fn is_table(&self, node: &IdedExpr, table: &str) -> bool {
        matches!(&node.expr, Expr::Ident(name) if name == table) && !self.bound.iter().any(|bound| bound == table)
    }

    fn expression(&mut self, node: &mut IdedExpr) {
        let id = node.id;
        match &mut node.expr {
            Expr::Select(select) => {
                if let Some(hidden) = self.table_field(id, select) {
                    node.expr = Expr::Ident(hidden.name());
                } else {
                    self.expression(&mut select.operand);
                }
            }
            Expr::Call(call) => {
                if let Some(changed) = self.call(id, call) {
                    node.expr = changed;
                }
            }
            Expr::Ident(name) => {
                let name = name.clone();
                self.identifier(id, &name);
            }
            Expr::Comprehension(comprehension) => {
                self.expression(&mut comprehension.iter_range);
                self.loops += 1;
                self.deepest = self.deepest.max(self.loops);
                if self.loops == scope::LOOPS + 1 {
                    let what =
                        format!("`all`, `exists`, `map` and the like are nested more than {} deep", scope::LOOPS);
                    self.fault(id, what, None);
                }
                self.check_collected(comprehension);
                let outside = self.bound.len();
                self.bound.extend([comprehension.iter_var.clone(), comprehension.accu_var.clone()]);
                self.bound.extend(comprehension.iter_var2.clone());
                let comprehension = &mut **comprehension;
                for part in [
                    &mut comprehension.accu_init,
                    &mut comprehension.loop_cond,
                    &mut comprehension.loop_step,
                    &mut comprehension.result,
                ] {
                    self.expression(part);
                }
                self.bound.truncate(outside);
                self.loops -= 1;
            }
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.expression(element)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.expression(&mut entry.key);
                        self.expression(&mut entry.value);
                    }
                }
            }
            Expr::Struct(_) => self.fault(id, "there are no types to make values of", None),
            Expr::Literal(_) => {}
            Expr::Unspecified => self.fault(id, "it is not complete", None),
        }
    }

    /// What a loop collects must not grow with the square of the body.
    fn check_collected(&mut self, comprehension: &ComprehensionExpr) {
        let Some(collected) = scope::collected(comprehension) else { return };
        let named = collected.references();
        let is_named = |name: &&str| named.has_variable(name);
        let outside = self.bound.iter().map(String::as_str).chain(["data", "raw"]).find(is_named).map(str::to_owned);
        let Some(name) = outside else { return };
        let what = format!("`map` collects what it makes of its own elements, and cannot put `{name}` into each");
        let hint = "compare with other fields in `exists`, `all` or `filter`";
        self.fault(collected.id, what, Some(hint.to_owned()));
    }

    fn identifier(&mut self, id: u64, name: &str) {
        if self.bound.iter().any(|bound| bound == name) || scope::VARIABLES.contains(&name) {
            return;
        }
        if scope::TABLES.contains(&name) {
            let field = if name == "lists" { "blocked" } else { "fromAccount" };
            let hint = Some(format!("for example `{name}.{field}`"));
            return self.fault(id, format!("`{name}` is read field by field"), hint);
        }
        let names = scope::VARIABLES.iter().chain(&scope::TABLES).copied().chain(self.bound.iter().map(String::as_str));
        let hint = did_you_mean(name, names).unwrap_or_else(|| {
            "known are `kind`, `family`, `app`, `data`, `raw`, `lists`, `now` and `sentat`".to_owned()
        });
        self.fault(id, format!("unknown variable `{name}`"), Some(hint));
    }

    /// `data.f`, `raw.f`, `lists.f` and `has(…)` of the first two.
    fn table_field(&mut self, id: u64, select: &SelectExpr) -> Option<Hidden> {
        if self.is_table(&select.operand, "lists") {
            return Some(self.list(id, &select.field));
        }
        let slot = self.slot(id, &select.operand, &select.field)?;
        Some(if select.test { Hidden::Has(slot) } else { Hidden::Value(slot) })
    }

    fn list(&mut self, id: u64, name: &str) -> Hidden {
        Hidden::List(self.book.list_named(name).unwrap_or_else(|| {
            let names: Vec<String> = self.book.list_names().map(str::to_owned).collect();
            let hint = did_you_mean(name, names.iter().map(String::as_str)).unwrap_or_else(|| {
                format!("say where it is in the decider's section: lists.{name} = {{ file = \"{name}.txt\" }}")
            });
            self.fault(id, format!("unknown list `{name}`"), Some(hint));
            0
        }))
    }

    fn slot(&mut self, id: u64, operand: &IdedExpr, field: &str) -> Option<usize> {
        if self.is_table(operand, "raw") {
            return Some(self.book.slot(Source::Raw, field));
        }
        if !self.is_table(operand, "data") {
            return None;
        }
        self.read.push((field.to_owned(), id));
        Some(self.book.slot(Source::Data, field))
    }

    /// Checks a call; gives what stands in its place, where that is something else.
    fn call(&mut self, id: u64, call: &mut CallExpr) -> Option<Expr> {
        let (name, count) = (call.func_name.clone(), call.args.len());
        if call.target.is_none() && name == operators::INDEX && count == 2 {
            let field = text(&call.args[1]).map(str::to_owned);
            let slot = field.as_deref().and_then(|field| self.slot(id, &call.args[0], field));
            if let Some(slot) = slot {
                return Some(Expr::Ident(Hidden::Value(slot).name()));
            }
        }
        if name == "calls_by" && call.target.is_none() && count == 2 {
            return self.counter(id, call);
        }
        if name == "matches"
            && (call.target.is_some(), count) != (false, 1)
            && count + usize::from(call.target.is_some()) == 2
        {
            return self.matcher(id, call);
        }
        if call.target.is_some() && scope::TIMES.contains(&name.as_str()) {
            self.part_of_time(id, call);
            return None;
        }
        self.check_kind_words(call);
        let known: &[(&str, usize)] = if call.target.is_some() { &scope::METHODS } else { &scope::FUNCTIONS };
        let is_operator = scope::OPERATORS.contains(&name.as_str()) || name == operators::NOT_STRICTLY_FALSE;
        match known.iter().find(|(other, _)| *other == name) {
            Some((_, wanted)) if *wanted != count => {
                self.fault(id, format!("`{name}` takes {wanted} argument(s), found {count}"), None);
            }
            None if !is_operator => {
                let names = known.iter().map(|(name, _)| *name);
                let macros = ["all", "exists", "exists_one", "map", "filter"];
                let hint = if call.target.is_some() {
                    did_you_mean(&name, names.chain(scope::TIMES).chain(macros))
                } else {
                    did_you_mean(&name, names.chain(["has"]))
                };
                self.fault(id, format!("unknown function `{name}`"), hint);
            }
            _ => {}
        }
        if let Some(target) = &mut call.target {
            self.expression(target);
        }
        call.args.iter_mut().for_each(|argument| self.expression(argument));
        None
    }

    /// `calls_by(key, "1m")`.
    fn counter(&mut self, id: u64, call: &mut CallExpr) -> Option<Expr> {
        let window = text(&call.args[1]).and_then(|text| humantime::parse_duration(text).ok());
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(86_400));
        let window = window.filter(|window| (least..=most).contains(window));
        if window.is_none() {
            let what = "the second argument of `calls_by` is a duration from 1s to 1day, written out";
            self.fault(call.args[1].id, what, Some("for example calls_by(data.fromAccount, \"1m\")".to_owned()));
        }
        let mut key = call.args.swap_remove(0);
        let bound = std::mem::take(&mut self.bound);
        if let Some(name) = bound.iter().find(|name| key.references().has_variable(name)) {
            let what =
                format!("the key of a counter cannot depend on `{name}`, which changes while the rule is evaluated");
            self.fault(id, what, None);
            self.bound = bound;
            return None;
        }
        self.expression(&mut key);
        self.bound = bound;
        let place = self.counters;
        self.counters += 1;
        self.book.counters.push(CounterRow { rule: self.rule, place, key, window: window? });
        Some(Expr::Ident(Hidden::Count(self.book.counters.len() - 1).name()))
    }

    /// `text.matches("pattern")`: the pattern is read now, once.
    fn matcher(&mut self, id: u64, call: &mut CallExpr) -> Option<Expr> {
        let pattern = call.args.pop()?;
        let mut subject = match call.target.take() {
            Some(target) => *target,
            None => call.args.pop()?,
        };
        self.expression(&mut subject);
        let Some(written) = text(&pattern) else {
            self.fault(pattern.id, "the pattern of `matches` must be written out", None);
            return None;
        };
        match RegexBuilder::new(written).size_limit(1 << 20).build() {
            Ok(regex) => Some(self.applies(id, Applied::Pattern(regex), subject)),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.fault(pattern.id, format!("the pattern cannot be read: {why}"), None);
                None
            }
        }
    }

    fn applies(&mut self, id: u64, applied: Applied, subject: IdedExpr) -> Expr {
        self.book.applied.push(applied);
        let applied = Hidden::Applied(self.book.applied.len() - 1).name();
        let args = vec![IdedExpr { id, expr: Expr::Ident(applied) }, subject];
        Expr::Call(CallExpr { func_name: operators::INDEX.to_owned(), target: None, args })
    }

    /// `now.getHours("Asia/Shanghai")`: the time zone is found now, once.
    fn part_of_time(&mut self, id: u64, call: &mut CallExpr) {
        let Some(mut time) = call.target.take() else { return };
        self.expression(&mut time);
        match std::mem::take(&mut call.args).as_slice() {
            [] => {}
            [zone] => match text(zone) {
                None => self.fault(zone.id, "the time zone must be written out", None),
                Some(name) => match DateTimeParser::new().parse_time_zone(name) {
                    Ok(found) => {
                        let expr = self.applies(id, Applied::Zone(found), *time);
                        time = Box::new(IdedExpr { id, expr });
                    }
                    Err(_) => {
                        let hint = "names are those of the IANA database, such as `Asia/Shanghai`, or offsets such as `+08:00`";
                        self.fault(zone.id, format!("unknown time zone `{name}`"), Some(hint.to_owned()));
                    }
                },
            },
            _ => self.fault(id, format!("`{}` takes a time zone or nothing", call.func_name), None),
        }
        call.target = Some(time);
    }

    /// Kinds that are written out beside `kind` must exist.
    fn check_kind_words(&mut self, call: &CallExpr) {
        let is_kind = |node: &IdedExpr| self.is_table(node, "kind");
        let (words, prefix): (Vec<&IdedExpr>, bool) = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) if is_kind(left) => (vec![right], false),
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) if is_kind(right) => (vec![left], false),
            (operators::IN, [left, right]) if is_kind(left) => match &right.expr {
                Expr::List(list) => (list.elements.iter().collect(), false),
                _ => return,
            },
            ("startsWith", [prefix]) if call.target.as_ref().is_some_and(|target| is_kind(target)) => {
                (vec![prefix], true)
            }
            _ => return,
        };
        let wrong: Vec<(u64, String)> = words
            .into_iter()
            .filter_map(|word| Some((word.id, text(word)?)))
            .filter(|(_, word)| !prefix || !kinds::begins_one(word))
            .filter_map(|(id, word)| match KindPattern::parse(word) {
                Err(what) if !word.ends_with('*') => Some((id, what)),
                Ok(_) if !word.ends_with('*') => None,
                _ => Some((id, format!("`{word}` is a pattern; write kind.startsWith(\"…\")"))),
            })
            .collect();
        for (id, what) in wrong {
            let (what, hint) =
                what.split_once("; ").map_or((what.as_str(), None), |(what, hint)| (what, Some(hint.to_owned())));
            self.fault(id, what, hint);
        }
    }

    /// Every field of `data` that is read must be one of a kind for which the rule can hold.
    fn check_fields(&mut self, read: &[(String, u64)], kinds: &[&'static str]) {
        let tables = kinds.iter().filter_map(|kind| fields_of(kind));
        // Of a kind without a table `data` has nothing at all.
        let names: BTreeSet<&str> = tables.flatten().map(|row| row.name).chain(["eventType"]).collect();
        for (field, id) in read.iter().filter(|(field, _)| !names.contains(field.as_str())) {
            let hint = did_you_mean(field, names.iter().copied())
                .unwrap_or_else(|| format!("what is not documented is read with `raw.{field}`"));
            let of = if let [kind] = kinds { kind } else { "any kind it can hold for" };
            self.fault(*id, format!("`{field}` is no documented field of {of}"), Some(hint));
        }
    }
}

/// Line and column of a node, from 1.
fn place_of(info: &SourceInfo, node: u64) -> (usize, usize) {
    let offset = info.offset_for(node).map_or(0, |(start, _)| usize::try_from(start).unwrap_or(0));
    let before: String = info.source.chars().take(offset).collect();
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
