//! The lobby of the deciders' threads: questions that nobody has begun with, and for how long they have waited.
//!
//! Threads that are blocked or busy are seen here, before answers are late.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Lobby(Mutex<HashMap<Arc<str>, VecDeque<Arc<Guest>>>>);

/// A question that came in.
#[derive(Debug)]
pub(super) struct Guest {
    came: Instant,
    /// When somebody began with it, or it was given up.
    left: OnceLock<Instant>,
}

/// The question in the hands of who is to begin with it. Dropped, it is given up.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Guest>);

impl Lobby {
    /// A question of `app` comes in.
    pub(super) fn enter(&self, app: &Arc<str>) -> (Arc<Guest>, Ticket) {
        let guest = Arc::new(Guest { came: Instant::now(), left: OnceLock::new() });
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(Arc::clone(app)).or_default().push_back(Arc::clone(&guest));
        (Arc::clone(&guest), Ticket(guest))
    }

    /// Since when the one of `app` is here that has waited longest.
    pub(super) fn oldest(&self, app: &Arc<str>) -> Option<Instant> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = lines.get_mut(app)?;
        while own.front().is_some_and(|guest| guest.left.get().is_some()) {
            own.pop_front();
        }
        let oldest = own.front().map(|guest| guest.came);
        if oldest.is_none() {
            lines.remove(app);
        }
        oldest
    }
}

impl Guest {
    /// Whether somebody began with it.
    pub(super) fn has_its_turn(&self) -> bool {
        self.left.get().is_some()
    }

    /// How long it has waited, or did.
    pub(super) fn waited(&self) -> Duration {
        self.left.get().map_or_else(|| self.came.elapsed(), |left| *left - self.came)
    }
}

impl Ticket {
    /// Somebody begins with the question.
    pub(super) fn begins(&self) {
        let _ = self.0.left.set(Instant::now());
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.begins();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_is_still_here_counts() {
        let (lobby, app, other) = (Lobby::default(), Arc::from("app"), Arc::from("other"));
        assert_eq!(lobby.oldest(&app), None);
        let came = Instant::now();
        let (first, ticket) = lobby.enter(&app);
        tokio::time::advance(SECOND).await;
        let (second, given_up) = lobby.enter(&app);
        assert_eq!((lobby.oldest(&app), lobby.oldest(&other)), (Some(came), None));
        ticket.begins();
        tokio::time::advance(SECOND).await;
        assert_eq!(lobby.oldest(&app), Some(came + SECOND));
        drop(given_up);
        assert_eq!(lobby.oldest(&app), None);
        tokio::time::advance(SECOND).await;
        assert_eq!([first.waited(), second.waited()], [SECOND; 2]);
        assert!(lobby.0.lock().expect("unbroken").is_empty());
    }
}
