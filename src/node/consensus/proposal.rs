//! Writes become proposals: stamped with request id and cluster time, and proposed as one message.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::metrics::Metrics;
use crate::node::cluster_clock::ClusterClock;
use crate::node::intake::Submission;
use crate::node::outcome::Failure;
use crate::node::status::Status;
use crate::node::waiters::Waiters;
use crate::raft::{LogRead, RaftCore, Role};

/// Writes that no leader has taken yet.
pub(super) struct Proposals {
    parked: VecDeque<Submission>,
    next_request: u64,
    clock: ClusterClock,
    status: Arc<Status>,
    waiters: Arc<Waiters>,
    metrics: Arc<Metrics>,
}

impl Proposals {
    pub(super) fn new(
        first_request: u64,
        clock: ClusterClock,
        status: Arc<Status>,
        waiters: Arc<Waiters>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            parked: VecDeque::new(),
            next_request: first_request,
            clock,
            status,
            waiters,
            metrics,
        }
    }

    pub(super) fn propose<R: LogRead>(&mut self, core: &mut RaftCore<R>, writes: Vec<Submission>) {
        self.parked.extend(writes);
        if self.parked.is_empty() {
            return;
        }
        self.parked
            .retain(|submission| !submission.reply.is_closed());
        // Never handed to a leader: they go out when one appears, or their clients give up.
        if self.parked.is_empty() || core.soft_state().role != Role::Leader {
            return;
        }
        if let Some(failure) = self.status.refuses_writes() {
            self.refuse(&failure);
            return;
        }
        if let Some(oldest) = self.parked.front() {
            // Once for the group: the longest wait in it.
            let waited = self.clock.machine().elapsed(oldest.queued);
            self.metrics.queue_seconds.observe(waited.as_secs_f64());
        }
        let mut stamp = self.clock.stamp(0);
        let mut data = Vec::with_capacity(self.parked.len());
        let mut replies = Vec::with_capacity(self.parked.len());
        for submission in self.parked.drain(..) {
            stamp.request = self.next_request;
            self.next_request = self.next_request.wrapping_add(1);
            data.push(submission.proposal.stamp(&stamp));
            replies.push((stamp.request, submission.reply));
        }
        let ids: Vec<u64> = replies.iter().map(|(id, _)| *id).collect();
        self.waiters.add(replies);
        if let Err(error) = core.propose(data) {
            tracing::debug!("a proposal was dropped: {error}");
            self.waiters.refuse(&ids, &Failure::Overloaded);
        }
    }

    /// Refuses all that wait.
    pub(super) fn refuse(&mut self, failure: &Failure) {
        for submission in self.parked.drain(..) {
            let _ = submission.reply.send(Err(failure.clone()));
        }
    }
}
