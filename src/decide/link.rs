//! A decider's place in the chain: which events it is asked about, for how long, and what its failure means.

use std::sync::Arc;
use std::time::Duration;

use super::decider::BoxedDecider;
use crate::event::Event;
use crate::kind::KindPattern;

/// What is said about one decider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Its name in `verdictby`, logs and metrics.
    pub name: Arc<str>,
    /// The kinds it is asked about; empty: all.
    pub kinds: Vec<KindPattern>,
    /// The apps it is asked about, by key; empty: all.
    pub apps: Vec<Arc<str>>,
    /// Its share of a request's time; `None`: all that is left.
    pub timeout: Option<Duration>,
    /// What happens when it fails.
    pub on_error: OnError,
    /// Whether it is only watched: asked after the answer was decided, its opinion noted and never used.
    pub shadow: bool,
}

/// What happens when a decider fails, panics or overruns its share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// The configured fallback is answered.
    #[default]
    Fallback,
    /// The next decider is asked, as if this one had no opinion.
    Next,
    /// The user may act; a login that nobody else checks is rejected all the same.
    Allow,
    /// The user is stopped.
    Reject,
}

/// A decider in its place.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) settings: LinkSettings,
    pub(super) decider: BoxedDecider,
}

impl LinkSettings {
    /// A decider called `name` that is asked about everything and may take all the time there is.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let (kinds, apps) = (Vec::new(), Vec::new());
        Self { name: name.into(), kinds, apps, timeout: None, on_error: OnError::default(), shadow: false }
    }

    /// Whether the decider is asked about `event`.
    pub fn wants(&self, event: &Event) -> bool {
        let kind = event.kind().name();
        (self.kinds.is_empty() || self.kinds.iter().any(|pattern| pattern.matches(kind)))
            && (self.apps.is_empty() || self.apps.iter().any(|app| app == event.app_key()))
    }
}
