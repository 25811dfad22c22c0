//! Logs: for people as text, for machines as JSON, always on stderr; stdout is data.
//!
//! No log line holds a body, a digest or a secret.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
///
/// Example: [`start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging what `levels` name: `info`, or `warn,offhook::journal=debug`. Levels that cannot be read count as `info`.
/// A second call changes nothing.
///
/// ```
/// use offhook::telemetry::{self, LogForm};
///
/// telemetry::start(LogForm::Json, "warn,offhook=info");
/// ```
pub fn start(form: LogForm, levels: &str) {
    let filter: Targets = levels.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // Fails only where something logs already, and then that goes on.
    let _ = match form {
        LogForm::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        LogForm::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // What it says may hold somebody's data; where it happened is enough to find it.
        tracing::error!(place, "panicked");
    }));
}
