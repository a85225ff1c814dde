//! Where RocksDB works. It names files by path for as long as it is open, and a path may come to
//! lead elsewhere: the directory is exchanged, renamed, or its volume unmounted. RocksDB would then
//! write, rename and *remove* files of another directory; after a compaction that failed for this
//! very reason it removes all that it does not know.
//!
//! So the directory is held open, and RocksDB is given the path of the descriptor
//! (`/proc/self/fd/N`, see `proc(5)`), which leads to that directory wherever it is. Messages show
//! the path that people know. Where the system has no such paths the usual one is used.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::shown_path::DESCRIPTORS;

/// A directory that is held open, and the path that leads to it for as long as this lives.
#[derive(Debug)]
pub(crate) struct Anchor {
    directory: File,
    path: PathBuf,
}

impl Anchor {
    /// The directory that `path` leads to now; `None` where nothing can be held so.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Self::held(path).ok().flatten()
    }

    fn held(path: &Path) -> io::Result<Option<Self>> {
        let directory = File::open(path)?;
        let anchor = PathBuf::from(format!("{DESCRIPTORS}{}", directory.as_raw_fd()));
        let inode = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
        let same = inode(&anchor)? == inode(path)?;
        Ok(same.then_some(Self {
            directory,
            path: anchor,
        }))
    }

    /// Leads to the directory wherever it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn try_lock(&self) -> Result<(), TryLockError> {
        self.directory.try_lock()
    }
}
