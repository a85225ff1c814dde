//! Why a node does not start.

use crate::config::Exit;
use crate::node::data_dir::DataDirError;
use crate::node::recovery::RecoveryError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Store or log.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The settings cannot found a cluster, and the directory is empty.
    #[error("{0}")]
    Founding(Exit),
    /// Consensus refuses its state.
    #[error("consensus cannot start from this data: {0}")]
    Consensus(#[from] raft::Error),
    /// No threads.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// Whether the data is at fault, not the settings or the machine.
    pub(crate) fn is_about_data(&self) -> bool {
        match self {
            Self::DataDir(error) => error.is_about_data(),
            Self::Recovery(error) => error.is_about_data(),
            Self::Consensus(_) => true,
            Self::Founding(_) | Self::System(_) => false,
        }
    }
}
