//! The data directory: that it is not another program's, that only one process uses it, and whether it is a copy.
//!
//! | entry | content |
//! |---|---|
//! | `LOCK` | locked (flock) by the running process, as the directory itself is; holds its process id and the directory's inode |
//! | `FORMAT` | the identity file ([`super::identity_file`]) |
//! | `WITNESS` | how far the log is known durable ([`super::witness_file`]) |
//! | `MISSING` | tables of history that a start went on around ([`super::missing_file`]); mostly not there |
//! | `STORE` | which directory is the store ([`super::store_pointer`]); without it, `store/` |
//! | `RESERVE` | room kept for a start on a full disk ([`super::reserve`]) |
//! | `wal/` | the log (crate `wal`) |
//! | `store/`, `store-N/` | the tree (crate `storage`); the second where a snapshot was installed |
//!
//! Anything that looks like data of another program is refused before a byte is written.
//!
//! The inode is written only when a start was allowed ([`DataDir::claim`]): a refused one changes nothing, so that the
//! next one, which a supervisor makes at once, knows as well that the directory is a copy.

mod entry;
mod error;
mod foreign;
pub(super) mod lock;

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(super) use entry::is_made;
pub(super) use error::DataDirError;
use error::failed;
use lock::DirectoryLock;

/// A locked data directory. The locks end with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: DirectoryLock,
}

impl DataDir {
    /// Creates (mode 0700), checks and locks.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        create(path)?;
        foreign::refuse_foreign(path)?;
        entry::check(path)?;
        Ok(Self {
            path: path.to_owned(),
            lock: lock::lock(path)?,
        })
    }

    /// Writes down that the content belongs to this directory, durably. To be called when the start is allowed, and
    /// before anything else is written.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn claim(&mut self) -> Result<(), DataDirError> {
        self.lock.claim()
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its content was brought here from another directory: a copy, or a restored backup.
    pub(crate) fn is_copy(&self) -> bool {
        self.lock.is_of_a_copy()
    }
}

/// Makes the directory and its missing parents. Each new name must survive a power loss, so the directory it stands in
/// is synced, from the top down: as many levels as were made.
fn create(path: &Path) -> Result<(), DataDirError> {
    foreign::refuse_occupied(path)?;
    let whole = std::path::absolute(path).map_err(failed("cannot find", path))?;
    let made: Vec<&Path> = whole
        .ancestors()
        .take_while(|directory| !directory.exists())
        .collect();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&whole)
        .map_err(failed("cannot create", path))?;
    for parent in made.iter().rev().filter_map(|directory| directory.parent()) {
        File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("cannot sync", parent))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
