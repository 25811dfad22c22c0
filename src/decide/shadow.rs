//! Shadows: deciders whose opinion is noted beside the real verdict and never used.

use std::sync::Arc;

use super::decider::{AtOnce, Failure, Opinion};
use super::link::Link;
use crate::budget::Budget;
use crate::event::{Event, EventId};
use crate::metrics::{Metrics, ShadowLabels};
use crate::verdict::{Decision, RejectCode};

/// What a shadow would have said.
///
/// ```
/// use offhook::decide::Watch;
///
/// /// Whether a watched decider would have answered another thing.
/// fn differs(watch: &Watch, given: u16) -> bool {
///     watch.decision.as_ref().is_some_and(|decision| decision.verdict.code() != given)
/// }
/// # let _ = differs;
/// ```
#[derive(Debug, Clone)]
pub struct Watch {
    /// About which event.
    pub event: EventId,
    /// Which shadow.
    pub decider: Arc<str>,
    /// Its verdict and who gave it; `None`: it had no opinion.
    pub decision: Option<Decision>,
}

/// Asks a shadow about `event`, which was answered. It has as long as a request may take, or its own share; a rejection
/// without a code gets `code`.
pub(super) async fn watch(
    link: Link,
    event: Arc<Event>,
    budget: Budget,
    code: RejectCode,
    metrics: Arc<Metrics>,
    note: impl Fn(Watch),
) {
    let name = &link.settings.name;
    let whole = budget.deadline() - budget.started();
    let budget = Budget::starting_now(link.settings.timeout.unwrap_or(whole));
    // A task of its own: should it panic, that is told here.
    let asking = tokio::spawn(ask(link.clone(), Arc::clone(&event), budget));
    let opinion = asking.await.unwrap_or_else(|_panicked| Err("it panicked".into()));
    let opinion = opinion.map(|opinion| {
        opinion.map(|Opinion { verdict, by }| {
            let verdict = link.permitted(verdict, &event, || code);
            Decision { verdict, by: by.unwrap_or_else(|| name.to_string().into()) }
        })
    });
    let answer = match &opinion {
        Err(error) => {
            link.said.say(|unsaid| {
                tracing::warn!(decider.name = %name, event.id = %event.id(), unsaid, "shadow failed: {error}");
            });
            "failed"
        }
        Ok(None) => "none",
        Ok(Some(would)) if event.decision().is_some_and(|given| given.verdict == would.verdict) => "same",
        Ok(Some(_)) => "other",
    };
    metrics.shadows.get_or_create_owned(&ShadowLabels { decider: Arc::clone(name), answer }).inc();
    let Ok(decision) = opinion else { return };
    note(Watch { event: event.id(), decider: Arc::clone(name), decision });
}

async fn ask(link: Link, event: Arc<Event>, budget: Budget) -> Result<Option<Opinion>, Failure> {
    match link.decider.at_once(&event) {
        AtOnce::Said(opinion) => Ok(opinion),
        AtOnce::Ask => match link.turn(event.app_key(), budget).await {
            Ok(_turn) => {
                let said = budget.wait(link.decider.opinion(Arc::clone(&event), budget)).await;
                said.unwrap_or_else(|| Err("it overran its share".into()))
            }
            Err(_none) => Err("it is too busy".into()),
        },
    }
}
