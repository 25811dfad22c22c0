//! A place for one value that somebody waits for.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::lock;

/// One value, put in once and taken out once. A plain mutex: it is held for a few instructions and nearly never contended.
#[derive(Debug)]
pub(super) struct Slot<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Empty(Option<Waker>),
    Full(T),
    Taken,
}

impl<T> Slot<T> {
    pub(super) fn empty() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Empty(None))))
    }

    pub(super) fn full(value: T) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Full(value))))
    }

    /// Puts `value` in; whoever waits must be woken by the waker this gives.
    #[must_use]
    pub(super) fn put(&self, value: T) -> Option<Waker> {
        match std::mem::replace(&mut *lock(&self.0), State::Full(value)) {
            State::Empty(waker) => waker,
            State::Full(_) | State::Taken => None,
        }
    }

    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Full(value) => Poll::Ready(value),
            State::Taken => Poll::Pending,
            State::Empty(before) => {
                let same = before.filter(|waker| waker.will_wake(context.waker()));
                *state = State::Empty(Some(same.unwrap_or_else(|| context.waker().clone())));
                Poll::Pending
            }
        }
    }
}
