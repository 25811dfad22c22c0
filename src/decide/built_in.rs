//! The built-in deciders: what a configuration may name under `[[deciders]]`.

use std::sync::Arc;

use super::decider::BoxedDecider;
use super::link::LinkSettings;
use super::rules::{Counters, Rulebook, Rules};
use crate::metrics::Metrics;

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
}

/// The decider types a configuration may name, each with what it does.
pub const ALL: &[(&str, &str)] = &[("rules", "evaluates CEL rules")];

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
pub enum BuildError {}

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
    };
    Ok((link, decider))
}
