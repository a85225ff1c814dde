//! Writes: through the log, answered after they are durable and applied: here, or, where this member's log takes long, at the leader.

use storage::operation::{Operation, Outcome};

use super::{Caller, Service, ServiceError, StorageFault, Written};
use crate::command::{self, Proposal, ServerOperation, Ttl};
use crate::node::outcome::AppliedWrite;

impl Service {
    /// One client write. An error of the kind `TimedOut`, `LeaderLost`, `Stopped` or `StorageFailed` leaves open
    /// whether the write takes effect; all others say that it did not.
    pub(crate) async fn write(
        &self,
        _caller: &Caller,
        operation: Operation<Ttl>,
    ) -> Result<Written, ServiceError> {
        self.admitted()?;
        self.takes_writes()?;
        let proposal = Proposal::new(&operation);
        // The proposal holds the value now, and the wait may be long.
        drop(operation);
        let reply = self.propose(proposal).await?;
        match reply.outcomes.into_iter().next() {
            Some(Outcome::Done(event)) => {
                let mut position = self.position(event.revision);
                position.raft_index = position.raft_index.max(reply.index);
                position.raft_term = position.raft_term.max(reply.term);
                Ok(Written { event, position })
            }
            Some(Outcome::Refused { refusal, revision }) => {
                Err(ServiceError::Refused { refusal, revision })
            }
            Some(Outcome::Accepted | Outcome::Ended | Outcome::Expired { .. }) | None => {
                Err(StorageFault::NoOutcome.into())
            }
        }
    }

    /// The server's own operations, as one command; returns when it is durable and applied here: what comes next reads the store.
    pub(crate) async fn write_own(
        &self,
        operations: &[ServerOperation],
    ) -> Result<AppliedWrite, ServiceError> {
        self.propose_own(Proposal::of_server(operations)).await
    }

    /// The same for any command of the server.
    pub(super) async fn propose_own(
        &self,
        proposal: Proposal,
    ) -> Result<AppliedWrite, ServiceError> {
        self.takes_writes()?;
        let applied = self.propose(proposal).await?;
        if self.is_behind_answers() {
            self.catch_up_with_answers().await?;
        }
        Ok(applied)
    }

    fn takes_writes(&self) -> Result<(), ServiceError> {
        match self.node().status.refuses_writes() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    /// Nothing came in time from who led `term`, or from whoever led after it.
    pub(super) fn timed_out(&self, term: u64) -> ServiceError {
        let status = &self.node().status;
        match status.leader() == 0 || status.term() != term {
            true => ServiceError::LeaderLost,
            false => ServiceError::TimedOut,
        }
    }

    /// Proposes a command and waits until it is durable on a quorum, and its outcome is known.
    async fn propose(&self, proposal: Proposal) -> Result<AppliedWrite, ServiceError> {
        if proposal.len() > command::MAX_BYTES {
            return Err(ServiceError::TooLarge);
        }
        self.is_known_to_all(&proposal)?;
        let decided = self.decided(proposal).await;
        if decided.is_err() {
            self.node().metrics.proposals_failed.inc();
        }
        decided
    }

    async fn decided(&self, proposal: Proposal) -> Result<AppliedWrite, ServiceError> {
        let term = self.node().status.term();
        let answer = self.node().intake.submit(proposal)?;
        let timeout = self.settings().request_timeout;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(reply)) => Ok(reply?),
            Ok(Err(_)) => Err(ServiceError::Stopped),
            Err(_) => Err(self.timed_out(term)),
        }
    }
}
