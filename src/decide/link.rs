//! A decider's place in the chain: which events it is asked about, for how long, and what its failure means.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::decider::BoxedDecider;
use super::late::{Late, Running};
use super::turns::{NoTurn, Turn, Turns};
use crate::budget::Budget;
use crate::event::Event;
use crate::kind::KindPattern;
use crate::metrics::Metrics;
use crate::sparing::Sparing;
use crate::verdict::{RejectCode, Verdict};

/// What is said about one decider.
///
/// ```
/// use std::time::Duration;
/// use offhook::Event;
/// use offhook::decide::{LinkSettings, OnError};
/// use offhook::kind::KindPattern;
///
/// let link = LinkSettings {
///     kinds: vec![KindPattern::parse("call.*")?],
///     timeout: Some(Duration::from_millis(300)),
///     on_error: OnError::Next,
///     ..LinkSettings::new("block-list")
/// };
/// let login = Event::from_json(r#"{"eventType":36,"fromAccount":"mei"}"#).expect("an event");
/// assert!(!link.wants(&login));
/// # Ok::<(), String>(())
/// ```
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
    /// How many questions it is asked at once at most; apps take turns. `None`: as many as there are.
    pub max_concurrent: Option<usize>,
    /// For how long it is heard out after it overran its share. `None`: not at all.
    pub late: Option<Duration>,
    /// Whether it is only watched: asked after the answer was decided, its opinion noted and never used.
    pub shadow: bool,
}

/// What happens when a decider fails, panics or overruns its share.
///
/// Example: [`LinkSettings`].
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
    /// What the log says of its faults.
    pub(super) said: Arc<Sparing>,
    turns: Option<Arc<Turns>>,
    /// Places for those who are late.
    late: Arc<Semaphore>,
}

/// How many of a decider's opinions may be late at once, where nothing bounds the questions.
const LATE: usize = 64;

impl Link {
    pub(super) fn new(settings: LinkSettings, decider: BoxedDecider) -> Self {
        let turns = settings.max_concurrent.map(|most| Arc::new(Turns::of(most)));
        // Half of its turns at most: who is late must not keep everybody else from being asked about.
        let late = settings.max_concurrent.map_or(LATE, |most| most / 2);
        Self { settings, decider, said: Arc::default(), turns, late: Arc::new(Semaphore::new(late)) }
    }

    /// A turn at it, where it takes only so many.
    pub(super) async fn turn(&self, app: &Arc<str>, budget: Budget) -> Result<Option<Turn>, NoTurn> {
        match &self.turns {
            Some(turns) => turns.take(app, budget).await.map(Some),
            None => Ok(None),
        }
    }

    /// Its verdict as it can be sent: without what cannot be changed in this event, and with the `configured` code where a
    /// rejection leaves its own open.
    pub(super) fn permitted(
        &self,
        mut verdict: Verdict,
        event: &Event,
        configured: impl FnOnce() -> RejectCode,
    ) -> Verdict {
        let changeable = event.kind().is_changeable();
        let may_stay = |part: &str| changeable && PARTS.contains(&part);
        match &mut verdict {
            Verdict::Allow { modify, .. } if !modify.keys().all(|part| may_stay(part)) => {
                modify.retain(|part, _| may_stay(part));
                self.said.say(|unsaid| {
                    tracing::warn!(
                        decider.name = %self.settings.name, event.id = %event.id(), event.kind = %event.kind(), unsaid,
                        "only `body`, `attach` and `ext` of a message can be changed; the rest is dropped"
                    );
                });
            }
            Verdict::Reject { code, .. } if *code == RejectCode::CONFIGURED => *code = configured(),
            _ => {}
        }
        verdict
    }

    /// What is left of its opinion after it overran its share, where it is to be heard out; `code` is for a rejection
    /// without one.
    pub(super) fn late(&self, opinion: Running, code: RejectCode, metrics: &Arc<Metrics>) -> Option<Late> {
        let until = Instant::now() + self.settings.late?;
        let place = Arc::clone(&self.late).try_acquire_owned().ok()?;
        Some(Late { link: self.clone(), opinion, code, until, _place: place, metrics: Arc::clone(metrics) })
    }
}

/// The parts of a message that an allow may replace.
const PARTS: [&str; 3] = ["body", "attach", "ext"];

impl LinkSettings {
    /// A decider called `name` that is asked about everything and may take all the time there is.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let (kinds, apps) = (Vec::new(), Vec::new());
        let (timeout, max_concurrent, late, on_error) = (None, None, None, OnError::default());
        Self { name: name.into(), kinds, apps, timeout, on_error, max_concurrent, late, shadow: false }
    }

    /// Whether the decider is asked about `event`.
    pub fn wants(&self, event: &Event) -> bool {
        let kind = event.kind().name();
        (self.kinds.is_empty() || self.kinds.iter().any(|pattern| pattern.matches(kind)))
            && (self.apps.is_empty() || self.apps.iter().any(|app| app == event.app_key()))
    }
}
