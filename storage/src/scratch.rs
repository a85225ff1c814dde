//! A store with a torn MANIFEST, shown to RocksDB without the torn end, which it would refuse or read for ever: a
//! directory elsewhere with links to the tables, and the MANIFEST up to there. The store's own directory stays as it is.
//!
//! It goes with whoever reads through it. What a killed process leaves of it are links and a copy of the MANIFEST in the
//! directory for temporary files, which anybody may remove.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A directory that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// In the directory for temporary files, or in memory where that cannot be written.
    fn made() -> Result<Self, Error> {
        let chosen = std::env::temp_dir();
        let refused = match unique(&chosen) {
            Ok(path) => return Ok(Self(path)),
            Err(source) => Error::Scratch {
                path: chosen,
                source,
            },
        };
        unique(Path::new("/dev/shm")).map(Self).map_err(|_| refused)
    }

    /// Looks like the store at `store` with that much of its MANIFEST.
    pub(crate) fn of(store: &Path, manifest: &str, length: u64) -> Result<Self, Error> {
        let scratch = Self::made()?;
        match scratch.show(store, manifest, length) {
            Ok(()) => Ok(scratch),
            Err(source) => Err(scratch.refused(source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn refused(&self, source: io::Error) -> Error {
        Error::Scratch {
            path: self.0.clone(),
            source,
        }
    }

    /// Lets it look like the store with that much of its MANIFEST.
    fn show(&self, store: &Path, manifest: &str, length: u64) -> io::Result<()> {
        let store = fs::canonicalize(store)?;
        for entry in fs::read_dir(&store)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if text.ends_with(".sst") || text == "IDENTITY" || text.starts_with("OPTIONS-") {
                symlink(store.join(&name), self.0.join(&name))?;
            }
        }
        let mut head = File::open(store.join(manifest))?.take(length);
        let mut copy = File::create(self.0.join(manifest))?;
        io::copy(&mut head, &mut copy)?;
        fs::write(self.0.join("CURRENT"), format!("{manifest}\n"))
    }
}

/// Made by this call: a name that is taken is another's. For this user alone: the MANIFEST has keys in it.
fn unique(parent: &Path) -> io::Result<PathBuf> {
    let mut number = 0u32;
    loop {
        let name = format!("etcd2-peek-{}-{number}", std::process::id());
        let path = parent.join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("the scratch directory {} stays: {error}", self.0.display());
        }
    }
}
