//! The data directory: that it is not another program's, that only one process uses it, and whether it is a copy.
//!
//! | entry | content |
//! |---|---|
//! | `LOCK` | locked (flock) by the running process, as the directory itself is; holds its process id and the directory's inode |
//! | `FORMAT` | the identity file ([`super::identity_file`]) |
//! | `WITNESS` | how far the log is known durable ([`super::witness_file`]) |
//! | `MISSING` | tables of history that a start went on around ([`super::missing_file`]); mostly not there |
//! | `RESERVE` | room kept for a start on a full disk ([`super::reserve`]) |
//! | `wal/` | the log (crate `wal`) |
//! | `store/` | the tree (crate `storage`) |
//!
//! Anything that looks like data of another program is refused before a byte is written. Two locks, because a lock file
//! can be removed under a running process: the lock on the directory cannot.
//!
//! The inode is written only when a start was allowed ([`DataDir::claim`]): a refused one changes nothing, so that the
//! next one, which a supervisor makes at once, knows as well that the directory is a copy.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{entries, occupied};

/// Its name in the data directory.
pub(super) const LOCK: &str = "LOCK";
/// What is opened by this name is in this directory: a link would have another file locked, or cut.
pub(super) const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
/// Bytes of the lock file, filled up with blanks.
const LOCK_BYTES: usize = 64;

/// Why a data directory cannot be used.
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

/// A locked data directory. The locks end with the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The inode of the directory that was locked last, as the lock file tells it.
    told: Option<u64>,
    inode: u64,
    lock: File,
    _directory: File,
}

impl DataDir {
    /// Creates (mode 0700), checks and locks.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        create(path)?;
        occupied::refuse_foreign(path)?;
        entries::check(path)?;
        lock(path)
    }

    /// Writes down that the content belongs to this directory, durably. To be called when the start is allowed, and
    /// before anything else is written.
    ///
    /// # Errors
    /// What the system says.
    pub fn claim(&mut self) -> Result<(), DataDirError> {
        if self.told == Some(self.inode) {
            return Ok(());
        }
        let name = self.path.join(LOCK);
        write_holder(&self.lock, Some(self.inode))
            .and_then(|()| self.lock.sync_all())
            .map_err(failed("cannot write", &name))?;
        self.told = Some(self.inode);
        Ok(())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its content was brought here from another directory: a copy, or a restored backup.
    pub fn is_copy(&self) -> bool {
        self.told.is_some_and(|told| told != self.inode)
    }

    /// Where the log is.
    pub fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }

    /// Where the tree is.
    pub fn store(&self) -> PathBuf {
        self.path.join("store")
    }
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io {
        operation,
        path,
        source,
    }
}

/// Makes the directory and its missing parents. Each new name must survive a power loss, so the directory it stands in
/// is synced, from the top down: as many levels as were made.
fn create(path: &Path) -> Result<(), DataDirError> {
    occupied::refuse_occupied(path)?;
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

/// Locks the directory, then the file in it that says who has it.
fn lock(path: &Path) -> Result<DataDir, DataDirError> {
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
    Ok(DataDir {
        path: path.to_owned(),
        told,
        inode,
        lock: file,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    #[test]
    fn directories_on_the_way_are_made() {
        let dir = scratch();
        let path = dir.path().join("a/b/c/data");
        drop(DataDir::open(&path).expect("created"));
        drop(DataDir::open(&path).expect("opens again"));
    }

    #[test]
    fn a_second_user_is_told_who_has_it() {
        let dir = scratch();
        let _first = DataDir::open(dir.path()).expect("created");
        let own = format!("in use by process {}", std::process::id());
        let error = DataDir::open(dir.path()).expect_err("in use").to_string();
        assert!(error.contains(&own), "{error}");
        fs::remove_file(dir.path().join("LOCK")).expect("removed");
        let error = DataDir::open(dir.path()).expect_err("in use").to_string();
        assert!(error.contains("in use by process unknown"), "{error}");
    }

    fn claimed(path: &Path) {
        let mut own = DataDir::open(path).expect("opens");
        own.claim().expect("written");
        assert!(!own.is_copy(), "its own now");
    }

    #[test]
    fn a_copy_is_told_from_the_directory_itself_until_it_is_claimed() {
        let dir = scratch();
        let (own, copy) = (dir.path().join("own"), dir.path().join("copy"));
        assert!(!DataDir::open(&own).expect("created").is_copy());
        claimed(&own);
        assert!(!DataDir::open(&own).expect("opens again").is_copy());
        fs::create_dir(&copy).expect("made");
        fs::copy(own.join("LOCK"), copy.join("LOCK")).expect("copied");
        for _ in 0..3 {
            assert!(DataDir::open(&copy).expect("opens").is_copy());
        }
        claimed(&copy);
        assert!(!DataDir::open(&copy).expect("its own now").is_copy());
        let long = "\0".repeat(1 << 20);
        for text in ["", "17\n", "17\ndirectory x\n", &long] {
            fs::write(own.join("LOCK"), text).expect("written");
            assert!(!DataDir::open(&own).expect("opens").is_copy(), "{text:?}");
            claimed(&own);
        }
    }

    #[test]
    fn a_missing_permission_is_told_with_what_to_do() {
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let text = failed("cannot lock", Path::new("/data/LOCK"))(source).to_string();
        assert!(
            text.contains("/data/LOCK") && text.contains("chown -R"),
            "{text}"
        );
    }

    #[test]
    fn entries_of_the_wrong_kind_are_refused_untouched() {
        for name in ["wal", "store", "FORMAT", "WITNESS", "RESERVE", "LOCK"] {
            let dir = scratch();
            let path = dir.path().join(name);
            if matches!(name, "wal" | "store") {
                fs::write(&path, "").expect("made");
            } else {
                fs::create_dir(&path).expect("made");
            }
            let error = DataDir::open(dir.path()).expect_err(name);
            assert!(matches!(error, DataDirError::Misplaced { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "{text}");
            assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
        }
    }

    #[test]
    fn foreign_directories_are_refused_untouched() {
        for (entry, expected) in [
            ("member/wal", "etcd 2.x or 3.x"),
            ("proxy/cluster", "etcd proxy"),
        ] {
            let dir = scratch();
            fs::create_dir_all(dir.path().join(entry)).expect("made");
            let error = DataDir::open(dir.path()).expect_err(entry).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!dir.path().join("LOCK").exists());
        }
    }
}
