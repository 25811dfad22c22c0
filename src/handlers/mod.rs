//! The built-in handlers.

use std::time::Duration;

use crate::deliver::LaneSettings;

/// A handler as a configuration describes it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its lane.
    pub lane: LaneSettings,
    /// What it does.
    pub action: Action,
}

/// What a built-in handler does with an event.
#[derive(Debug, Clone)]
pub enum Action {
    /// Writes one CloudEvents line to stdout.
    Log {
        /// With the sender's JSON.
        data: bool,
    },
    /// Posts a structured CloudEvent.
    Http {
        /// Where to.
        url: url::Url,
        /// For the whole attempt.
        timeout: Duration,
        /// For reaching the target.
        connect_timeout: Duration,
    },
}

/// The handler types a configuration may name, each with what it does.
pub const ALL: &[(&str, &str)] =
    &[("log", "writes one CloudEvents line to stdout"), ("http", "posts a structured CloudEvent to a URL")];
