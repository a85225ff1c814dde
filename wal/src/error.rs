//! What can go wrong. Guarantees that each error names its place and says what an operator can do.

use std::fmt;
use std::io;
use std::path::PathBuf;

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
    Damaged(Box<Damage>),
    /// The log belongs to another cluster or member.
    #[error("{path} belongs to cluster {:x} member {:x}, not to cluster {:x} member {:x}; point the data directory at this member's own files",
        found.cluster, found.member, expected.cluster, expected.member, path = path.display())]
    Foreign {
        /// The segment file.
        path: PathBuf,
        /// Whose it is.
        found: crate::Identity,
        /// Whose it should be.
        expected: crate::Identity,
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
    /// A file with a segment's name that is none.
    #[error("{path} is not a log segment (its first bytes are wrong); move it away if it does not belong here, else restore it", path = path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
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
    /// The log has as many segments as it may have.
    #[error(
        "the log has {segments} segments, the limit; let the store flush so that old ones are released"
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

/// Durable records that are gone, with the place and the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub file: PathBuf,
    /// Offset of the first bad byte's group.
    pub offset: u64,
    /// First index lost; may be above `last_index` when only a hard state is known to be lost.
    pub first_index: u64,
    /// Last index known to be lost.
    pub last_index: u64,
    /// Who says that the bytes were durable.
    pub proof: Proof,
    /// What is wrong there.
    pub reason: Reason,
}

/// What proves that bytes were durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A later group in the same segment.
    LaterGroup,
    /// The header of the next segment: it is written only after the segment before it is synced.
    NextSegment,
    /// The witness kept by the store.
    Witness,
    /// The order of writing: a segment gets its name only after its header is synced.
    Naming,
    /// A read of what recovery had accepted.
    EarlierRead,
}

/// What is wrong with damaged bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No valid group header where one must be.
    GroupHeader,
    /// The group runs past the end of its file or segment.
    GroupLength,
    /// A group that is valid on its own does not follow the one before it.
    Chain,
    /// A record's checksum does not match its bytes.
    RecordChecksum,
    /// A record's fields contradict its group or one another, under a valid checksum.
    RecordFields,
    /// Indexes do not follow one another.
    IndexGap,
    /// The segment header is cut, zero or fails its checksum.
    SegmentHeader,
    /// The file's name and its header disagree.
    Name,
    /// A segment between two others, or at the end, is missing.
    MissingSegment,
    /// The log does not contain the place the witness names: another copy, or an older one.
    WitnessDiffers,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GroupHeader => "no valid group header",
            Self::GroupLength => "a group runs past the end",
            Self::Chain => "a group does not follow the one before it",
            Self::RecordChecksum => "a record fails its checksum",
            Self::RecordFields => "a record contradicts its group",
            Self::IndexGap => "indexes do not follow one another",
            Self::SegmentHeader => "the segment header is unreadable",
            Self::Name => "file name and header disagree",
            Self::MissingSegment => "a segment is missing",
            Self::WitnessDiffers => "this is not the log the store last saw",
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LaterGroup => "a later group says it was synced",
            Self::NextSegment => "the next segment says it was synced",
            Self::Witness => "the store saw it synced",
            Self::Naming => "its name is given only after a sync",
            Self::EarlierRead => "it was read before",
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, offset) = (self.file.display(), self.offset);
        write!(f, "{file} is damaged at offset {offset}: {}", self.reason)?;
        write!(f, " ({}); ", self.proof)?;
        if self.last_index < self.first_index {
            write!(
                f,
                "the log after entry {} is lost",
                self.first_index.saturating_sub(1)
            )?;
        } else {
            write!(
                f,
                "entries {} to {} are lost",
                self.first_index, self.last_index
            )?;
        }
        f.write_str("; nothing was changed: restore the file, or repair this member from its peers")
    }
}

impl std::error::Error for Damage {}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

impl Error {
    /// Whether the disk is full: the log goes on as soon as there is space.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }
}

/// Turns a system error into ours, with the place. Full disks are told apart here and nowhere else.
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
            Error::Io {
                path,
                operation,
                source,
            }
        })
    }
}
