//! Opening a store: its two halves, over one opened directory (`engine/directory.rs` says which are opened).

use std::path::Path;
use std::sync::Arc;

use crate::compaction::filter;
use crate::compaction::pin::Pins;
use crate::engine::directory::make;
use crate::engine::home::Home;
use crate::engine::mode::Mode;
use crate::engine::options::StoreOptions;
use crate::engine::scratch::Scratch;
use crate::engine::setup::EngineConfig;
use crate::error::Error;
use crate::judge::Inventory;
use crate::read::current::CurrentCore;
use crate::read::opening::{Opened, open_core};
use crate::read::store::{SharedStore, Store};
use crate::write::batch::Writer;

/// Opens the store at `path` as usual: see [`open_with`].
pub fn open(path: &Path, options: StoreOptions) -> Result<(Store, Writer), Error> {
    open_with(path, options, &Mode::Normal)
}

/// Opens the store at `path`, or creates it if there is no directory or an empty one. Only one
/// process may have it open; what was not flushed before an unclean stop is gone, and
/// [`Store::applied`] says where the log goes on. [`Mode`] says what damage it opens around.
pub fn open_with(
    path: &Path,
    options: StoreOptions,
    mode: &Mode,
) -> Result<(Store, Writer), Error> {
    // The in-memory environment has no working directory; each has a root of its own.
    let home = if options.in_memory {
        Home::in_memory(&Path::new("/").join(path))
    } else {
        make(path, mode)?;
        Home::of(path)
    };
    open_at(home, options, mode)
}

/// [`open_with`] for a store that was judged: for reading alone it opens even with a torn end of its MANIFEST that RocksDB
/// would refuse. Before any other mode that end has to be cut: [`crate::cut_torn_manifest`].
pub fn open_judged(
    path: &Path,
    options: StoreOptions,
    mode: &Mode,
    inventory: &Inventory,
) -> Result<(Store, Writer), Error> {
    match inventory.torn.filter(|torn| !torn.rocksdb_drops) {
        Some(torn) if mode.is_read_only() => {
            let scratch = Scratch::of(path, &inventory.manifest, torn.offset)?;
            open_at(Home::elsewhere(path, scratch), options, mode)
        }
        _ => open_with(path, options, mode),
    }
}

fn open_at(home: Home, options: StoreOptions, mode: &Mode) -> Result<(Store, Writer), Error> {
    let path = home.shown().to_owned();
    let pins = Arc::<Pins>::default();
    let config = EngineConfig::new(options, home, filter::attach(&pins)).map_err(|source| {
        Error::RocksDb {
            operation: "open",
            path: path.clone(),
            source,
        }
    })?;
    let Opened {
        core,
        state,
        deadline,
        progress,
    } = open_core(&config, &pins, mode)?;
    let current = CurrentCore::new(Arc::clone(&core));
    let shared = Arc::new(SharedStore {
        read_patience: config.options.read_patience,
        current,
    });
    let writer = Writer {
        core,
        shared: Arc::clone(&shared),
        config,
        state,
        deadline,
        progress,
        broken: false,
        closed: false,
    };
    Ok((Store { shared }, writer))
}
