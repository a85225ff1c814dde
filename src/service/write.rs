//! Writes: through the log, answered after they are durable and applied.

use storage::operation::{Content, Operation, Outcome};

use super::{Caller, Service, ServiceError, StorageFault, Write, Written};
use crate::command::{self, Proposal};
use crate::node::Reply;

impl Service {
    /// One client write. An error of the kind `TimedOut`, `LeaderLost`, `Stopped` or `StorageFailed` leaves open
    /// whether the write takes effect; all others say that it did not.
    pub async fn write(&self, _caller: &Caller, write: Write) -> Result<Written, ServiceError> {
        let value = value_bytes(&write.operation);
        if value > self.settings().max_value_bytes {
            return Err(ServiceError::TooLarge);
        }
        let reply = self.propose(&[write.operation], write.ttl).await?;
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
            Some(Outcome::Accepted | Outcome::Expired { .. }) | None => {
                Err(StorageFault::NoOutcome.into())
            }
        }
    }

    /// Proposes operations as one command and waits until it is durable and applied. Also for the server's own.
    pub async fn propose(
        &self,
        operations: &[Operation],
        ttl: Option<u64>,
    ) -> Result<Reply, ServiceError> {
        if let Some(failure) = self.node().status.refuses_writes() {
            return Err(failure.into());
        }
        let proposal = Proposal::new(operations, ttl);
        if proposal.len() > command::MAX_BYTES {
            return Err(ServiceError::TooLarge);
        }
        let answer = self.node().intake.submit(proposal)?;
        let timeout = self.settings().request_timeout;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(reply)) => Ok(reply?),
            Ok(Err(_)) => Err(ServiceError::Stopped),
            Err(_) => {
                self.node().metrics.proposals_failed.inc();
                Err(ServiceError::TimedOut)
            }
        }
    }
}

fn value_bytes(operation: &Operation) -> usize {
    match operation {
        Operation::Set {
            content: Content::File(value),
            ..
        }
        | Operation::Create {
            content: Content::File(value),
            ..
        }
        | Operation::CreateInOrder {
            content: Content::File(value),
            ..
        }
        | Operation::Update { value, .. }
        | Operation::CompareAndSwap { value, .. } => value.len(),
        _ => 0,
    }
}
