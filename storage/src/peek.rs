//! What a judged store holds, read without changing a byte of it.
//!
//! RocksDB opens it for reading alone; where the torn end of a MANIFEST must not be shown to RocksDB, which would refuse
//! it or read it for ever, a scratch directory elsewhere stands in: links to the tables, and the MANIFEST up to there.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use crate::columns::Options;
use crate::error::Error;
use crate::judge::Inventory;
use crate::meta::Applied;
use crate::mode::Mode;
use crate::open::open_with;

/// The state that the store at `path` stands at: that of its last flush. `inventory` is what [`crate::judge()`] found.
///
/// Errors: [`Error::Damaged`] if the row that says so cannot be read, [`Error::NotOurs`], [`Error::NewerFormat`].
pub fn peek(path: &Path, inventory: &Inventory) -> Result<Applied, Error> {
    match inventory.torn.filter(|torn| !torn.rocksdb_drops) {
        None => applied(path),
        Some(torn) => {
            let scratch = Scratch::made()?;
            scratch
                .show(path, &inventory.manifest, torn.offset)
                .map_err(|source| scratch.refused(source))?;
            applied(&scratch.0)
        }
    }
}

/// Cuts the torn end off the MANIFEST where RocksDB would not drop it by itself: after the judgement, before the store is
/// opened for writing. Repeating it changes nothing, so a crash at any moment is as one before it.
pub fn cut_torn_manifest(path: &Path, inventory: &Inventory) -> Result<(), Error> {
    let Some(torn) = inventory.torn.filter(|torn| !torn.rocksdb_drops) else {
        return Ok(());
    };
    let manifest = path.join(&inventory.manifest);
    let cut = || {
        let file = File::options().write(true).open(&manifest)?;
        file.set_len(torn.offset)?;
        file.sync_all()
    };
    cut().map_err(io_error("cut", &manifest))
}

fn applied(path: &Path) -> Result<Applied, Error> {
    let options = Options {
        cache_bytes: 1 << 20,
        node_cache_bytes: 0,
        // Every table was looked at already.
        max_open_files: 32,
        ..Options::default()
    };
    let (store, _) = open_with(path, options, &Mode::ReadOnly)?;
    Ok(store.applied())
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

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

fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        operation,
        path: path.clone(),
        source,
    }
}
