//! The reserve, `RESERVE` in the data directory: room on the disk that is given up only so that a node can start.
//!
//! A node that is killed while its disk is full has to open its store again, which writes a new manifest and may write
//! out a memtable. Without room it would not start, and its data could not even be read. So a file of this size is kept
//! from the founding on. A start that finds too little room removes it, serves reads and refuses writes; once there is
//! room again, it is made anew.
//!
//! Nothing is in it: losing it loses nothing, and no step here is a durable one.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Its name in the data directory.
pub const NAME: &str = "RESERVE";
/// Bytes: a memtable of the store (16 MiB) as a table, a manifest of ten thousand tables, and change.
pub const BYTES: u64 = 24 << 20;
/// A start goes on without the reserve while this much is free.
const ENOUGH_BYTES: u64 = 4 << 20;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// It is there.
    Kept,
    /// It was given up: the disk is full.
    GivenUp,
    /// It could not be made: the disk is nearly full, or cannot allocate ahead.
    Missing,
}

/// Bytes that can be written; `u64::MAX` where the file system does not tell.
pub fn free_bytes(data_dir: &Path) -> u64 {
    statvfs(data_dir).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Before a start opens anything: gives the reserve up if the disk is full.
pub fn prepare(data_dir: &Path) -> io::Result<Reserve> {
    let path = path(data_dir);
    if free_bytes(data_dir) >= ENOUGH_BYTES {
        return Ok(match is_whole(&path) {
            true => Reserve::Kept,
            false => Reserve::Missing,
        });
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(Reserve::GivenUp),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Reserve::Missing),
        Err(error) => Err(error),
    }
}

/// Makes it if it is not there and the disk has several times that room. `false` if it is still missing.
pub fn restore(data_dir: &Path) -> bool {
    let path = path(data_dir);
    if is_whole(&path) {
        return true;
    }
    if free_bytes(data_dir) < 3 * BYTES {
        return false;
    }
    let made = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, BYTES).map_err(io::Error::from)
        });
    if let Err(error) = made {
        tracing::debug!("no room could be reserved in {}: {error}", path.display());
        // A part of it would be mistaken for the whole by nobody, but takes room.
        let _ = fs::remove_file(&path);
        return false;
    }
    true
}

fn is_whole(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() >= BYTES)
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_kept_while_there_is_room() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(prepare(dir.path()).expect("looked at"), Reserve::Missing);
        if free_bytes(dir.path()) < 3 * BYTES {
            println!("the temporary directory has no room for a reserve: not tried");
            return;
        }
        assert!(restore(dir.path()));
        assert!(restore(dir.path()), "it is there already");
        assert_eq!(prepare(dir.path()).expect("looked at"), Reserve::Kept);
        fs::write(dir.path().join(NAME), "cut").expect("written");
        assert_eq!(prepare(dir.path()).expect("looked at"), Reserve::Missing);
        assert!(restore(dir.path()));
    }
}
