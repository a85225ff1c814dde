//! Why a data directory cannot be used, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refuses.
    #[error("{operation} {path}: {source}{}", advice(source))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data directory {path} is in use by process {holder}: stop that process, or give this one another --data-dir"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What the lock file says.
        holder: String,
    },
    /// A file where a directory belongs, or the other way round.
    #[error(
        "{path} is {found}, but in a data directory it is {expected}. Nothing was changed. {advice}"
    )]
    Misplaced {
        /// The entry.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// It is no directory.
    #[error(
        "the data directory {path} is {found}. Nothing was changed. Give a --data-dir that is a directory, or a path where \
         one can be made"
    )]
    Occupied {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A small file that is not small.
    #[error(
        "{path} has {bytes} bytes, more than such a file ever has. Nothing was changed. {advice}"
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// What to do.
        advice: &'static str,
    },
    /// It belongs to another program.
    #[error("the data directory {path} is not ours: {found}. {advice}")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What was found there.
        found: String,
        /// What to do.
        advice: &'static str,
    },
}

impl DataDirError {
    /// Whether the data is at fault, not the machine.
    pub fn is_about_data(&self) -> bool {
        matches!(
            self,
            Self::Foreign { .. }
                | Self::Occupied { .. }
                | Self::Misplaced { .. }
                | Self::TooLong { .. }
        )
    }
}

/// What to do about it, where that is known.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        _ if source.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
            ". The file system forbids it whatever the rights are: an immutable or append-only file ('lsattr' shows it, \
             'chattr -ia' ends it), or a system that confines this program"
        }
        io::ErrorKind::PermissionDenied => {
            ". Give the data directory, with all that is in it, to the user that runs this server ('chown -R USER DIR'), \
             and let that user read and write it ('chmod -R u+rwX DIR')"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ". Mount the file system writable, or give another --data-dir"
        }
        io::ErrorKind::StorageFull => ". Free some space, and start again",
        _ => "",
    }
}

/// An operation that the system refuses.
pub(super) fn failed(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io {
        operation,
        path,
        source,
    }
}
