//! Every way to fail, with its place, in words that say what to do next.

use std::io;
use std::path::{Path, PathBuf};

use crate::section::Section;

/// Why a file could not be written, read, published or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {operation} {path}: {source}{}", advice(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried: the verb of the sentence.
        operation: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk is full. What was published before is untouched.
    #[error("no space left to {operation} {path}: free some and start again")]
    NoSpace {
        /// The file or directory.
        path: PathBuf,
        /// What was tried: the verb of the sentence.
        operation: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Another kind of file.
    #[error("{path} is not a snapshot file: it does not begin with the magic number")]
    NotASnapshot {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later release.
    #[error("{path} has format version {found}, this release knows {known}: use a later release")]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u16,
        /// The newest version that can be read.
        known: u16,
    },
    /// A required section that this release cannot interpret.
    #[error(
        "{path} holds the required section {id} at offset {offset}, which this release does not know: use a later release"
    )]
    UnknownSection {
        /// The file.
        path: PathBuf,
        /// Where its first block begins.
        offset: u64,
        /// The number of the section.
        id: u16,
    },
    /// The file ends before its trailer.
    #[error(
        "{path} ends at offset {found} inside the part that begins at {offset}: the copy is incomplete, take it again"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the unfinished part begins.
        offset: u64,
        /// Where the file ends.
        found: u64,
    },
    /// Bytes that were not written this way.
    #[error("{path} is damaged at offset {offset} (block {block}): {reason}; use another copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged part begins; everything before it is proven.
        offset: u64,
        /// The number of blocks before it.
        block: u64,
        /// What does not hold.
        reason: &'static str,
    },
    /// A key or value above the limits of the format.
    #[error("a {what} of {len} bytes does not fit into a snapshot file: the limit is {limit}")]
    TooLarge {
        /// "key" or "value".
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// A pair was written before any section was begun.
    #[error("{path}: a pair was written before a section was begun")]
    NoSection {
        /// The file.
        path: PathBuf,
    },
    /// A section was begun a second time.
    #[error("{path}: the section {section} was begun twice")]
    SectionTwice {
        /// The file.
        path: PathBuf,
        /// The section.
        section: Section,
    },
    /// An earlier call on the same writer, draft or reader failed, and what it left cannot be
    /// trusted.
    #[error("{path}: an earlier call failed, start again")]
    Failed {
        /// The file.
        path: PathBuf,
    },
    /// A transfer was closed before its trailer arrived.
    #[error(
        "{path}: the transfer stopped at offset {offset}, before the end: continue it from there"
    )]
    Incomplete {
        /// The file being received.
        path: PathBuf,
        /// The bytes received and proven.
        offset: u64,
    },
}

/// Whether something else stands where a file or a directory is to be.
pub(crate) fn is_in_the_way(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(
        error.kind(),
        AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory
    )
}

fn advice(error: &io::Error) -> &'static str {
    match is_in_the_way(error) {
        true => "; something else is in the way: move it away",
        false => "",
    }
}

impl Error {
    /// The error of one system call; a full disk is told apart, because it passes.
    pub(crate) fn io(path: &Path, operation: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        if wal::fs::is_no_space(&source) {
            return Self::NoSpace {
                path,
                operation,
                source,
            };
        }
        Self::Io {
            path,
            operation,
            source,
        }
    }
}
