//! Why a server does not run.

use std::error::Error;
use std::path::Path;

use crate::config::Exit;
use crate::formation::AdmissionError;
use crate::node::disk_space::DiskSpace;
use crate::node::reserve;
use crate::node::start::StartError;
use crate::service::ServiceError;

use super::address_space;
use super::descriptors::TooFew;
use super::file_size::FileSizeError;

/// See the module; `exit` has the status that goes with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    /// The node could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The options make nothing of this server; nothing was changed.
    #[error("{}", .0.stderr.trim_end())]
    Formation(Exit),
    /// A port cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// A start writes a little, and the disk has no room for that.
    #[error("{source}; the disk of {directory} has {lacks}, then start again; nothing is lost")]
    NoRoom {
        /// Where the start met it.
        source: Box<StartError>,
        /// The data directory.
        directory: String,
        /// What it lacks, and what to do.
        lacks: String,
    },
    /// A new member that is none, or an old one without its disk.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The first writes of a new node failed.
    #[error("the cluster could not be founded: {0}")]
    Found(#[source] ServiceError),
    /// Addresses.
    #[error(transparent)]
    AddressSpace(#[from] address_space::TooSmall),
    /// Open files.
    #[error(transparent)]
    Descriptors(#[from] TooFew),
    /// Files that are too small.
    #[error(transparent)]
    FileSize(#[from] FileSizeError),
    /// The HTTP library panics at such times, on every connection.
    #[error(
        "the wall clock shows a time before 1970 or after 9999: no date can be told with it; set it right, then start again; nothing \
         was changed"
    )]
    WallClock,
    /// Threads, signals.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl ServerError {
    /// Says how much room is needed where that is what the start lacked.
    pub(super) fn of_start(error: StartError, data_dir: &Path) -> Self {
        let full = std::iter::successors(Some(&error as &dyn Error), |error| (*error).source())
            // RocksDB gives words alone.
            .any(|error| error.to_string().contains("No space left on device"));
        if !full {
            return error.into();
        }
        Self::NoRoom {
            directory: data_dir.display().to_string(),
            lacks: reserve::lacks(&DiskSpace::system(), data_dir),
            source: Box::new(error),
        }
    }
}
