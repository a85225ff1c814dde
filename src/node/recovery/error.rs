//! Why a node cannot start from its data, and whether the data is at fault.

use std::path::PathBuf;

use crate::node::apply::error::ApplyError;
use crate::node::data_dir::DataDirError;
use crate::node::judgement::refusal::StartRefusal;
use crate::node::marker::MarkerError;
use crate::raft::entry::UnknownEntry;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The judgement: nothing was changed.
    #[error(transparent)]
    Refused(#[from] Box<StartRefusal>),
    /// A file of the directory cannot be looked at, or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log.
    #[error(transparent)]
    Log(#[from] wal::Error),
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// An entry that is committed does not apply.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An entry that this version does not know.
    #[error("{0}: start the version that wrote it")]
    Unknown(#[from] UnknownEntry),
    /// The store's marker.
    #[error(
        "{0}: put back a copy of the whole data directory that was made while the node was stopped"
    )]
    Marker(#[from] MarkerError),
    /// The store of a member of several does not name the others.
    #[error(
        "the store {store} does not say who the members of cluster {:x} are, and member {:x} was not founded alone: on its \
         own it would confirm writes that the others never see. Nothing was changed. Put back a copy of the whole data \
         directory that was made while the node was stopped; or remove this member from its cluster, and add it again with a \
         new, empty --data-dir",
        identity.cluster, identity.member
    )]
    MembersUnknown {
        /// The store.
        store: PathBuf,
        /// Whose data it is.
        identity: wal::Identity,
    },
    /// Neither file says whose data it is.
    #[error(
        "nothing in {directory} says whose data it is: put back a copy of the whole directory that was made while the node \
         was stopped, or start with a new, empty --data-dir"
    )]
    Nobody {
        /// The data directory.
        directory: PathBuf,
    },
}

/// A failure with a file of the data directory.
pub(in crate::node) fn io(
    operation: &'static str,
    path: PathBuf,
) -> impl FnOnce(std::io::Error) -> RecoveryError {
    move |source| {
        RecoveryError::DataDir(DataDirError::Io {
            operation,
            path,
            source,
        })
    }
}

impl From<StartRefusal> for RecoveryError {
    fn from(refusal: StartRefusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl RecoveryError {
    /// The damage of the store that it met, if that is what it is.
    pub fn damage(&self) -> Option<storage::Damage> {
        match self {
            Self::Storage(error) => error.damage(),
            Self::Apply(error) => error.damage(),
            _ => None,
        }
    }

    /// Whether the data is at fault, not the machine: then starting again does not help.
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::Log(wal::Error::Io { source, .. })
            | Self::Storage(storage::Error::Io { source, .. })
            | Self::DataDir(DataDirError::Io { source, .. }) => is_misplaced(source),
            Self::Log(error) => !matches!(
                error,
                wal::Error::NoSpace { .. }
                    | wal::Error::ReadOnly { .. }
                    | wal::Error::Poisoned { .. }
                    | wal::Error::TooManySegments { .. }
            ),
            Self::Storage(error) | Self::Apply(ApplyError::Storage(error)) => !matches!(
                error,
                storage::Error::Io { .. }
                    | storage::Error::RocksDb { .. }
                    | storage::Error::Background { .. }
                    | storage::Error::InUse { .. }
                    | storage::Error::Reopening { .. }
                    | storage::Error::Held { .. }
            ),
            Self::DataDir(error) => error.is_about_data(),
            Self::Refused(_)
            | Self::Apply(_)
            | Self::Unknown(_)
            | Self::Marker(_)
            | Self::MembersUnknown { .. }
            | Self::Nobody { .. } => true,
        }
    }
}

/// A file where a directory belongs, or the other way round: no crash leaves that.
fn is_misplaced(source: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory};
    matches!(source.kind(), IsADirectory | NotADirectory)
}
