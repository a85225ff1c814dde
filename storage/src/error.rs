//! What can go wrong below the tree. Refusals of a request are no errors: they are
//! [`crate::operation::Refusal`].

use std::path::PathBuf;
use std::time::Duration;

use crate::damage::{self, Damage};
use crate::format::column::Column;
use crate::shown_path::shown;

/// What the system says of EMFILE and, with more behind it, of ENFILE.
const NO_DESCRIPTORS: &str = "Too many open files";

/// A failure of the store. Each names the place, and what an operator can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Stored bytes cannot be read any more. Only what touches them fails; [`Error::damage`] gives
    /// the place.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// Stored bytes do not mean anything. They passed RocksDB's checksum, so they were written so,
    /// or the file was swapped. It counts as damage.
    #[error(
        "the row {key} of column family {column} is damaged: {reason}; keep this directory, and put back a copy of the \
         whole data directory that was made while the node was stopped"
    )]
    Corrupt {
        /// The column family.
        column: &'static str,
        /// The key, as a path or a revision.
        key: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// RocksDB refused or failed an operation.
    #[error("{operation} failed in the store at {}: {}; check the disk (space, permissions, kernel log) and restart", path.display(), shown(source.as_ref(), path))]
    RocksDb {
        /// What was tried.
        operation: &'static str,
        /// The directory of the store.
        path: PathBuf,
        /// What RocksDB says.
        source: rocksdb::Error,
    },
    /// A flush or compaction failed in the background, and RocksDB went on as if nothing had
    /// happened. The store takes no more writes.
    #[error("a background job failed in the store at {}: {message}; check the disk (space, permissions, kernel log) and restart", path.display())]
    Background {
        /// The directory of the store.
        path: PathBuf,
        /// What RocksDB says.
        message: String,
    },
    /// The store was opened for reading alone.
    #[error("the store at {} was opened read-only, nothing can be written; mend what is damaged and restart", path.display())]
    ReadOnly {
        /// The directory of the store.
        path: PathBuf,
    },
    /// The store is being reopened, and has not come back within the time that the caller waits.
    #[error("the store is being reopened, and is not back after {waited:?}; ask again later")]
    Reopening {
        /// How long the caller waited.
        waited: Duration,
    },
    /// Readers held the store for longer than the writer waits before it reopens it. Nothing has
    /// changed.
    #[error(
        "the store cannot be reopened: {holders} readers still hold it after {waited:?}; it goes on as it was, try again"
    )]
    Held {
        /// Leases, reads and flushes that have not ended.
        holders: usize,
        /// How long the writer waited.
        waited: Duration,
    },
    /// A reopened store has not caught up with what readers have seen.
    #[error(
        "the reopened store stands at log index {index} and revision {revision}, but readers have seen index {shown_index} and revision {shown_revision}; apply the rest of the log first"
    )]
    Behind {
        /// What is applied.
        index: u64,
        /// The newest revision.
        revision: u64,
        /// The log index that readers have seen.
        shown_index: u64,
        /// The revision that readers have seen.
        shown_revision: u64,
    },
    /// Another store was to take the place of this one, and readers have seen more than it holds. Nothing has changed.
    #[error(
        "the store at {} stands at log index {index} and revision {revision}, but readers have seen index {shown_index} and \
         revision {shown_revision}: it does not take the place of theirs; use a newer snapshot", path.display()
    )]
    Backward {
        /// The directory of the other store.
        path: PathBuf,
        /// What is applied in it.
        index: u64,
        /// Its newest revision.
        revision: u64,
        /// The log index that readers have seen.
        shown_index: u64,
        /// The revision that readers have seen.
        shown_revision: u64,
    },
    /// No column family has this name.
    #[error(
        "the store has no column family {name:?}; its families are default, nodes, versions, events and expiry"
    )]
    NoFamily {
        /// What was asked for.
        name: String,
    },
    /// Rows that make no store. What was begun is no store either.
    #[error("the copy of a store in {} does not fit together: {reason}; remove that directory and make the copy again", path.display())]
    Import {
        /// The directory of the copy.
        path: PathBuf,
        /// What does not fit.
        reason: String,
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
    /// The torn end of a MANIFEST is looked at beside the store, and there is no place for it.
    #[error(
        "the store cannot be looked at without changing it, for {} cannot be written: {source}; name a directory with some \
         free room in the environment's TMPDIR, then start again",
        path.display()
    )]
    Scratch {
        /// The directory for temporary files, or the one made in it.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Somebody else writes to it.
    #[error("the store at {} is open already: stop the process that has it", path.display())]
    InUse {
        /// The directory of the store.
        path: PathBuf,
    },
    /// The directory holds something, but no store of this program.
    #[error(
        "{} is not a store of this program ({found}); move what does not belong there to another place and leave the files of a \
         store where they are, or name another, empty directory",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The directory was written by a newer release.
    #[error("the store at {} has format {found}, and this release reads up to {known}; start the newer release again", path.display())]
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
        "revision {revision} lies below the history kept, whose oldest event is {oldest_event}; read the current state and go on from there"
    )]
    Compacted {
        /// The oldest event that can be read.
        oldest_event: u64,
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
    pub(crate) fn row(column: &'static str, key: &[u8], reason: &'static str) -> Self {
        let key = match Column::named(column) {
            Some(column) => damage::readable(column, key),
            None => key.escape_ascii().to_string(),
        };
        Self::Corrupt {
            column,
            key,
            reason,
        }
    }

    /// Where and what, without what to do about it: for who knows better.
    pub fn place(&self) -> String {
        match self {
            Self::RocksDb {
                operation,
                path,
                source,
            } => format!(
                "{operation} failed in the store at {}: {}",
                path.display(),
                shown(source.as_ref(), path)
            ),
            Self::Background { path, message } => format!(
                "a background job failed in the store at {}: {message}",
                path.display()
            ),
            other => other.to_string(),
        }
    }

    /// Whether the system refuses for a reason that may pass: the disk is full, over a quota, or
    /// read-only, or no descriptor is left. After a reopening the same may succeed.
    pub fn may_pass(&self) -> bool {
        let text = match self {
            Self::RocksDb { source, .. } => source.as_ref(),
            Self::Background { message, .. } => message.as_str(),
            Self::Io { source, .. } => {
                use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
                return self.wants_descriptors()
                    || matches!(
                        source.kind(),
                        StorageFull | QuotaExceeded | ReadOnlyFilesystem
                    );
            }
            _ => return false,
        };
        [
            "No space left on device",
            "Disk quota exceeded",
            "Read-only file system",
            // What it says of compactions once one has met a full disk.
            "Compaction too large",
            NO_DESCRIPTORS,
        ]
        .iter()
        .any(|words| text.contains(words))
    }

    /// Whether the process or the system has no file descriptor left.
    pub fn wants_descriptors(&self) -> bool {
        match self {
            Self::RocksDb { source, .. } => source.as_ref().contains(NO_DESCRIPTORS),
            Self::Background { message, .. } => message.contains(NO_DESCRIPTORS),
            Self::Io { source, .. } => source.to_string().contains(NO_DESCRIPTORS),
            _ => false,
        }
    }

    /// The damage that was met, if that is what this error says. Anything else (no space, a failed
    /// call) may go away; damage does not.
    pub fn damage(&self) -> Option<Damage> {
        match self {
            Self::Damaged(damage) => Some(Damage::clone(damage)),
            Self::Corrupt {
                column,
                key,
                reason,
            } => Some(Damage {
                file: None,
                column,
                level: None,
                range: Some((key.clone(), key.clone())),
                detail: (*reason).to_owned(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EMFILE and ENFILE.
    #[test]
    fn a_want_of_descriptors_may_pass_wherever_it_shows() {
        for errno in [24, 23] {
            let source = std::io::Error::from_raw_os_error(errno);
            let message = format!("IO error: While open a file for appending: x.sst: {source}");
            let path = PathBuf::from("/data/store");
            for error in [
                Error::Background {
                    path: path.clone(),
                    message,
                },
                Error::Io {
                    operation: "list",
                    path,
                    source,
                },
            ] {
                assert!(error.may_pass() && error.wants_descriptors(), "{error}");
            }
        }
        let error = Error::Io {
            operation: "list",
            path: PathBuf::new(),
            source: std::io::Error::from_raw_os_error(5),
        };
        assert!(!error.may_pass() && !error.wants_descriptors(), "{error}");
    }
}
