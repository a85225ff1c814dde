//! How a write ends: applied, or not, with the reason.

use storage::operation::Outcome;
use tokio::sync::oneshot;

use super::fatal::FatalError;
use super::refusal::WriteRefusal;
use crate::members::ChangeRefusal;

/// What became of a write: it is durable and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedWrite {
    /// One for each operation of the command.
    pub outcomes: Vec<Outcome>,
    /// Its place in the log.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Why it changed nothing, where it was a change of membership that did not hold.
    pub refused: Option<ChangeRefusal>,
}

/// Where the end of a write goes; closed when the client gave up.
pub(crate) type WriteReply = oneshot::Sender<Result<AppliedWrite, Failure>>;

/// The other end of a [`WriteReply`].
pub(crate) type PendingWrite = oneshot::Receiver<Result<AppliedWrite, Failure>>;

/// A read that waits until it may be served.
pub(super) type ReadWaiter = oneshot::Sender<Result<(), Failure>>;

/// The other end of a [`ReadWaiter`].
pub(crate) type AwaitedRead = oneshot::Receiver<Result<(), Failure>>;

/// Why a request got no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A queue is full; nothing was proposed.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The node stops; a write that was proposed may still take effect.
    #[error("the node is stopping")]
    Stopped,
    /// Writes are refused for the time being; nothing was proposed.
    #[error(transparent)]
    Refused(#[from] WriteRefusal),
    /// This member took the state of another, and nobody can tell whether the write is in it.
    #[error(
        "this member was far behind and took a snapshot: whether the write took effect is not known"
    )]
    Overtaken,
    /// The disk or the data failed; a write that was proposed may still take effect.
    #[error("storage failed: {0}")]
    Storage(#[source] FatalError),
}
