//! Prints events for people: what happened, who did it, and every field.

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::forward::Forward;
use crate::cli::output;
use crate::clock::Clock;
use crate::deliver::{Handler, Outcome};
use crate::event::Event;
use crate::kind::KindRow;
use crate::lenient::{Fields, unquote};
use crate::secret::is_token_like;

/// A handler that prints.
#[derive(Debug)]
pub(super) struct Show {
    shown: watch::Sender<u64>,
    forward: Option<Forward>,
    clock: Clock,
}

impl Show {
    /// Counts in `shown` what it has printed, and asks `forward` what it would have answered.
    pub(super) fn new(shown: watch::Sender<u64>, forward: Option<Forward>, clock: Clock) -> Self {
        Self { shown, forward, clock }
    }
}

impl Handler for Show {
    fn name(&self) -> &str {
        "show"
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        let took = self.clock.now().duration_since(event.received()).as_secs_f64().max(0.0) * 1000.0;
        // Without a reader there is nobody to show anything to; the event is in the journal all the same.
        let _ = output::data(format_args!("{}\n  kept after        {took:.1} ms", page(event)));
        if let Some(forward) = &self.forward {
            let _ = output::data(forward.ask(event).await);
        }
        self.shown.send_modify(|shown| *shown += 1);
        Outcome::Done
    }
}

/// An event as a few lines of text.
pub(in crate::cli) fn page(event: &Event) -> String {
    let title = event.kind().row().map(|row| format!("  {} · {}", row.title, row.title_zh)).unwrap_or_default();
    let mut text = format!("● {}{title}\n", event.kind());
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<18}{value}\n"));
    line("id", &event.id().to_string());
    line("received", &format!("{:.3}", event.received()));
    line("app", event.app_key());
    if let Ok(fields) = Fields::parse(event.text()) {
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by_key(|(name, _)| *name);
        for (name, value) in fields {
            let value = if is_token_like(name) { "***".to_owned() } else { as_sent(value) };
            line(&name.replace(char::is_control, " "), &value);
        }
    }
    if let Some(decision) = event.decision() {
        let verdict = &decision.verdict;
        let code = if verdict.allows() { String::new() } else { format!(" with {}", verdict.code()) };
        line("verdict", &format!("{}{code} (by {})", verdict.word(), decision.by));
    }
    text.truncate(text.trim_end().len());
    text
}

/// What the documented fields of an event were read as, a line each.
pub(in crate::cli) fn reading(event: &Event) -> String {
    let mut text = "  read as".to_owned();
    let read = serde_json::to_value(event.payload()).unwrap_or_default();
    for field in event.kind().row().map(KindRow::fields).unwrap_or_default() {
        let Some(value) = read.get(field.name) else { continue };
        let value = if is_token_like(field.name) { "***".to_owned() } else { plain(value) };
        text.push_str(&format!("\n    {:<18}{value}  ({})", field.name, field.shape.word()));
    }
    text
}

/// A value as people write it, on one line: a sender's control characters do nothing to the terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace(char::is_control, " "),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The same of a value that nobody has read: each digit of a number is there, however many it has.
fn as_sent(value: &RawValue) -> String {
    let raw = value.get();
    if let Some(text) = unquote(raw) {
        return text.replace(char::is_control, " ");
    }
    match serde_json::from_str::<Vec<&RawValue>>(raw) {
        Ok(items) => items.into_iter().map(as_sent).collect::<Vec<_>>().join(", "),
        Err(_) => without_blanks(raw),
    }
}

/// JSON on one line, without what its sender put between the values for people.
fn without_blanks(raw: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = raw.chars().filter(|char| {
        let between = !quoted && char.is_ascii_whitespace();
        quoted ^= *char == '"' && !escaped;
        escaped = quoted && *char == '\\' && !escaped;
        !between && !char.is_control()
    });
    kept.collect()
}
