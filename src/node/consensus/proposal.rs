//! Writes become proposals: stamped with request id and cluster time, and proposed as one message.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::metrics::Metrics;
use crate::node::cluster_clock::ClusterClock;
use crate::node::intake::Submission;
use crate::node::outcome::Failure;
use crate::node::status::Status;
use crate::node::waiters::Waiters;
use crate::raft::{LogRead, RaftCore};

/// Bytes of commands proposed as one message, a larger one excepted.
const MESSAGE_BYTES: usize = 16 << 20;

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
        if core.proposal_room().is_some()
            && let Some(failure) = self.status.refuses_writes()
        {
            // Whether there is room or not: nobody waits for what will not come.
            self.refuse(&failure);
            return;
        }
        let mut first = true;
        // Never handed to a leader: they go out when one appears, or their clients give up.
        while self.can_go(core) {
            if std::mem::take(&mut first) {
                self.observe_wait();
            }
            let count = core.proposal_room().map_or(0, |room| self.that_fit(room));
            self.propose_first(core, count);
        }
    }

    /// Once for all that go out at a time: the longest wait among them.
    fn observe_wait(&self) {
        if let Some(oldest) = self.parked.front() {
            let waited = self.clock.machine().elapsed(oldest.queued);
            self.metrics.queue_seconds.observe(waited.as_secs_f64());
        }
    }

    /// One message.
    fn propose_first<R: LogRead>(&mut self, core: &mut RaftCore<R>, count: usize) {
        let mut stamp = self.clock.stamp(0);
        let mut data = Vec::with_capacity(count);
        let mut replies = Vec::with_capacity(count);
        for submission in self.parked.drain(..count) {
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

    /// How many of those that wait go into one message. The crate drops a message that is too large as a whole; what does
    /// not fit stays, and goes when something is committed.
    fn that_fit(&self, room: usize) -> usize {
        let mut bytes = 0usize;
        let fits = |submission: &&Submission| {
            bytes = bytes.saturating_add(submission.proposal.len());
            bytes <= room.min(MESSAGE_BYTES)
        };
        let count = self.parked.iter().take_while(fits).count();
        let one = usize::from(room == usize::MAX && !self.parked.is_empty());
        count.max(one)
    }

    /// Whether some that wait would be taken now.
    pub(super) fn can_go<R: LogRead>(&self, core: &RaftCore<R>) -> bool {
        let room = core.proposal_room();
        room.is_some_and(|room| self.that_fit(room) > 0)
    }

    /// Whether some wait for a leader, or for room.
    pub(super) fn are_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Refuses all that wait.
    pub(super) fn refuse(&mut self, failure: &Failure) {
        for submission in self.parked.drain(..) {
            let _ = submission.reply.send(Err(failure.clone()));
        }
    }
}
