//! Where expiry is proposed: the leader removes what has lapsed, one command at a time.

use std::time::Instant;

use storage::operation::Operation;
use tokio::sync::oneshot;

use crate::command::Proposal;
use crate::node::intake::Submission;
use crate::node::outcome::PendingWrite;
use crate::raft::{Role, SoftState};

/// Removals in one expiry command: a large wave is cut into slices so that it does not stall other writes.
const EXPIRY_SLICE: u32 = 1_000;
/// Bytes of values and paths that go with one expiry command, a larger node excepted: its events hold them until they
/// are published. Waves of small values end by number.
const EXPIRY_BYTES: u64 = 8 << 20;

/// The expiry under way, with the term it was proposed in.
#[derive(Debug, Default)]
pub(super) struct PendingExpiry(Option<(u64, PendingWrite)>);

impl PendingExpiry {
    pub(super) fn is_under_way(&self) -> bool {
        self.0.is_some()
    }

    /// The command that removes what lapsed up to `cutoff`, in cluster time.
    pub(super) fn begin(&mut self, soft: &SoftState, cutoff: u64, queued: Instant) -> Submission {
        let operation = Operation::Expire {
            cutoff,
            limit: EXPIRY_SLICE,
            bytes: Some(EXPIRY_BYTES),
        };
        let (reply, receiver) = oneshot::channel();
        self.0 = Some((soft.term, receiver));
        Submission {
            proposal: Proposal::of_server(&[operation]),
            reply,
            queued,
        }
    }

    /// One that was proposed in another term, or by a leader of the past, may never be answered.
    pub(super) fn forget_answered(&mut self, soft: &SoftState) {
        if let Some((term, pending)) = &mut self.0 {
            let waits = matches!(pending.try_recv(), Err(oneshot::error::TryRecvError::Empty));
            if !waits || soft.role != Role::Leader || soft.term != *term {
                self.0 = None;
            }
        }
    }
}
