//! A store with a torn MANIFEST, shown to RocksDB without the torn end, which it would refuse or read for ever: a
//! directory elsewhere with links to the tables, and the MANIFEST up to there. The store's own directory stays as it is.
//!
//! It goes with whoever reads through it. What a killed process leaves of it the next one removes that makes one: each is
//! locked for as long as it is in use.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::anchor::Anchor;
use crate::error::Error;

const PREFIX: &str = "etcd2-peek-";
/// Between its making and its locking a directory is nobody's: only older ones are removed.
const NEW: Duration = Duration::from_secs(60);

/// A directory that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// Its links lead there, wherever that is moved to.
    store: Option<Anchor>,
    /// Locked.
    _own: File,
}

impl Scratch {
    /// Looks like the store at `store` with that much of its MANIFEST.
    pub(crate) fn of(store: &Path, manifest: &str, length: u64) -> Result<Self, Error> {
        let scratch = Self::made(store)?;
        match scratch.show(store, manifest, length) {
            Ok(()) => Ok(scratch),
            Err(source) => Err(refused(&scratch.path, source)),
        }
    }

    /// In the directory for temporary files, or in memory where that cannot be written.
    fn made(store: &Path) -> Result<Self, Error> {
        let chosen = std::env::temp_dir();
        let (path, own) = unique(&chosen).or_else(|source| {
            unique(Path::new("/dev/shm")).map_err(|_| refused(&chosen, source))
        })?;
        Ok(Self {
            path,
            store: Anchor::of(store),
            _own: own,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets it look like the store with that much of its MANIFEST.
    fn show(&self, store: &Path, manifest: &str, length: u64) -> io::Result<()> {
        let store = match &self.store {
            Some(anchor) => anchor.path().to_owned(),
            None => fs::canonicalize(store)?,
        };
        for entry in fs::read_dir(&store)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if text.ends_with(".sst") || text == "IDENTITY" || text.starts_with("OPTIONS-") {
                symlink(store.join(&name), self.path.join(&name))?;
            }
        }
        let mut head = File::open(store.join(manifest))?.take(length);
        let mut copy = File::create(self.path.join(manifest))?;
        io::copy(&mut head, &mut copy)?;
        fs::write(self.path.join("CURRENT"), format!("{manifest}\n"))
    }
}

fn refused(path: &Path, source: io::Error) -> Error {
    Error::Scratch {
        path: path.to_owned(),
        source,
    }
}

/// Made by this call: a name that is taken is another's. For this user alone: the MANIFEST has keys in it.
fn unique(parent: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0u32;
    loop {
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = parent.join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {
                let own = File::open(&path)?;
                // Where directories cannot be locked, nobody gets a lock to remove it.
                let _ = own.try_lock();
                remove_left_over(parent, own.metadata()?.uid());
                return Ok((path, own));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Removes what this user's killed processes left there. A help only: what fails is left.
fn remove_left_over(parent: &Path, user: u32) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Of the entry itself: links are nobody's scratch directory.
        let is_old = |data: Metadata| {
            let age = data.modified().ok().and_then(|time| time.elapsed().ok());
            data.is_dir() && data.uid() == user && age > Some(NEW)
        };
        if !is_named || !entry.metadata().is_ok_and(is_old) {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(
                "the scratch directory {} stays: {error}",
                self.path.display()
            );
        }
    }
}
