//! The locks of a data directory, and the inode that tells a copy from the directory itself.
//!
//! Two locks, because a lock file can be removed under a running process: the lock on the directory cannot. They end with
//! the process, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::{DataDirError, failed};

/// Its name in the data directory.
pub(in crate::node) const LOCK: &str = "LOCK";
/// What is opened by this name is in this directory: a link would have another file locked, or cut.
pub(in crate::node) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
/// Bytes of the lock file, filled up with blanks.
const LOCK_BYTES: usize = 64;

/// Both locks, held.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// The inode of the directory that was locked last, as the lock file tells it.
    told: Option<u64>,
    inode: u64,
    name: PathBuf,
    file: File,
    _directory: File,
}

impl DirectoryLock {
    /// Writes down that the content belongs to this directory, durably.
    pub(super) fn claim(&mut self) -> Result<(), DataDirError> {
        if self.told == Some(self.inode) {
            return Ok(());
        }
        write_holder(&self.file, Some(self.inode))
            .and_then(|()| self.file.sync_all())
            .map_err(failed("cannot write", &self.name))?;
        self.told = Some(self.inode);
        Ok(())
    }

    /// Whether the content was brought here from another directory.
    pub(super) fn is_of_a_copy(&self) -> bool {
        self.told.is_some_and(|told| told != self.inode)
    }
}

/// Locks the directory, then the file in it that says who has it.
pub(super) fn lock(path: &Path) -> Result<DirectoryLock, DataDirError> {
    let name = path.join(LOCK);
    let io = |source: io::Error| failed("cannot lock", &name)(source);
    let directory = File::open(path).map_err(failed("cannot open", path))?;
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        // Some network file systems lock files alone.
        Ok(()) | Err(rustix::io::Errno::BADF | rustix::io::Errno::NOTSUP) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(path, &name)),
        Err(errno) => return Err(failed("cannot lock", path)(errno.into())),
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(&name)
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(path, &name)),
        Err(errno) => return Err(io(errno.into())),
    }
    let inode = directory.metadata().map_err(io)?.ino();
    let told = told_inode(&head(&file).map_err(io)?);
    if file.metadata().map_err(io)?.len() > LOCK_BYTES as u64 {
        file.set_len(0).map_err(io)?;
    }
    write_holder(&file, told).map_err(io)?;
    Ok(DirectoryLock {
        told,
        inode,
        name,
        file,
        _directory: directory,
    })
}

/// Over what was there, so that a full disk, which would refuse a new block, takes it.
fn write_holder(file: &File, inode: Option<u64>) -> io::Result<()> {
    let directory = inode.map_or(String::new(), |inode| format!("directory {inode}\n"));
    let text = format!("{}\n{directory}", std::process::id());
    file.write_all_at(format!("{text:<LOCK_BYTES$}").as_bytes(), 0)
}

/// As much of the lock file as we write; the rest means nothing, and may be of any length.
fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LOCK_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The inode of the directory that the last process locked, if the file says so.
fn told_inode(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("directory ")?.trim_end().parse().ok())
}

/// The holder's id is a help only: without it the message says "unknown".
fn in_use(path: &Path, lock: &Path) -> DataDirError {
    let text = File::open(lock).and_then(|file| head(&file));
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let holder = text.lines().next().unwrap_or("").trim();
    DataDirError::InUse {
        path: path.to_owned(),
        holder: if holder.is_empty() { "unknown" } else { holder }.to_owned(),
    }
}
