//! Why entries could not be applied.

use crate::command::DecodeError;
use crate::node::marker::MarkerError;
use crate::raft::entry::UnknownEntry;

/// Why the log could not give entries again.
pub(crate) type LogSourceError = Box<dyn std::error::Error + Send + Sync>;

/// Final: the state would no longer be that of the log.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A committed entry is not a command.
    #[error("entry {index} of the log cannot be applied: {source}")]
    Decode {
        /// Which entry.
        index: u64,
        /// Why.
        source: DecodeError,
    },
    /// A committed entry is of no kind that this version knows.
    #[error("{0}: start the version that wrote it")]
    Unknown(#[from] UnknownEntry),
    /// A change of membership, and nobody said what comes of it.
    #[error(
        "entry {0} of the log changes membership and was not judged; this is a defect, report it"
    )]
    Unjudged(u64),
    /// Nothing can come of a change of membership.
    #[error("entry {index} of the log cannot be applied: {reason}")]
    Change {
        /// Which entry.
        index: u64,
        /// Why.
        reason: String,
    },
    /// The marker of a store that was opened again cannot be read.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// The store lacks entries before this one.
    #[error("entry {index} of the log cannot be applied to a store that stands at {applied}")]
    Gap {
        /// The first entry of the group.
        index: u64,
        /// Where the store stands.
        applied: u64,
    },
    /// The store had to be reopened, and the log cannot give what it lost by that.
    #[error(
        "the store was reopened, and the log cannot give what it had not flushed: {0}; restart the node"
    )]
    Log(#[source] LogSourceError),
    /// The store should be reopened, and its directory is not there any more.
    #[error("{0}")]
    Volume(String),
}

impl ApplyError {
    /// The damage of the store that it met, if that is what it is.
    pub fn damage(&self) -> Option<storage::Damage> {
        match self {
            Self::Storage(error) => error.damage(),
            Self::Decode { .. }
            | Self::Unknown(_)
            | Self::Unjudged(_)
            | Self::Change { .. }
            | Self::Marker(_)
            | Self::Gap { .. }
            | Self::Log(_)
            | Self::Volume(_) => None,
        }
    }
}
