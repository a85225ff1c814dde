//! Why the service did not do what was asked, in its own words: what a client is told is the front end's.

use std::sync::Arc;

use storage::operation::Refusal;

use crate::members::MembersError;
use crate::node::fatal::FatalError;
use crate::node::outcome::Failure;
use crate::node::refusal;
use crate::watch::Ended;

/// See the module.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ServiceError {
    /// The tree refused.
    #[error("refused: {refusal:?}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The revision it was judged at.
        revision: u64,
    },
    /// A watch asked for history that is gone.
    #[error("history before {oldest} is gone, {requested} was asked for")]
    HistoryCleared {
        /// The oldest revision that is still readable.
        oldest: u64,
        /// What was asked for.
        requested: u64,
        /// The current revision.
        revision: u64,
    },
    /// No answer from consensus in time; a write may still take effect.
    #[error("consensus did not answer in time")]
    TimedOut,
    /// As `TimedOut`, after the leader was lost meanwhile.
    #[error("consensus did not answer in time, perhaps because a leader was lost")]
    LeaderLost,
    /// The queue of proposals (or of watchers) is full.
    #[error("too many requests are waiting")]
    TooManyRequests,
    /// The node is going down.
    #[error("the node is stopping")]
    Stopped,
    /// New writes are refused for the time being; this one did not take effect.
    #[error(transparent)]
    WritesRefused(#[from] refusal::WriteRefusal),
    /// The disk or the data failed: the node refuses writes until it is restarted, or this request needs what is damaged.
    #[error("storage failed: {0}")]
    StorageFailed(#[from] StorageFault),
    /// A new member does not know yet what the others have.
    #[error("this member is still catching up")]
    CatchingUp,
    /// This member took a snapshot meanwhile; the write may have taken effect.
    #[error(
        "this member was far behind and took a snapshot: whether the write took effect is not known"
    )]
    Overtaken,
    /// A member would be stopped by this command; it did not take effect.
    #[error(
        "this needs commands of format {needs}, and member {:?} ({:x}) applies those up to {}: update that member first",
        .member.name, .member.id, .member.applies
    )]
    UnknownToMember {
        /// The one that knows the least.
        member: LeastMember,
        /// What the command needs.
        needs: u8,
    },
    /// Value or key over the limit.
    #[error("the value or the key is too large")]
    TooLarge,
}

/// The member that knows the least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeastMember {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The highest format of commands that it applies.
    pub applies: u8,
}

/// What failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StorageFault {
    /// The node, for good: what it says of that.
    #[error(transparent)]
    Node(#[from] FatalError),
    /// A read of the store.
    #[error(transparent)]
    Store(Arc<storage::Error>),
    /// The rows of the members.
    #[error(transparent)]
    Members(Arc<MembersError>),
    /// A watch, or the history that it needs.
    #[error(transparent)]
    Watch(#[from] Ended),
    /// A listing that may not go on.
    #[error("the store has to be reopened while it is listed: ask again")]
    Reopening,
    /// The store's answer to a write: a defect.
    #[error("a write has no outcome of its kind")]
    NoOutcome,
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Overloaded => Self::TooManyRequests,
            Failure::Stopped => Self::Stopped,
            Failure::Overtaken => Self::Overtaken,
            Failure::Refused(refusal) => Self::WritesRefused(refusal),
            Failure::Storage(reason) => StorageFault::Node(reason).into(),
        }
    }
}

impl From<storage::Error> for ServiceError {
    fn from(error: storage::Error) -> Self {
        StorageFault::Store(Arc::new(error)).into()
    }
}

impl From<MembersError> for ServiceError {
    fn from(error: MembersError) -> Self {
        StorageFault::Members(Arc::new(error)).into()
    }
}
