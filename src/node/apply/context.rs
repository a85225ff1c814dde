//! What the store's worker shares with other threads, and what it tells them of a group that is committed: first the
//! events, then the replies.

use std::sync::{Arc, PoisonError};

use storage::operation::{Event, Outcome};

use crate::metrics::Metrics;
use crate::node::alone::is_alone;
use crate::node::batch::SharedWitness;
use crate::node::cluster_clock::ClusterClock;
use crate::node::counters::Counters;
use crate::node::marker::Marker;
use crate::node::outcome::AppliedWrite;
use crate::node::status::Status;
use crate::node::waiters::Waiters;
use crate::watch::Hub;

/// See the module.
#[derive(Clone)]
pub struct ApplyContext {
    /// Where events go.
    pub hub: Arc<Hub>,
    /// Who waits.
    pub waiters: Arc<Waiters>,
    /// Node facts.
    pub status: Arc<Status>,
    /// `/v2/stats/store`.
    pub counters: Arc<Counters>,
    /// Cluster time.
    pub clock: ClusterClock,
    /// Durable position of the log.
    pub witness: SharedWitness,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// A request that was applied: its id, and what came of it.
pub(super) type AppliedRequest = (u64, AppliedWrite);

impl ApplyContext {
    /// The marker is to say how far the log was durable when it was written.
    pub(super) fn renew_witness(&self, marker: &mut Marker) {
        let witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        marker.witness = Some(witness.encode().to_vec());
    }

    /// The marker is to say what the clocks here read, where the stamps may be those of another machine.
    pub(super) fn read_clocks(&self, marker: &mut Marker) {
        let alone = is_alone(&marker.conf_state, marker.member);
        marker.own = (!alone).then(|| self.clock.reading());
        marker.booted = None;
    }

    /// What follows from a group that is committed, but the answers.
    pub(super) fn announce(
        &self,
        committed: storage::Committed,
        cluster_time: u64,
        done: &[AppliedRequest],
    ) {
        self.clock.observe(cluster_time);
        self.status.set_applied(committed.index);
        let events: Vec<Arc<Event>> = done
            .iter()
            .flat_map(|(_, applied)| events(&applied.outcomes))
            .collect();
        self.hub.publish(&events, committed.revision);
    }

    /// The replies of a group that was announced.
    pub(super) fn answer(&self, done: Vec<AppliedRequest>) {
        self.waiters.remote().applied(&done);
        let requests = done.iter().map(|(request, _)| *request);
        let waiting = self.waiters.take(requests);
        for ((_, applied), waiter) in done.into_iter().zip(waiting) {
            let Some(reply) = waiter else { continue };
            // The client may have gone; the write stands.
            let _ = reply.send(Ok(applied));
        }
    }
}

fn events(outcomes: &[Outcome]) -> impl Iterator<Item = Arc<Event>> + '_ {
    outcomes
        .iter()
        .flat_map(|outcome| match outcome {
            Outcome::Done(event) => std::slice::from_ref(event),
            Outcome::Expired { events, .. } => events.as_slice(),
            Outcome::Accepted | Outcome::Ended | Outcome::Refused { .. } => &[],
        })
        .cloned()
}
