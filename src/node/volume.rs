//! The file system under the data directory: its free space, and whether it and what a start needs are still there.
//!
//! A volume can be unmounted lazily under a running process: open files live on, but each path leads to another file
//! system. A log segment or a table made from then on would lie where no restart finds it. Space is therefore asked of the
//! open directory, and the path is compared with what it led to at the start.
//!
//! The store lives on without the two files that name its tables, and no restart opens it: that they are there is looked at
//! too. What a start mends by itself is only told.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use wal::fs::OsFs;

use super::disk_space::DiskSpace;
use super::identity_file;
use super::store_pointer::{self, FoundPointer};

/// A directory that stays open, with its parts.
#[derive(Debug)]
pub struct Volume {
    path: PathBuf,
    space: DiskSpace,
    /// `None` if it could not be opened, then nothing is ever found wrong.
    opened: Option<WatchedPath>,
    /// Directories in it that may be exchanged as well, where they are there.
    store: Mutex<WatchedStore>,
    log: Option<WatchedPath>,
    has_identity: AtomicBool,
}

/// The directory of the store; another one once a snapshot is installed.
#[derive(Debug)]
struct WatchedStore {
    path: PathBuf,
    /// `None` where it is not there yet.
    directory: Option<WatchedPath>,
    /// Whether the file that names its manifest was there.
    has_current: bool,
}

/// One directory. While it is open no other one gets its inode.
#[derive(Debug)]
struct WatchedPath {
    path: PathBuf,
    directory: File,
    /// Device and inode.
    identity: (u64, u64),
}

impl Volume {
    /// What `path` leads to now.
    pub fn of(path: &Path, space: DiskSpace) -> Self {
        let opened = WatchedPath::of(path)
            .inspect_err(|error| {
                tracing::warn!(
                    "{} cannot be opened, an unmount will not be noticed: {error}",
                    path.display()
                );
            })
            .ok();
        Self {
            path: path.to_owned(),
            space,
            opened,
            store: Mutex::new(WatchedStore::of(store_pointer::directory(&OsFs, path))),
            log: WatchedPath::of(&path.join("wal")).ok(),
            has_identity: AtomicBool::new(identity_file::path(path).exists()),
        }
    }

    /// The path it was found by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells how much is free there.
    pub fn space(&self) -> &DiskSpace {
        &self.space
    }

    /// Bytes that are free for this process. A file system that does not tell is taken to have some.
    pub fn free_bytes(&self) -> u64 {
        let Some(opened) = &self.opened else {
            return u64::MAX;
        };
        self.space.free_bytes_of(&opened.directory)
    }

    /// Why the path no longer leads to the directory, or to a part of it that no start can do without, if so.
    pub fn lost(&self) -> Option<String> {
        let opened = self.opened.as_ref().and_then(WatchedPath::lost);
        let lost = opened.or_else(|| {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            self.follow(&mut store).or_else(|| store.lost())
        });
        if lost.is_none() {
            self.look_at_identity();
        }
        lost
    }

    /// The log's directory, if its path leads there no more. The store then holds, or can be made to hold, all that there
    /// is: so that is not the loss of the volume.
    pub fn log_lost(&self) -> Option<PathBuf> {
        let log = self.log.as_ref()?;
        log.lost().map(|_| log.path.clone())
    }

    /// Looks at another directory once the pointer leads there. Gives why no start would find the store, if so.
    fn follow(&self, store: &mut WatchedStore) -> Option<String> {
        let name = match store_pointer::read(&OsFs, &self.path) {
            Ok(FoundPointer::To(name)) => name,
            Ok(_) => return Some(removed(&store_pointer::path(&self.path))),
            // It cannot be looked at just now, for want of descriptors say: that loses nothing.
            Err(_) => return None,
        };
        let path = self.path.join(name);
        if path == store.path {
            return None;
        }
        if !path.exists() {
            return Some(removed(&store_pointer::path(&self.path)));
        }
        *store = WatchedStore::of(path);
        None
    }

    /// The next start writes it again from what log and store say: told each time it goes, no more.
    fn look_at_identity(&self) {
        let path = identity_file::path(&self.path);
        let Ok(exists) = path.try_exists() else {
            return;
        };
        if self.has_identity.swap(exists, Ordering::Relaxed) && !exists {
            tracing::error!(
                "{} was removed while this process used it: the next start makes it again",
                path.display()
            );
        }
    }
}

impl WatchedStore {
    fn of(path: PathBuf) -> Self {
        Self {
            directory: WatchedPath::of(&path).ok(),
            has_current: path.join("CURRENT").exists(),
            path,
        }
    }

