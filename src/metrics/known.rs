//! A family of metrics that every request asks: what was found once is found again at little cost.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;
use prometheus_client::metrics::family::Family;

/// A family, and what was asked of it. Nothing is ever taken out of it.
///
/// Example: [`Metrics`](super::Metrics).
pub struct Known<S, M> {
    family: Family<S, M>,
    known: RwLock<HashMap<S, M, RandomState>>,
}

impl<S: Clone + Eq + Hash, M: Clone + Default> Known<S, M> {
    /// The metric with these labels, made where there is none yet.
    pub fn get_or_create_owned(&self, labels: &S) -> M {
        if let Some(metric) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(labels) {
            return metric.clone();
        }
        let metric = self.family.get_or_create_owned(labels);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(labels.clone(), metric.clone());
        metric
    }

    /// What the registry shows.
    pub(super) fn family(&self) -> Family<S, M> {
        self.family.clone()
    }
}

impl<S: Clone + Eq + Hash, M: Default> Default for Known<S, M> {
    fn default() -> Self {
        Self { family: Family::default(), known: RwLock::default() }
    }
}
