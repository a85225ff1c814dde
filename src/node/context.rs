//! What all parts of a node share: one owner, made over an opened store. A clone shares everything.

use std::sync::Arc;

use super::cluster_clock::ClusterClock;
use super::counters::Counters;
use super::intake::{Intake, IntakeLimits};
use super::marker::Marker;
use super::status::Status;
use super::waiters::Waiters;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::watch::Hub;

/// See the module.
#[derive(Clone)]
pub(crate) struct NodeContext {
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
    pub(crate) fn new(
        clock: Clock,
        store: storage::Store,
        marker: &Marker,
        watchers_max: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let hub = Arc::new(Hub::new(
            clock.clone(),
            store.clone(),
            watchers_max,
            metrics.clone(),
        ));
        let status = Arc::new(Status::new(clock.clone()));
        let round_trips = metrics.peers.round_trip_seconds.clone();
        status.traffic().count_round_trips(round_trips);
        let watches = hub.clone();
        status.when_halted(move |reason| watches.mute(reason));
        Self {
            store,
            hub,
            intake: Arc::new(Intake::new(IntakeLimits::default(), clock.clone())),
            waiters: Arc::default(),
            status,
            counters: Arc::default(),
            clock: match &marker.own {
                None => ClusterClock::resume(clock, &marker.stamp),
                Some(own) => ClusterClock::resume_among(clock, &marker.stamp, own),
            },
            metrics,
        }
    }
}
