//! Why a snapshot could not be written or installed.

use std::path::PathBuf;

use crate::node::marker::MarkerError;
use crate::node::peer::SnapshotFault;

/// See the module. Nothing of the node has changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The file.
    #[error(transparent)]
    File(#[from] snapshot::Error),
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The marker of the member that wrote the file, or of this one.
    #[error("{0}: make the snapshot again")]
    Marker(#[from] MarkerError),
    /// The disk is too full to begin.
    #[error(
        "{} has {free} bytes left, and a snapshot needs {needed}: free some space; it is tried again",
        directory.display()
    )]
    NoRoom {
        /// Where.
        directory: PathBuf,
        /// What is free.
        free: u64,
        /// What is needed: the state, at a receiver the file of it too, and the reserve.
        needed: u64,
    },
    /// The store has to be reopened, which waits for this.
    #[error("the store is reopened, and the snapshot of it is given up: it is tried again")]
    Recalled,
    /// Whoever sends it does not lead.
    #[error(
        "a snapshot of member {from:x}, and as far as this one knows {} leads",
        match leader {
            0 => "nobody".to_owned(),
            leader => format!("member {leader:x}"),
        }
    )]
    NotOfLeader {
        /// Who sends it.
        from: u64,
        /// Who leads.
        leader: u64,
    },
    /// Another one comes in.
    #[error("another snapshot comes in: it is tried again")]
    Busy,
    /// Consensus did not take it.
    #[error(
        "the snapshot is not of the present leader, or not what was said of it: it is tried again"
    )]
    Refused,
    /// The node ends.
    #[error("the node is stopping: it is tried again")]
    Stopped,
    /// A file of another cluster.
    #[error(
        "{} is of cluster {found:x}, and this member belongs to cluster {own:x}: remove the file",
        file.display()
    )]
    Stranger {
        /// The file.
        file: PathBuf,
        /// Its cluster.
        found: u64,
        /// That of this member.
        own: u64,
    },
    /// A file whose parts do not belong together.
    #[error("{} is not the state that its head names: {reason}; remove it, and fetch it again", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        reason: &'static str,
    },
    /// The data directory.
    #[error("cannot {operation} {}: {source}; look at the disk and its rights, then start again", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl SnapshotError {
    /// For the member at the other end, which cannot look at this disk.
    pub(crate) fn fault(&self) -> SnapshotFault {
        use snapshot::Error::{Io, NoSpace};
        let of_file = match self {
            Self::File(error) => !matches!(error, Io { .. } | NoSpace { .. }),
            Self::Marker(_) | Self::Stranger { .. } | Self::Unfit { .. } => true,
            _ => false,
        };
        SnapshotFault {
            text: self.to_string(),
            of_file,
        }
    }
}
