//! The directory of a store: the path for RocksDB, the path for people, and the lock on it.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::anchor::Anchor;
use crate::engine::scratch::Scratch;
use crate::error::Error;

/// The directory of a store.
#[derive(Debug, Clone)]
pub(crate) struct Home(Arc<Whereabouts>);

#[derive(Debug)]
struct Whereabouts {
    shown: PathBuf,
    /// Held for as long as anybody knows its path.
    anchor: Option<Anchor>,
    /// Where the directory that is shown only stands behind one made for reading it.
    scratch: Option<Scratch>,
}

impl Home {
    /// The directory that `path` leads to now.
    pub(crate) fn of(path: &Path) -> Self {
        Self(Arc::new(Whereabouts {
            anchor: Anchor::of(path),
            shown: path.to_owned(),
            scratch: None,
        }))
    }

    /// The store at `path`, read through a directory that goes with this home.
    pub(crate) fn elsewhere(path: &Path, scratch: Scratch) -> Self {
        Self(Arc::new(Whereabouts {
            anchor: Anchor::of(scratch.path()),
            shown: path.to_owned(),
            scratch: Some(scratch),
        }))
    }

    /// One that is not on a file system.
    pub(crate) fn in_memory(path: &Path) -> Self {
        Self(Arc::new(Whereabouts {
            shown: path.to_owned(),
            anchor: None,
            scratch: None,
        }))
    }

    /// For RocksDB.
    pub(crate) fn path(&self) -> &Path {
        let Whereabouts {
            shown,
            anchor,
            scratch,
        } = &*self.0;
        match (anchor, scratch) {
            (Some(anchor), _) => anchor.path(),
            (None, Some(scratch)) => scratch.path(),
            (None, None) => shown,
        }
    }

    /// Keeps other writers out for as long as this home is open. RocksDB has a lock of its own, which
    /// knows the process and the path: it does not see that two descriptors lead to one directory.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        let Some(anchor) = &self.0.anchor else {
            return Ok(());
        };
        match anchor.try_lock() {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