    fn lost(&mut self) -> Option<String> {
        let lost = self.directory.as_ref().and_then(WatchedPath::lost);
        lost.or_else(|| self.unlisted())
    }

    /// Whether the files are gone that say which tables are the store. RocksDB replaces `CURRENT` by a rename, and removes a
    /// manifest only once another is named there: so it has to name the missing one still when it is read again.
    fn unlisted(&mut self) -> Option<String> {
        let current = self.path.join("CURRENT");
        let named = match std::fs::read_to_string(&current) {
            Ok(named) => named,
            Err(error) if is_gone(&error) && self.has_current => {
                return Some(removed(&current));
            }
            Err(_) => return None,
        };
        self.has_current = true;
        let manifest = current.with_file_name(named.trim_end());
        if manifest.try_exists().unwrap_or(true) {
            return None;
        }
        let again = std::fs::read_to_string(&current).ok()?;
        (again == named && !manifest.try_exists().unwrap_or(true)).then(|| removed(&manifest))
    }
}

/// What is removed from the store no flush brings back.
fn removed(path: &Path) -> String {
    format!(
        "{} was removed while this process used it; put it back from a copy, then start again",
        path.display()
    )
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

impl WatchedPath {
    fn of(path: &Path) -> io::Result<Self> {
        let directory = File::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
            directory,
        })
    }

    /// An error that says nothing about where the path leads is none.
    fn lost(&self) -> Option<String> {
        let found = match identity(&self.path) {
            Ok(found) if found == self.identity => return None,
            Ok(_) => "now leads to another directory",
            Err(error) if is_gone(&error) => "no longer exists",
            Err(_) => return None,
        };
        Some(format!(
            "{} {found}: its file system was unmounted or the directory was moved while this process used it; \
             put it back, then start again",
            self.path.display()
        ))
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_was_moved_or_replaced_is_lost() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let path = scratch.path().join("data");
        std::fs::create_dir(&path).expect("made");
        let volume = Volume::of(&path, DiskSpace::system());
        assert_eq!(volume.lost(), None);
        std::fs::rename(&path, scratch.path().join("elsewhere")).expect("moved");
        let lost = volume.lost().expect("it is gone");
        assert!(lost.contains("no longer exists"), "{lost}");
        std::fs::create_dir(&path).expect("made");
        let lost = volume.lost().expect("it is another");
        assert!(lost.contains("another directory"), "{lost}");
        assert!(volume.free_bytes() > 0);
        std::fs::remove_dir(&path).expect("removed");
        std::fs::rename(scratch.path().join("elsewhere"), &path).expect("moved back");
        assert_eq!(volume.lost(), None);
    }

    #[test]
    fn a_part_that_was_replaced_is_lost() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let store = scratch.path().join("store");
        std::fs::create_dir(&store).expect("made");
        let volume = Volume::of(scratch.path(), DiskSpace::system());
        assert_eq!(volume.lost(), None);
        std::fs::remove_dir(&store).expect("removed");
        std::fs::create_dir(&store).expect("made");
        let lost = volume.lost().expect("it is another");
        assert!(
            lost.contains("store now leads to another directory"),
            "{lost}"
        );
    }

    #[test]
    fn a_store_that_no_start_could_open_is_lost() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let store = scratch.path().join("store");
        std::fs::create_dir(&store).expect("made");
        let volume = Volume::of(scratch.path(), DiskSpace::system());
        assert_eq!(volume.lost(), None, "RocksDB is still to make it");
        let (current, manifest) = (store.join("CURRENT"), store.join("MANIFEST-000004"));
        std::fs::write(&manifest, "").expect("written");
        std::fs::write(&current, "MANIFEST-000004\n").expect("written");
        assert_eq!(volume.lost(), None);
        std::fs::rename(&manifest, store.join("aside")).expect("moved");
        let lost = volume.lost().expect("no start finds the tables");
        assert!(lost.contains("MANIFEST-000004 was removed"), "{lost}");
        std::fs::rename(store.join("aside"), &manifest).expect("moved back");
        assert_eq!(volume.lost(), None);
        std::fs::remove_file(&current).expect("removed");
        let lost = volume.lost().expect("no start finds the manifest");
        assert!(lost.contains("CURRENT was removed"), "{lost}");
    }

    #[test]
    fn one_that_never_was_is_never_lost() {
        let volume = Volume::of(Path::new("/nonexistent/data"), DiskSpace::system());
        assert_eq!(volume.lost(), None);
        assert_eq!(volume.free_bytes(), u64::MAX);
    }
}
