//! The reserve, `RESERVE` in the data directory: room on the disk that is given up only so that a node can start.
//!
//! A node that is killed while its disk is full has to open its store again, which writes a new manifest and may write
//! out a memtable. Without room it would not start, and its data could not even be read. So a file of this size is kept
//! from the founding on. A start that finds too little room removes it, serves reads and refuses writes; once there is
//! room again, it is made anew.
//!
//! Nothing is in it: losing it loses nothing, and no step here is a durable one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::data_dir::lock::NO_LINK;
use super::disk_space::DiskSpace;
use super::store_pointer;
use rustix::fs::{FallocateFlags, fallocate};
use wal::fs::OsFs;

/// Its name in the data directory.
pub(crate) const NAME: &str = "RESERVE";
/// Bytes: a memtable of the store (16 MiB) as a table, a manifest of ten thousand tables, and change.
pub(crate) const BYTES: u64 = 24 << 20;
/// A start goes on without the reserve while this much is free.
const ENOUGH_BYTES: u64 = 4 << 20;
/// Files that opening the store makes, and some.
const ENOUGH_INODES: u64 = 16;
/// Made and removed at once, to see whether there is room where the store needs it. One that a kill leaves is removed by the
/// next opening: RocksDB takes it for one of its temporary files.
const PROBE: &str = "000000.dbtmp";

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserve {
    /// It is there.
    Kept,
    /// It was given up: the disk is full.
    GivenUp,
    /// It could not be made: the disk is nearly full, or cannot allocate ahead.
    Missing,
}

/// Whether a file of [`BYTES`] can be made in the store and synced: neither blocks nor inodes nor a quota stand in the way,
/// and it is no read-only file system. Where nothing can be allocated ahead, the next write finds out.
pub(crate) fn has_room(space: &DiskSpace, data_dir: &Path) -> bool {
    if space.free_bytes(data_dir) < BYTES {
        return false;
    }
    let probe = store_pointer::directory(&OsFs, data_dir).join(PROBE);
    let made = allocate(&probe).and_then(|file| file.sync_all());
    // One that stays is overwritten by the next look.
    let _ = fs::remove_file(&probe);
    made.map_or_else(
        |error| error.kind() == io::ErrorKind::Unsupported,
        |()| true,
    )
}

fn allocate(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
        .open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, BYTES)?;
    Ok(file)
}

/// What is left there, as the beginning of a sentence.
pub(crate) fn left(space: &DiskSpace, data_dir: &Path) -> String {
    let files = match space.free_inodes(data_dir) {
        u64::MAX => String::new(),
        inodes => format!(" and room for {inodes} more files"),
    };
    format!(
        "{} has {} KiB left{files}: ",
        data_dir.display(),
        space.free_bytes(data_dir) >> 10
    )
}

/// What a start lacks here, and what to do about it.
pub(crate) fn lacks(space: &DiskSpace, data_dir: &Path) -> String {
    let (bytes, inodes) = (space.free_bytes(data_dir), space.free_inodes(data_dir));
    match inodes < ENOUGH_INODES {
        true => {
            format!("room for {inodes} more files and a start needs {ENOUGH_INODES}: remove some")
        }
        false if bytes >= BYTES => format!(
            "{} KiB left, which this user may not have: look at its quota",
            bytes >> 10
        ),
        false => format!(
            "{} KiB left and a start needs {} KiB: free that much",
            bytes >> 10,
            BYTES >> 10
        ),
    }
}

/// Before a start opens anything: gives the reserve up if the disk is full, and then the log's spare segments, whose
/// content means nothing.
pub(crate) fn prepare(space: &DiskSpace, data_dir: &Path) -> io::Result<Reserve> {
    let path = path(data_dir);
    if has_enough(space, data_dir) {
        return Ok(match is_whole(&path) {
            true => Reserve::Kept,
            false => Reserve::Missing,
        });
    }
    let mut found = Reserve::Missing;
    for path in std::iter::once(path).chain(spares(data_dir)) {
        if has_enough(space, data_dir) {
            break;
        }
        match fs::remove_file(&path) {
            Ok(()) => found = Reserve::GivenUp,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn has_enough(space: &DiskSpace, data_dir: &Path) -> bool {
    space.free_bytes(data_dir) >= ENOUGH_BYTES && space.free_inodes(data_dir) >= ENOUGH_INODES
}

/// Regular files alone: what else has such a name is for the judgement to see.
fn spares(data_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(data_dir.join("wal")) else {
        return Vec::new();
    };
    let files = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let spare = |path: &PathBuf| path.extension().is_some_and(|name| name == "spare");
    files.map(|entry| entry.path()).filter(spare).collect()
}

/// Makes it if it is not there and the disk has twice that room. `false` if it is still missing.
pub(crate) fn restore(space: &DiskSpace, data_dir: &Path) -> bool {
    let path = path(data_dir);
    if is_whole(&path) {
        return true;
    }
    if space.free_bytes(data_dir) < 2 * BYTES {
        return false;
    }
    if let Err(error) = allocate(&path) {
        tracing::debug!("no room could be reserved in {}: {error}", path.display());
        // A part of it would be mistaken for the whole by nobody, but takes room.
        let _ = fs::remove_file(&path);
        return false;
    }
    true
}

/// Whether it is missing for want of room: as much has to be left free in its place.
pub(crate) fn is_owed(space: &DiskSpace, data_dir: &Path) -> bool {
    !is_whole(&path(data_dir)) && space.free_bytes(data_dir) < 2 * BYTES
}

/// Takes it away, durably, if it is there.
pub(crate) fn drop(data_dir: &Path) -> io::Result<()> {
    match fs::remove_file(path(data_dir)) {
        Ok(()) => File::open(data_dir)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether something has its name.
pub(crate) fn is_there(data_dir: &Path) -> bool {
    path(data_dir).exists()
}

fn is_whole(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() >= BYTES)
}

/// Where it stands.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::disk_space::SimulatedSpace;
    use super::*;

    #[test]
    fn it_is_made_once_and_kept_while_there_is_room() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let space = DiskSpace::system();
        assert_eq!(
            prepare(&space, dir.path()).expect("looked at"),
            Reserve::Missing
        );
        if space.free_bytes(dir.path()) < 4 * BYTES {
            println!("the temporary directory has no room for a reserve: not tried");
            return;
        }
        assert!(restore(&space, dir.path()));
        assert!(restore(&space, dir.path()), "it is there already");
        assert_eq!(
            prepare(&space, dir.path()).expect("looked at"),
            Reserve::Kept
        );
        fs::write(dir.path().join(NAME), "cut").expect("written");
        assert_eq!(
            prepare(&space, dir.path()).expect("looked at"),
            Reserve::Missing
        );
        assert!(restore(&space, dir.path()));
    }

    #[test]
    fn a_full_disk_takes_it_away_and_says_what_is_lacking() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let held = Arc::new(SimulatedSpace::new(ENOUGH_BYTES - 1, u64::MAX));
        let space = DiskSpace::simulated(held.clone());
        fs::write(dir.path().join(NAME), "").expect("written");
        assert_eq!(
            prepare(&space, dir.path()).expect("looked at"),
            Reserve::GivenUp
        );
        assert!(!is_there(dir.path()));
        assert!(is_owed(&space, dir.path()) && !restore(&space, dir.path()));
        assert!(lacks(&space, dir.path()).starts_with("4095 KiB left and a start needs 24576 KiB"));
        held.set_bytes(2 * BYTES);
        assert!(!is_owed(&space, dir.path()));
    }
}
