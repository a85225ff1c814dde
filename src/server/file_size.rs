//! The limit of the size of a file (`ulimit -f`): a write over it fails and is told, it does not end the process.
//!
//! The kernel's way is a signal that kills without a word. Once somebody receives it, the write fails instead, and the
//! log treats that as a full disk. Nothing has to be done with the signal itself.

use std::io;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// A segment of the log has 64 MiB, a table of the store about as much.
const LEAST: u64 = 128 << 20;

/// Why a process under this limit does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileSizeError {
    /// The limit is too low to run.
    #[error(
        "this process may write files of {} KiB, and a node needs {} KiB at least: lift the limit ('ulimit -f unlimited', \
         or LimitFSIZE=infinity in the systemd unit), then start again",
        limit >> 10,
        LEAST >> 10
    )]
    TooSmall {
        /// In bytes.
        limit: u64,
    },
    /// The signal cannot be received.
    #[error("the operating system refuses: {0}")]
    Signal(#[from] io::Error),
}

/// Takes the signal, before the first file is written, and raises the limit as far as this user may.
pub(super) fn claim() -> Result<(), FileSizeError> {
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let limit = getrlimit(Resource::Fsize);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Fsize, highest) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    match now {
        Some(limit) if limit < LEAST => Err(FileSizeError::TooSmall { limit }),
        _ => Ok(()),
    }
}
