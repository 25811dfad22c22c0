//! Handlers from closures over typed events.

use std::future::Future;
use std::marker::PhantomData;

use super::{Handler, Outcome};
use crate::event::Event;
use crate::payload::FromEvent;

/// A handler from a closure over an event, its payload, or the content of some kinds; other events are done at once.
///
/// ```
/// use offhook::deliver::{self, Handler, Outcome};
/// use offhook::{Event, yunxin::CallStart};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let ring = deliver::from_fn("ring", |call: CallStart| async move {
///     if call.callees().is_empty() { Outcome::give_up("nobody to ring") } else { Outcome::Done }
/// });
/// let call = Event::from_json(r#"{"eventType":20,"toAccountList":[]}"#)?;
/// assert_eq!(ring.deliver(&call).await, Outcome::give_up("nobody to ring"));
/// let room = Event::from_json(r#"{"eventType":21}"#)?;
/// assert_eq!(ring.deliver(&room).await, Outcome::Done);
/// # Ok::<(), offhook::Refusal>(())
/// # }).expect("nothing here waits").expect("both are events");
/// ```
pub fn from_fn<F, Fut, T>(name: impl Into<String>, deliver: F) -> impl Handler
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
    T: FromEvent,
{
    Closure { name: name.into(), deliver, takes: PhantomData }
}

struct Closure<F, T> {
    name: String,
    deliver: F,
    takes: PhantomData<fn(T)>,
}

impl<F, Fut, T> Handler for Closure<F, T>
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
    T: FromEvent,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        match T::from_event(event) {
            Some(taken) => (self.deliver)(taken).await,
            None => Outcome::Done,
        }
    }
}
