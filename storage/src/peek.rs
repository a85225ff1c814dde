//! What a judged store holds, read without changing a byte of it.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::engine::mode::Mode;
use crate::engine::options::StoreOptions;
use crate::error::Error;
use crate::format::meta::Applied;
use crate::judge::Inventory;
use crate::open::open_judged;

/// The state that the store at `path` stands at: that of its last flush. `inventory` is what [`crate::judge()`] found.
///
/// Errors: [`Error::Damaged`] if the row that says so cannot be read, [`Error::NotOurs`], [`Error::NewerFormat`].
pub fn peek(path: &Path, inventory: &Inventory) -> Result<Applied, Error> {
    let options = StoreOptions {
        cache_bytes: 1 << 20,
        node_cache_bytes: 0,
        // Every table was looked at already.
        max_open_files: 32,
        ..StoreOptions::default()
    };
    let (store, _) = open_judged(path, options, &Mode::ReadOnly, inventory)?;
    Ok(store.applied())
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

fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        operation,
        path: path.clone(),
        source,
    }
}
