//! What can go wrong below the tree. Refusals of a request are no errors: they are
//! [`crate::operation::Refusal`].

use std::path::PathBuf;

/// A failure of the store. Each names the place, and what an operator can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Stored bytes do not mean anything. They passed RocksDB's checksum, so they were written so,
    /// or the file was swapped.
    #[error(
        "{place} is damaged: {reason}; stop this node, keep its directory, and restore it from a peer or from a dump"
    )]
    Corrupt {
        /// Column family and key, or the row's name.
        place: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// RocksDB refused or failed an operation.
    #[error("{operation} failed in the store at {}: {source}; check the disk (space, permissions, kernel log) and restart", path.display())]
    RocksDb {
        /// What was tried.
        operation: &'static str,
        /// The directory of the store.
        path: PathBuf,
        /// What RocksDB says.
        source: rocksdb::Error,
    },
    /// The file system refused an operation.
    #[error("cannot {operation} {}: {source}; check that the directory exists and belongs to the server's user", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The directory holds something, but no store of this program.
    #[error("{} is not a store of this program ({found}); name an empty directory, or move its content away", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The directory was written by a newer release.
    #[error("the store at {} has format {found}, and this release reads up to {known}; start the newer release again, or restore a dump that it makes", path.display())]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The format number found.
        found: u32,
        /// The newest format number that this release reads.
        known: u32,
    },
    /// The history asked for is no longer kept.
    #[error(
        "revision {revision} lies below the history kept, whose oldest event is {floor}; read the current state and go on from there"
    )]
    Compacted {
        /// The oldest event that can be read.
        floor: u64,
        /// What was asked for.
        revision: u64,
    },
    /// The revision asked for does not exist yet.
    #[error("revision {revision} does not exist yet, the newest is {newest}; ask again later")]
    Future {
        /// What was asked for.
        revision: u64,
        /// The newest revision of the view.
        newest: u64,
    },
    /// A command came at or below the index already applied.
    #[error(
        "log index {index} is not above the applied index {applied}; the log and the store do not belong together"
    )]
    OutOfOrder {
        /// The index of the command.
        index: u64,
        /// The index applied last.
        applied: u64,
    },
    /// A command or a write failed before; what the store holds in memory can no longer be trusted.
    #[error(
        "the store stopped writing after an earlier failure at log index {applied}; restart the node, the log replays what is missing"
    )]
    Aborted {
        /// The last index that was applied in full.
        applied: u64,
    },
}

impl Error {
    /// Damage in a row of a column family, named by its key.
    pub(crate) fn row(column: &str, key: &[u8], reason: &'static str) -> Self {
        let place = format!(
            "the row \"{}\" of column family {column}",
            key.escape_ascii()
        );
        Self::Corrupt { place, reason }
    }
}
