//! What all parts of a node share: one owner, made over an opened store. A clone shares everything.

use std::sync::Arc;

use super::Waiters;
use super::clock::{ClusterClock, SystemClock};
use super::counters::Counters;
use super::intake::{Bounds, Intake};
use super::marker::Marker;
use super::status::Status;
use crate::metrics::Metrics;
use crate::watch::Hub;

/// See the module.
#[derive(Clone)]
pub struct NodeContext {
    /// The store's reading half.
    pub store: storage::Store,
    /// Watches.
    pub hub: Arc<Hub>,
    /// The way into the log: requests and completions.
    pub intake: Arc<Intake>,
    /// Who waits for an answer.
    pub waiters: Arc<Waiters>,
    /// What the threads tell the rest of the process.
    pub status: Arc<Status>,
    /// `/v2/stats/store`.
    pub counters: Arc<Counters>,
    /// Cluster time.
    pub clock: ClusterClock,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

impl NodeContext {
    /// Cluster time goes on from the last command that `marker` knows; watches end where nothing is applied any more.
    pub fn new(
        store: storage::Store,
        marker: &Marker,
        watchers_max: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let hub = Arc::new(Hub::new(store.clone(), watchers_max, metrics.clone()));
        let status = Arc::<Status>::default();
        let watches = hub.clone();
        status.when_halted(move |reason| watches.mute(reason));
        Self {
            store,
            hub,
            intake: Arc::new(Intake::new(Bounds::default())),
            waiters: Arc::default(),
            status,
            counters: Arc::default(),
            clock: ClusterClock::resume(Arc::new(SystemClock::new()), &marker.stamp),
            metrics,
        }
    }
}
