//! Places among the requests that are being worked on, shared by the apps: a noisy one cannot keep a quiet one out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use crate::decide::Load;
use crate::metrics::Metrics;

/// All places.
pub(super) struct Places {
    most: usize,
    taken: Mutex<Taken>,
    /// Whoever asks where it is not known for which app.
    unnamed: Arc<str>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    /// Apps that hold any.
    by_app: HashMap<Arc<str>, usize, RandomState>,
}

/// One place, given up when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    app: Arc<str>,
    pub(super) load: Load,
}

impl Places {
    pub(super) fn new(most: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), unnamed: Arc::from(""), metrics })
    }

    /// A place for a proven request of `app`. Everybody gets one; it is a good one as long as there are any, and even
    /// then for an app that holds less than an equal share of them.
    pub(super) fn take(self: &Arc<Self>, app: Option<&Arc<str>>) -> Place {
        let app = app.unwrap_or(&self.unnamed);
        let load = {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let is_full = taken.total >= self.most;
            taken.total += 1;
            let own = taken.by_app.entry(Arc::clone(app)).or_default();
            let before = *own;
            *own += 1;
            let share = self.most.div_ceil(taken.by_app.len());
            if is_full && before >= share { Load::Over } else { Load::Normal }
        };
        self.metrics.in_flight.inc();
        Place { places: Arc::clone(self), app: Arc::clone(app), load }
    }
}

impl Place {
    /// The app it was taken for, where that was known.
    pub(super) fn app(&self) -> Option<&str> {
        Some(&*self.app).filter(|app| !app.is_empty())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(own) = taken.by_app.get_mut(&self.app) {
            *own -= 1;
            if *own == 0 {
                taken.by_app.remove(&self.app);
            }
        }
        self.places.metrics.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn places(most: usize) -> (Arc<Places>, [Arc<str>; 3]) {
        let places = Places::new(most, Metrics::new(Duration::from_secs(1)));
        (places, ["noisy", "quiet", "third"].map(Arc::from))
    }

    #[test]
    fn one_app_alone_may_take_them_all_and_no_more() {
        let (places, [noisy, ..]) = places(4);
        let mut held: Vec<_> = (0..6).map(|_| places.take(Some(&noisy))).collect();
        let loads: Vec<_> = held.iter().map(|place| place.load).collect();
        assert_eq!(loads, [[Load::Normal; 4].as_slice(), &[Load::Over; 2]].concat());
        held.drain(..3);
        assert_eq!(places.take(Some(&noisy)).load, Load::Normal);
        drop(held);
        assert!(places.taken.lock().expect("unbroken").by_app.is_empty());
    }

    #[test]
    fn an_app_that_holds_less_than_its_share_gets_one_however_full_it_is() {
        let (places, [noisy, quiet, third]) = places(6);
        let _noise: Vec<_> = (0..100).map(|_| places.take(Some(&noisy))).collect();
        let held: Vec<_> = (0..4).map(|_| places.take(Some(&quiet))).collect();
        assert_eq!(held.iter().filter(|place| place.load == Load::Normal).count(), 3);
        assert_eq!([places.take(Some(&third)).load, places.take(Some(&noisy)).load], [Load::Normal, Load::Over]);
    }

    #[test]
    fn without_any_places_nobody_has_a_good_one() {
        let (places, [noisy, ..]) = places(0);
        assert_eq!(places.take(Some(&noisy)).load, Load::Over);
    }
}
