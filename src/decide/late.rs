//! Late answers: a decider that finishes after the fallback was answered is heard out, and where it disagrees, it is told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::decider::{Failure, Opinion};
use super::link::Link;
use crate::event::{Event, EventId, EventParts};
use crate::kind::Kind;
use crate::metrics::{LateLabels, Metrics};
use crate::verdict::{Decision, RejectCode, Verdict};

/// A decider that was not waited for and goes on. Dropped, it is stopped.
///
/// ```
/// use tokio::time::Instant;
/// use offhook::Event;
/// use offhook::decide::Decided;
///
/// /// What is told afterwards, where a decider that was too late says another thing than what was answered.
/// async fn told(event: &Event, decided: Decided) -> Option<Event> {
///     decided.late?.overrules(event, &decided.decision, Instant::now()).await
/// }
/// # let _ = told;
/// ```
#[derive(Debug)]
pub struct Late {
    pub(super) link: Link,
    pub(super) opinion: Running,
    /// Of a rejection without one.
    pub(super) code: RejectCode,
    /// Until when it is heard out.
    pub(super) until: Instant,
    /// One of the places of those who are late.
    pub(super) _place: OwnedSemaphorePermit,
    pub(super) metrics: Arc<Metrics>,
}

/// An opinion that is being formed, until it is dropped.
#[derive(Debug)]
pub(super) struct Running(pub(super) JoinHandle<Result<Option<Opinion>, Failure>>);

impl Late {
    /// Hears it out. Where its verdict on `event` is another than the one that was given, the event that says so;
    /// `since` is when the request began.
    pub async fn overrules(self, event: &Event, given: &Decision, since: Instant) -> Option<Event> {
        let Self { link, mut opinion, code, until, metrics, _place } = self;
        let decider = Arc::clone(&link.settings.name);
        let said = timeout_at(until, &mut opinion.0).await;
        let after = since.elapsed();
        let (answer, opinion) = match said {
            Err(_still_thinking) => ("never", None),
            Ok(Err(_) | Ok(Err(_))) => ("failed", None),
            Ok(Ok(Ok(None))) => ("none", None),
            Ok(Ok(Ok(Some(Opinion { verdict, by })))) => {
                let verdict = link.permitted(verdict, event, || code);
                let answer = if agree(&verdict, &given.verdict) { "same" } else { "other" };
                (answer, Some(Decision { verdict, by: by.unwrap_or_else(|| decider.to_string().into()) }))
            }
        };
        metrics.late_opinions.get_or_create_owned(&LateLabels { decider, answer }).inc();
        let opinion = opinion.filter(|_| answer == "other")?;
        tracing::warn!(
            event.id = %event.id(), event.kind = %event.kind(), verdict.given = given.verdict.word(), verdict.by = %opinion.by,
            "overruled: a decider's late verdict is to {}", opinion.verdict.word()
        );
        Some(overruled(event, given, opinion, after))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether what was done is what should have been: another code or text changes nothing any more.
fn agree(late: &Verdict, given: &Verdict) -> bool {
    match (late, given) {
        (Verdict::Allow { modify: late, .. }, Verdict::Allow { modify: given, .. }) => late == given,
        (Verdict::Reject { .. }, Verdict::Reject { .. }) => true,
        _ => false,
    }
}

/// The event that tells of an `opinion` on `event` that came too late, `after` its request began.
fn overruled(event: &Event, given: &Decision, opinion: Decision, after: Duration) -> Event {
    let told = |decision: &Decision| {
        let Decision { verdict, by } = decision;
        let modify = match verdict {
            Verdict::Allow { modify, .. } => modify.clone(),
            Verdict::Reject { .. } => serde_json::Map::new(),
        };
        json!({"verdict": verdict.word(), "code": verdict.code(), "by": by, "ext": verdict.ext(), "modify": modify})
    };
    let (given, late) = (told(given), told(&opinion));
    let (id, kind, after_ms) = (event.id(), json!(event.kind().name()), after.as_millis());
    // The sender's JSON goes in as it came.
    let body = format!(
        r#"{{"event":"{id}","kind":{kind},"given":{given},"late":{late},"after_ms":{after_ms},"data":{}}}"#,
        event.data().get()
    );
    let now = event.received().checked_add(after).unwrap_or(event.received());
    Event::new(EventParts {
        id: EventId::at(now),
        kind: Kind::overruled(event.family()),
        app_key: Arc::clone(event.app_key()),
        received: now,
        sent_at: None,
        subject: event.subject().map(ToOwned::to_owned),
        headers: Arc::from(""),
        body: body.into(),
        decision: Some(opinion),
    })
}
