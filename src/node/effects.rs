//! Where the decisions of the consensus thread go: the seam behind which threads, or a simulation, stand.

use raft::eraftpb::{ConfState, Message};

use super::batch::{ApplyBatch, JudgedChange, LogBatch, Persisted};
use super::change::ChangeError;
use super::peer::WriteMessage;
use crate::raft::Fetch;

/// Where peers depend on the calling thread (`alone` is false), calls must not block.
pub(crate) trait Effects {
    /// To the log; `Some` if it is durable already.
    fn persist(&mut self, batch: LogBatch, alone: bool) -> Option<Persisted>;
    /// To the store; `Some` with the applied index if that is done already.
    fn apply(&mut self, batch: ApplyBatch, alone: bool) -> Option<u64>;
    /// To the peers.
    fn send(&mut self, messages: Vec<Message>);
    /// To one of them.
    fn send_write(&mut self, to: u64, message: WriteMessage);
    /// Followers need entries that only the disk has: they are to be read, and told through the intake.
    fn fetch(&mut self, fetches: Vec<Fetch>);
    /// A member needs the state of this one in a file: it is to be written, and told through the intake.
    fn export(&mut self);
    /// Nobody has needed that file for a while: it may go.
    fn discard_export(&mut self);
    /// What comes of a change of membership in the state that the store is in, which is that before its entry; `None` where the
    /// store cannot be read just now.
    fn judge(
        &self,
        before: &ConfState,
        entry: &wal::Entry,
    ) -> Result<Option<JudgedChange>, ChangeError>;
    /// The earliest deadline of a TTL, in cluster time; may be early, never late.
    fn next_deadline(&self) -> Option<u64>;
}
