//! The built-in deciders: what a configuration may name under `[[deciders]]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::decider::{AtOnce, BoxedDecider, Erased, Thinking};
use super::exec::Exec;
use super::http::{Http, HttpError, HttpSettings};
use super::link::LinkSettings;
use super::rules::{Counters, Rulebook, Rules};
use crate::budget::Budget;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::program::ExecSettings;

/// A decider as a configuration describes it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its place in the chain.
    pub link: LinkSettings,
    /// What it does.
    pub action: Action,
}

/// What a built-in decider does with an event.
#[derive(Debug, Clone)]
pub enum Action {
    /// Evaluates rules.
    Rules(Arc<Rulebook>),
    /// Asks a service.
    Http(HttpSettings),
    /// Starts a program.
    Exec(ExecSettings),
}

impl Action {
    /// Whether it asks nobody outside, so that it can be tried on kept events.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Rules(_))
    }
}

/// The decider types a configuration may name, each with what it does.
pub const ALL: &[(&str, &str)] = &[
    ("rules", "evaluates CEL rules"),
    ("http", "asks a service of yours"),
    ("exec", "starts a program of yours for each question"),
];

/// What deciders share, and keep when they are loaded anew.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where they count.
    pub metrics: Arc<Metrics>,
    /// The counters of rules.
    pub counters: Arc<Counters>,
}

impl Shared {
    /// Nothing counted yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, counters: Arc::default() }
    }
}

/// Why a decider could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A service that could never be asked.
    #[error("decider `{name}`: {error}")]
    Http {
        /// The decider's name.
        name: Arc<str>,
        /// What is in the way.
        error: HttpError,
    },
}

/// Makes the decider that `settings` describe.
///
/// # Errors
/// [`BuildError`] names the decider and what is in the way.
pub fn build(settings: Settings, shared: &Shared) -> Result<(LinkSettings, BoxedDecider), BuildError> {
    let Settings { link, action } = settings;
    let decider = match action {
        Action::Rules(book) => {
            let rules = Rules::new(Arc::clone(&link.name), book, &shared.counters, Arc::clone(&shared.metrics));
            BoxedDecider::own(Arc::new(rules))
        }
        Action::Http(settings) => match Http::new(&*link.name, settings, &shared.metrics) {
            Ok(http) => BoxedDecider::new(http),
            Err(error) => return Err(BuildError::Http { name: link.name, error }),
        },
        Action::Exec(settings) => BoxedDecider::new(Exec::new(&*link.name, settings)),
    };
    Ok((link, decider))
}

/// A decider that is not asked: without an opinion, it only counts how often it would have been.
#[derive(Debug, Clone)]
pub struct Unasked(Arc<LeftOut>);

#[derive(Debug)]
struct LeftOut {
    name: Arc<str>,
    times: AtomicU64,
}

/// Something in the place of the decider that `settings` describe, for where nobody outside may be asked.
pub fn leave_out(settings: Settings) -> (LinkSettings, BoxedDecider, Unasked) {
    let left_out = Arc::new(LeftOut { name: Arc::clone(&settings.link.name), times: AtomicU64::new(0) });
    (settings.link, BoxedDecider::own(Arc::clone(&left_out) as Arc<dyn Erased>), Unasked(left_out))
}

impl Unasked {
    /// The decider's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How often it would have been asked.
    pub fn times(&self) -> u64 {
        self.0.times.load(Ordering::Relaxed)
    }
}

impl Erased for LeftOut {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_once(&self, _: &Event) -> AtOnce {
        self.times.fetch_add(1, Ordering::Relaxed);
        AtOnce::Said(None)
    }

    fn decide(self: Arc<Self>, _: Arc<Event>, _: Budget) -> Thinking {
        Box::pin(async { Ok(None) })
    }
}
