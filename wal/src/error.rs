//! What can go wrong. Guarantees that each error names its place and says what an operator can do.

use std::io;
use std::path::PathBuf;

use crate::damage::LogDamage;
use crate::entry::Identity;

/// An error of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed, a sync excepted. The log may be tried again.
    #[error("{operation} {path}: {source}; check the disk, then try again", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, a verb.
        operation: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The disk or a quota is full. Nothing of the group counts and it stays buffered: calling
    /// [`sync`](crate::Wal::sync) again retries the write.
    #[error("{operation} {path}: no space left ({source}); free space on this file system, writes then resume", path = path.display())]
    NoSpace {
        /// The file that could not grow or be written.
        path: PathBuf,
        /// What was tried, a verb.
        operation: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The file system became read-only. As [`Error::NoSpace`]: nothing of the group counts, it stays
    /// buffered, and calling [`sync`](crate::Wal::sync) again retries the write.
    #[error("{operation} {path}: the file system is read-only ({source}); remount it read-write: writes then resume, and a node that ended can be started again", path = path.display())]
    ReadOnly {
        /// The file that could not be written.
        path: PathBuf,
        /// What was tried, a verb.
        operation: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// A sync failed, now or earlier. What it covered may be lost, and no later sync can tell: the
    /// process has to end, and the log has to be opened again.
    #[error("a sync of {path} failed ({reason}): the log takes no more writes; restart this member, it will trust only what it syncs again", path = path.display())]
    Poisoned {
        /// The file or directory whose sync failed.
        path: PathBuf,
        /// What the system answered to the failed sync.
        reason: String,
    },
    /// The log lost records that were durable. Nothing on disk was changed.
    #[error("{0}")]
    Damaged(Box<LogDamage>),
    /// The log belongs to another cluster or member.
    #[error("{path} belongs to cluster {:x} member {:x}, not to cluster {:x} member {:x}; point the data directory at this member's own files",
        found.cluster, found.member, expected.cluster, expected.member, path = path.display())]
    Foreign {
        /// The segment file.
        path: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Whose it should be.
        expected: Identity,
    },
    /// A later release wrote this log.
    #[error("{path} has log format {found}, this program knows up to {known}; use the newer program", path = path.display())]
    NewerVersion {
        /// The segment file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The directory holds no segment: a new member creates its log, an old one lost it.
    #[error("no log in {path}; create one for a new member, or restore the missing files", path = path.display())]
    NoLog {
        /// The directory.
        path: PathBuf,
    },
    /// [`create`](crate::Wal::create) found a log.
    #[error("{path} already holds a log; open it instead", path = path.display())]
    AlreadyExists {
        /// The directory.
        path: PathBuf,
    },
    /// The entry was released.
    #[error(
        "entry {index} was released, the log starts at {first}; take it from the store or a snapshot"
    )]
    Compacted {
        /// The index asked for.
        index: u64,
        /// First index still in the log.
        first: u64,
    },
    /// The entry is not (yet) in the log.
    #[error("entry {index} is past the end of the log at {last}")]
    Unavailable {
        /// The index asked for.
        index: u64,
        /// Last index in the log.
        last: u64,
    },
    /// Entries given to [`append`](crate::Wal::append) leave a gap or do not follow one another.
    #[error("entry {index} cannot follow entry {previous}: indexes must have no gap")]
    OutOfOrder {
        /// The entry refused.
        index: u64,
        /// The entry before it.
        previous: u64,
    },
    /// A payload over the limit.
    #[error("the payload of entry {index} has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The entry refused.
        index: u64,
        /// Its payload length.
        bytes: usize,
        /// [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX).
        limit: usize,
    },
    /// The log has as many segments as it may have. As [`Error::NoSpace`]: the group stays buffered, and
    /// after a [`release`](crate::Wal::release) the next call writes it. Opening is never refused so.
    #[error(
        "the log has {segments} segments, the limit; let the store flush so that old ones are released, writes then resume"
    )]
    TooManySegments {
        /// Segments in the log.
        segments: usize,
    },
    /// A witness that cannot be decoded.
    #[error(
        "the log witness kept by the store is unreadable ({reason}); open the log without it, or restore the store"
    )]
    BadWitness {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl From<LogDamage> for Error {
    fn from(damage: LogDamage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

impl Error {
    /// Whether the log only refuses for now: full disk or quota, read-only file system, too many
    /// segments. The group that was refused stays buffered, reads go on, and the next call after the
    /// cause is gone goes on where this one stopped.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NoSpace { .. } | Self::ReadOnly { .. } | Self::TooManySegments { .. }
        )
    }
}

/// Turns a system error into ours, with the place. What is temporary is told apart here and nowhere else.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, operation: &'static str, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|source| {
            let path = path.to_path_buf();
            if crate::fs::is_no_space(&source) {
                return Error::NoSpace {
                    path,
                    operation,
                    source,
                };
            }
            if source.kind() == io::ErrorKind::ReadOnlyFilesystem {
                return Error::ReadOnly {
                    path,
                    operation,
                    source,
                };
            }
            Error::Io {
                path,
                operation,
                source,
            }
        })
    }
}
