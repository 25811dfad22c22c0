//! Late answers: a decider that finishes after the fallback was answered is heard out, and where it disagrees, it is told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::decider::{Failure, Opinion};
use super::link::Link;
use crate::event::{Event, EventParts};
use crate::kind::Kind;
use crate::metrics::{LateLabels, Metrics};
use crate::verdict::{Decision, RejectCode, Verdict};

/// A decider that was not waited for and goes on. Dropped, it is stopped.
///
/// ```
/// use std::time::Duration;
/// use offhook::decide::{BoxedDecider, Chain, Decided, LinkSettings, Load, Policy, Step};
/// use offhook::metrics::Metrics;
/// use offhook::yunxin::CallStart;
/// use offhook::{Budget, Event, Verdict};
/// use tokio::time::Instant;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// // A decider that needs too long, and is heard out.
/// let (ready, awaited) = tokio::sync::watch::channel(false);
/// let slow = BoxedDecider::from_fn("slow", move |_: CallStart| {
///     let mut awaited = awaited.clone();
///     async move { awaited.wait_for(|ready| *ready).await.map(|_| Verdict::allow()) }
/// });
/// let milliseconds = Duration::from_millis;
/// let (timeout, late) = (Some(milliseconds(10)), Some(Duration::from_secs(60)));
/// let links = vec![(LinkSettings { timeout, late, ..LinkSettings::new("slow") }, slow)];
/// let chain = Chain::new(Policy::default(), links, Metrics::new(milliseconds(1500)))?;
///
/// let (event, began) = (Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?, Instant::now());
/// let decided = match chain.decide_at_once(&event, Load::Normal) {
///     Step::Decided(decision) => Decided { decision, late: None },
///     Step::Asks(asking) => chain.decide(&event, asking, Budget::starting_now(Duration::from_secs(60))).await,
/// };
/// assert_eq!(decided.decision.by, "fallback:timeout");
///
/// ready.send_replace(true);
/// let told = decided.late.expect("it goes on").overrules(&event, &decided.decision, began).await;
/// assert!(told.is_some_and(|event| event.kind().is_overruled()));
/// # Ok(()) }
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
    let parts = EventParts::new(Kind::overruled(event.family()), Arc::clone(event.app_key()), now, body);
    Event::new(EventParts { subject: event.subject().map(ToOwned::to_owned), decision: Some(opinion), ..parts })
}
