//! Prints events for people: what happened, who did it, and every field.

use serde_json::Value;
use tokio::sync::watch;

use super::forward::Forward;
use crate::cli::output;
use crate::clock::Clock;
use crate::deliver::{Handler, Outcome};
use crate::event::Event;
use crate::kind::KindRow;
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
    if let Ok(Value::Object(fields)) = serde_json::from_str(event.text()) {
        for (name, value) in &fields {
            line(name, &if is_token_like(name) { "***".to_owned() } else { plain(value) });
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
