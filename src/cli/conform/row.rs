//! What a case came to, as lines for people or as a JSON object.

use serde_json::{Value, json};

use super::case::{Answer, Case, conclude};
use super::platform::Ask;

/// A case that was tried.
pub(super) struct Row {
    group: &'static str,
    pub(super) case: &'static Case,
    /// Why it failed; nothing, where it passed.
    pub(super) problem: Option<String>,
    /// The answer that tells most: the one that is wrong, or else the slowest.
    answer: Option<Answer>,
    answers: usize,
}

/// The most characters of a reply that are shown.
const SHOWN: usize = 200;

impl Row {
    pub(super) fn of(group: &'static str, case: &'static Case, asks: &[Ask], mut answers: Vec<Answer>) -> Self {
        let slowest = (0..answers.len()).max_by_key(|place| answers[*place].took);
        let (telling, problem) = match case.expects.judge(asks, &answers) {
            Ok(()) => (slowest, None),
            Err((place, why)) => (Some(place), Some(why)),
        };
        let (count, telling) = (answers.len(), telling.filter(|place| *place < answers.len()));
        Self { group, case, problem, answer: telling.map(|place| answers.swap_remove(place)), answers: count }
    }

    pub(super) fn as_text(&self) -> String {
        let (case, mark) = (self.case, if self.problem.is_none() { "ok    " } else { "FAILED" });
        let mut text = format!("{mark}  {:<20}  {}\n", case.name, case.sends);
        let mut line = |name: &str, value: &str| text.push_str(&format!("        {name:<10}  {value}\n"));
        if let Some(problem) = &self.problem {
            line("expected", case.expects.words());
            line("problem", problem);
        }
        line("came back", &self.came_back());
        line("Yunxin", &self.conclusion());
        line("why", case.why);
        text.truncate(text.trim_end().len());
        text
    }

    pub(super) fn as_json(&self) -> Value {
        let reply = self.answer.as_ref().and_then(|answer| answer.reply.as_ref().ok());
        json!({
            "case": self.case.name,
            "group": self.group,
            "weight": self.case.weight.word(),
            "passed": self.problem.is_none(),
            "sent": self.case.sends,
            "expected": self.case.expects.words(),
            "problem": self.problem,
            "status": reply.map(|reply| reply.status),
            "reply": reply.map(|reply| shown(&reply.body)),
            "took_ms": self.answer.as_ref().map(|answer| answer.took.as_secs_f64() * 1000.0),
            "answers": self.answers,
            "conclusion": self.conclusion(),
            "why": self.case.why,
        })
    }

    fn came_back(&self) -> String {
        let Some(answer) = &self.answer else { return "nothing".to_owned() };
        let took = answer.took.as_secs_f64() * 1000.0;
        let which = match (self.answers, &self.problem) {
            (1, _) => String::new(),
            (count, None) => format!(" (the slowest of {count})"),
            (count, Some(_)) => format!(" (one of {count})"),
        };
        match &answer.reply {
            Ok(reply) => format!("{} {} in {took:.1} ms{which}", reply.status, shown(&reply.body)),
            Err(why) => format!("{why}, after {took:.1} ms{which}"),
        }
    }

    fn conclusion(&self) -> String {
        self.answer.as_ref().map_or_else(String::new, |answer| conclude(answer).words())
    }
}

/// A case that is only listed.
pub(super) fn listed(group: &'static str, case: &Case, json: bool) -> String {
    let (weight, expected) = (case.weight.word(), case.expects.words());
    if json {
        return json!({
            "case": case.name, "group": group, "weight": weight, "sent": case.sends, "expected": expected, "why": case.why,
        })
        .to_string();
    }
    let name = format!("{group}.{}", case.name);
    format!("{name:<30}  {weight:<6}  {}\n{:40}expects {expected}", case.sends, "")
}

/// A body on one line: a receiver's control characters do nothing to the terminal.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut shown: String = text.trim().chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
