//! Shadows: deciders whose opinion is noted beside the real verdict and never used.

use std::sync::Arc;

use super::chain::permitted;
use super::decider::{AtOnce, Opinion};
use super::link::Link;
use crate::budget::Budget;
use crate::event::{Event, EventId};
use crate::metrics::{Metrics, ShadowLabels};
use crate::verdict::Decision;

/// What a shadow would have said.
#[derive(Debug, Clone)]
pub struct Watch {
    /// About which event.
    pub event: EventId,
    /// Which shadow.
    pub decider: Arc<str>,
    /// Its verdict and who gave it; `None`: it had no opinion.
    pub decision: Option<Decision>,
}

/// Asks a shadow about `event`, which was answered. It has as long as a request may take, or its own share.
pub(super) async fn watch(link: &Link, event: &Arc<Event>, budget: Budget, metrics: &Metrics, note: impl Fn(Watch)) {
    let name = &link.settings.name;
    let whole = budget.deadline() - budget.started();
    let budget = Budget::starting_now(link.settings.timeout.unwrap_or(whole));
    let opinion = match link.decider.at_once(event) {
        AtOnce::Said(opinion) => Ok(opinion),
        AtOnce::Ask => match link.turn(event.app_key(), budget).await {
            Ok(_turn) => {
                let said = budget.wait(link.decider.opinion(Arc::clone(event), budget)).await;
                said.unwrap_or_else(|| Err("it overran its share".into()))
            }
            Err(_none) => Err("it is too busy".into()),
        },
    };
    let answer = match &opinion {
        Err(error) => {
            tracing::warn!(decider.name = %name, event.id = %event.id(), "shadow failed: {error}");
            "failed"
        }
        Ok(None) => "none",
        Ok(Some(opinion)) if agrees(opinion, event) => "same",
        Ok(Some(_)) => "other",
    };
    metrics.shadows.get_or_create_owned(&ShadowLabels { decider: Arc::clone(name), answer }).inc();
    let Ok(opinion) = opinion else { return };
    let decision = opinion.map(|Opinion { verdict, by }| {
        let verdict = permitted(verdict, event);
        Decision { verdict, by: by.unwrap_or_else(|| name.to_string().into()) }
    });
    note(Watch { event: event.id(), decider: Arc::clone(name), decision });
}

/// Whether a shadow's opinion is what the sender was told.
fn agrees(opinion: &Opinion, event: &Event) -> bool {
    event.decision().is_some_and(|decision| decision.verdict == opinion.verdict)
}
