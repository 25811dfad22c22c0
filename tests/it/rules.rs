//! Rules: what they may say, what they decide, and what becomes of those that cannot be evaluated.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod expressions;
mod faults;
mod places;
mod recipes;
mod time;

use std::sync::Arc;

use offhook::clock::Clock;
use offhook::config::{self, Sources};
use offhook::decide::{self, Chain, Load, Shared, Step};
use offhook::metrics::Metrics;
use offhook::verdict::Decision;
use offhook::{Budget, Event};
use tempfile::TempDir;

use crate::world::{APP_KEY, APP_SECRET};

/// A configuration's chain, without a journal and without a wire.
pub(crate) struct Bench {
    chain: Chain,
    pub(crate) metrics: Arc<Metrics>,
}

/// The usual app and `more`, written into `dir`.
fn loaded(dir: &TempDir, more: &str) -> Result<config::Config, String> {
    let file = dir.path().join("offhook.toml");
    let app = format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n");
    std::fs::write(&file, format!("{more}\n{app}")).unwrap();
    config::load(&Sources::new(Some(file), []), &Clock::system()).map_err(|faults| faults.to_string())
}

/// `[[deciders]]` with rules; each is a name, an expression and a verdict.
pub(crate) fn rules(rules: &[(&str, &str, &str)]) -> String {
    let rule = |(name, when, then): &(&str, &str, &str)| {
        format!("[[deciders.rules]]\nname = \"{name}\"\nwhen = '''{when}'''\n{then}\n")
    };
    format!("[[deciders]]\ntype = \"rules\"\n{}", rules.iter().map(rule).collect::<String>())
}

impl Bench {
    pub(crate) fn of(more: &str) -> Self {
        let config = loaded(&tempfile::tempdir().unwrap(), more).unwrap_or_else(|faults| panic!("{faults}"));
        let metrics = Metrics::new(config.edge.deadline);
        let shared = Shared::new(Arc::clone(&metrics));
        let deciders = config.deciders.into_iter().map(|settings| decide::build(settings, &shared).unwrap()).collect();
        Self { chain: Chain::new(config.policy, deciders, Arc::clone(&metrics)).unwrap(), metrics }
    }

    /// What is decided about `event`.
    pub(crate) async fn on(&self, event: &Event) -> Decision {
        match self.chain.decide_at_once(event, Load::Normal) {
            Step::Decided(decision) => decision,
            Step::Asks(asking) => {
                self.chain
                    .decide(event, asking, Budget::starting_now(std::time::Duration::from_secs(20)))
                    .await
                    .decision
            }
        }
    }

    /// Who decides about this body.
    pub(crate) async fn by(&self, body: &str) -> String {
        self.on(&Event::from_json(body.to_owned()).unwrap()).await.by.into_owned()
    }

    /// The value of a metric, by its name and labels as they are shown; 0 where it is not shown.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}
