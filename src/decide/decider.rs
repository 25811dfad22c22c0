//! What decides: the trait to implement, and closures over typed events.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use crate::budget::Budget;
use crate::event::Event;
use crate::payload::FromEvent;
use crate::verdict::Verdict;

/// Gives an opinion on an event, inside what is left of the request's budget.
///
/// Deciders run on threads of their own. One that is late, fails or panics costs only its own
/// opinion: the configured fallback is answered in its place, in time.
///
/// ```
/// use offhook::decide::Failure;
/// use offhook::{Budget, Decider, Event, Verdict};
///
/// struct BlockList(Vec<String>);
///
/// impl Decider for BlockList {
///     fn name(&self) -> &str {
///         "block-list"
///     }
///
///     async fn decide(&self, event: &Event, _: Budget) -> Result<Option<Verdict>, Failure> {
///         let caller = event.subject().unwrap_or_default();
///         let blocked = self.0.iter().any(|account| account == caller);
///         Ok(blocked.then(|| Verdict::reject(20020))) // of all others it has no opinion
///     }
/// }
/// ```
pub trait Decider: Send + Sync + 'static {
    /// The name shown in `verdictby`.
    fn name(&self) -> &str;

    /// The verdict, or `None` for no opinion. After `budget` nobody listens any more.
    ///
    /// # Errors
    /// Whatever kept it from an opinion; the fallback is used.
    fn decide(&self, event: &Event, budget: Budget) -> impl Future<Output = Result<Option<Verdict>, Failure>> + Send;
}

/// Why a decider has no verdict although it should.
///
/// Example: [`Decider`].
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A decider behind a pointer, so that different ones stand in one list.
///
/// ```
/// use offhook::decide::BoxedDecider;
/// use offhook::{Event, Verdict};
///
/// let deciders = vec![
///     BoxedDecider::from_fn("nobody", |_: Event| async { None::<Verdict> }),
///     BoxedDecider::from_fn("everybody", |_: Event| async { Verdict::allow() }),
/// ];
/// assert_eq!(format!("{deciders:?}"), r#"[Decider("nobody"), Decider("everybody")]"#);
/// ```
#[derive(Clone)]
pub struct BoxedDecider(Arc<dyn Erased>);

impl BoxedDecider {
    /// Wraps `decider`.
    pub fn new(decider: impl Decider) -> Self {
        Self(Arc::new(decider))
    }

    /// A decider from a closure over a typed event, e.g. `|call: CallStart| async { Verdict::allow() }`.
    pub fn from_fn<F, Fut, T>(name: impl Into<String>, decide: F) -> Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOpinion,
        T: FromEvent,
    {
        Self::new(Closure { name: name.into(), decide, takes: PhantomData })
    }

    /// Wraps a decider of our own.
    pub(super) fn own(decider: Arc<dyn Erased>) -> Self {
        Self(decider)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    /// The opinion, where it takes some microseconds and waits for nothing.
    pub(super) fn at_once(&self, event: &Event) -> AtOnce {
        self.0.at_once(event)
    }

    /// The opinion as a task that owns all it needs.
    pub(super) fn opinion(&self, event: Arc<Event>, budget: Budget) -> Thinking {
        Arc::clone(&self.0).decide(event, budget)
    }
}

impl fmt::Debug for BoxedDecider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decider").field(&self.name()).finish()
    }
}

/// What a closure may return: a verdict, perhaps none, perhaps a failure.
///
/// ```
/// use offhook::decide::IntoOpinion;
/// use offhook::Verdict;
///
/// // What a closure may answer: a verdict, perhaps one, or a failure instead.
/// assert!(Verdict::allow().into_opinion().is_ok_and(|opinion| opinion.is_some()));
/// assert!(None::<Verdict>.into_opinion().is_ok_and(|opinion| opinion.is_none()));
/// assert!(Err::<Verdict, _>("the database is gone").into_opinion().is_err());
/// ```
pub trait IntoOpinion {
    /// As a decider says it.
    ///
    /// # Errors
    /// The closure's own failure.
    fn into_opinion(self) -> Result<Option<Verdict>, Failure>;
}

impl IntoOpinion for Verdict {
    fn into_opinion(self) -> Result<Option<Verdict>, Failure> {
        Ok(Some(self))
    }
}

impl IntoOpinion for Option<Verdict> {
    fn into_opinion(self) -> Result<Option<Verdict>, Failure> {
        Ok(self)
    }
}

impl<O: IntoOpinion, E: Into<Failure>> IntoOpinion for Result<O, E> {
    fn into_opinion(self) -> Result<Option<Verdict>, Failure> {
        self.map_err(Into::into)?.into_opinion()
    }
}

/// A verdict and, where it is not the decider as a whole that is to be named, who gave it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opinion {
    pub(super) verdict: Verdict,
    pub(super) by: Option<Cow<'static, str>>,
}

/// What a decider says without being waited for.
pub(super) enum AtOnce {
    /// This, or nothing.
    Said(Option<Opinion>),
    /// It has to be asked.
    Ask,
}

/// An opinion that is being formed.
pub(super) type Thinking = Pin<Box<dyn Future<Output = Result<Option<Opinion>, Failure>> + Send>>;

/// The object-safe twin of [`Decider`]; deciders of our own implement it themselves where they can say more.
pub(super) trait Erased: Send + Sync {
    fn name(&self) -> &str;

    fn at_once(&self, _event: &Event) -> AtOnce {
        AtOnce::Ask
    }

    fn decide(self: Arc<Self>, event: Arc<Event>, budget: Budget) -> Thinking;
}

impl<D: Decider> Erased for D {
    fn name(&self) -> &str {
        Decider::name(self)
    }

    fn decide(self: Arc<Self>, event: Arc<Event>, budget: Budget) -> Thinking {
        Box::pin(async move {
            let verdict = Decider::decide(&*self, &event, budget).await?;
            Ok(verdict.map(|verdict| Opinion { verdict, by: None }))
        })
    }
}

struct Closure<F, T> {
    name: String,
    decide: F,
    takes: PhantomData<fn(T)>,
}

impl<F, Fut, T> Decider for Closure<F, T>
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoOpinion,
    T: FromEvent,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn decide(&self, event: &Event, _budget: Budget) -> Result<Option<Verdict>, Failure> {
        match T::from_event(event) {
            Some(event) => (self.decide)(event).await.into_opinion(),
            None => Ok(None),
        }
    }
}
