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
use std::sync::Arc;

use crate::engine::scratch::Scratch;
use crate::error::Error;

const DESCRIPTORS: &str = "/proc/self/fd/";

/// The directory of a store.
#[derive(Debug, Clone)]
pub(crate) struct Home(Arc<Place>);

#[derive(Debug)]
struct Place {
    shown: PathBuf,
    /// Open for as long as anybody knows its path.
    anchor: Option<(File, PathBuf)>,
    /// Where the directory that is shown only stands behind one made for reading it.
    scratch: Option<Scratch>,
}

impl Home {
    /// The directory that `path` leads to now.
    pub(crate) fn of(path: &Path) -> Self {
        Self(Arc::new(Place {
            anchor: anchor(path).ok().flatten(),
            shown: path.to_owned(),
            scratch: None,
        }))
    }

    /// The store at `path`, read through a directory that goes with this home.
    pub(crate) fn elsewhere(path: &Path, scratch: Scratch) -> Self {
        Self(Arc::new(Place {
            anchor: anchor(scratch.path()).ok().flatten(),
            shown: path.to_owned(),
            scratch: Some(scratch),
        }))
    }

    /// One that is not on a file system.
    pub(crate) fn in_memory(path: &Path) -> Self {
        Self(Arc::new(Place {
            shown: path.to_owned(),
            anchor: None,
            scratch: None,
        }))
    }

    /// For RocksDB.
    pub(crate) fn path(&self) -> &Path {
        let Place {
            shown,
            anchor,
            scratch,
        } = &*self.0;
        match (anchor, scratch) {
            (Some((_, path)), _) => path,
            (None, Some(scratch)) => scratch.path(),
            (None, None) => shown,
        }
    }

    /// For links to its files: they lead to that directory wherever it is.
    pub(crate) fn absolute(&self) -> io::Result<PathBuf> {
        match &self.0.anchor {
            Some((_, path)) => Ok(path.clone()),
            None => fs::canonicalize(&self.0.shown),
        }
    }

    /// Keeps other writers out for as long as this home is open. RocksDB has a lock of its own, which
    /// knows the process and the path: it does not see that two descriptors lead to one directory.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        let Some((directory, _)) = &self.0.anchor else {
            return Ok(());
        };
        match directory.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::InUse {
                path: self.0.shown.clone(),
            }),
            // Some network file systems lock files alone; RocksDB's lock is one.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    /// For people.
    pub(crate) fn shown(&self) -> &Path {
        &self.0.shown
    }
}

fn anchor(path: &Path) -> io::Result<Option<(File, PathBuf)>> {
    let directory = File::open(path)?;
    let anchor = PathBuf::from(format!("{DESCRIPTORS}{}", directory.as_raw_fd()));
    let inode = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    let same = inode(&anchor)? == inode(path)?;
    Ok(same.then_some((directory, anchor)))
}

/// A text of RocksDB with the path that people know.
pub(crate) fn shown(text: &str, path: &Path) -> String {
    let mut parts = text.split(DESCRIPTORS);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&path.display().to_string());
        out.push_str(&part[digits..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_show_the_path_that_people_know() {
        let path = Path::new("/data/store");
        let text = "IO error: /proc/self/fd/17/000012.sst and /proc/self/fd/17: gone";
        assert_eq!(
            shown(text, path),
            "IO error: /data/store/000012.sst and /data/store: gone"
        );
        assert_eq!(shown("nothing of it", path), "nothing of it");
    }

    #[test]
    fn the_path_of_a_home_leads_to_the_directory_wherever_it_is_moved() {
        let scratch = tempfile::tempdir().expect("a directory");
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        fs::create_dir(&first).expect("made");
        let home = Home::of(&first);
        assert_eq!(home.shown(), first);
        fs::rename(&first, &second).expect("moved");
        fs::create_dir(&first).expect("another one");
        fs::write(home.path().join("file"), "").expect("written");
        assert!(second.join("file").exists() && !first.join("file").exists());
    }
}
