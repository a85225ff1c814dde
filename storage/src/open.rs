//! Opening: what is in the directory decides, and nothing foreign is touched.
//!
//! | found | done |
//! |---|---|
//! | no directory, or an empty one | created |
//! | only files of an interrupted creation, nothing written | created |
//! | our column families and format row | opened |
//! | a newer format row | refused, [`Error::NewerFormat`] |
//! | one of these with a store, and names that RocksDB leaves alone (module `format::file_name`) | opened, they stay |
//! | anything else | refused, [`Error::NotOurs`] |
//!
//! Read-only nothing is created: what would be, is refused.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use rocksdb::{DB, WriteBatch};

use crate::damage;
use crate::engine::anchor::Home;
use crate::engine::attribution::Attribution;
use crate::engine::cache::NodeCache;
use crate::engine::columns::{Column, Options, Surroundings};
use crate::engine::database::{Database, Source};
use crate::engine::mode::Mode;
use crate::engine::published::Published;
use crate::engine::scratch::Scratch;
use crate::error::Error;
use crate::format::file_name::{self, Kind};
use crate::format::key;
use crate::format::meta::{self, Reclaimed, State};
use crate::judge::Inventory;
use crate::read::core::Core;
use crate::read::gate::Gate;
use crate::read::store::{Shared, Store};
use crate::write::batch::Writer;

/// Opens the store at `path` as usual: see [`open_with`].
pub fn open(path: &Path, options: Options) -> Result<(Store, Writer), Error> {
    open_with(path, options, &Mode::Normal)
}

/// Opens the store at `path`, or creates it if there is no directory or an empty one. Only one
/// process may have it open; what was not flushed before an unclean stop is gone, and
/// [`Store::applied`] says where the log goes on. [`Mode`] says what damage it opens around.
pub fn open_with(path: &Path, options: Options, mode: &Mode) -> Result<(Store, Writer), Error> {
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
    options: Options,
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

fn open_at(home: Home, options: Options, mode: &Mode) -> Result<(Store, Writer), Error> {
    let path = home.shown().to_owned();
    let around = Surroundings::new(options, home).map_err(|source| Error::RocksDb {
        operation: "open",
        path: path.clone(),
        source,
    })?;
    let Opened {
        core,
        state,
        deadline,
        reclaimed,
    } = open_core(&around, mode)?;
    let gate = Gate::new(Arc::clone(&core));
    let shared = Arc::new(Shared { path, around, gate });
    let writer = Writer {
        core,
        shared: Arc::clone(&shared),
        state,
        deadline,
        reclaimed,
        broken: false,
        closed: false,
    };
    Ok((Store { shared }, writer))
}

/// A store that has just been opened, and what its writer begins with.
pub(crate) struct Opened {
    pub(crate) core: Arc<Core>,
    pub(crate) state: Arc<State>,
    pub(crate) deadline: Option<u64>,
    pub(crate) reclaimed: Reclaimed,
}

/// Opens the directory, for the first time or again.
pub(crate) fn open_core(around: &Surroundings, mode: &Mode) -> Result<Opened, Error> {
    if !around.options.in_memory {
        inspect(&around.home, mode)?;
        if !mode.is_read_only() {
            around.home.lock()?;
        }
    }
    let database = Database::open(around, mode)?;
    settle_format(&database, mode)?;
    let state = Arc::new(read_state(&database)?);
    // Nothing lapses and nothing is reclaimed where nothing is written, so damage there does not
    // matter either.
    let (reclaimed, deadline) = if mode.is_read_only() {
        (Reclaimed::default(), None)
    } else {
        let row = database.get(Column::Meta, meta::RECLAIMED_KEY)?;
        let reclaimed = row.map(|row| Reclaimed::decode(&row)).transpose()?;
        let deadline = first_deadline(&database, Some(0))?;
        (reclaimed.unwrap_or_default(), deadline)
    };
    // What was just opened is on disk.
    around.pins.flushed(state.base());
    let core = Arc::new(Core {
        cache: NodeCache::new(around.options.node_cache_bytes),
        published: Published::new(database.sequence(), Arc::clone(&state), deadline),
        pins: Arc::clone(&around.pins),
        bounds: around.options.bounds,
        durable: RwLock::new(state.applied.clone()),
        recalled: AtomicBool::new(false),
        noticed: Default::default(),
        database,
    });
    Ok(Opened {
        core,
        state,
        deadline,
        reclaimed,
    })
}

/// The earliest deadline in the expiry rows at or after `from`; `None` stays `None`.
pub(crate) fn first_deadline(database: &Database, from: Option<u64>) -> Result<Option<u64>, Error> {
    let Some(from) = from else { return Ok(None) };
    let mut cursor = database.cursor(Column::Expiry, None);
    cursor.seek(&from.to_be_bytes());
    let Some((row, _)) = cursor.row()? else {
        return Ok(None);
    };
    let (deadline, _) = key::split_expiry(row)
        .ok_or_else(|| cursor.damage(row, "the key is no deadline and path"))?;
    Ok(Some(deadline))
}

/// Makes the directory where there is none and something may be written.
fn make(path: &Path, mode: &Mode) -> Result<(), Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !mode.is_read_only() => {
            fs::create_dir_all(path).map_err(io_error("create", path))
        }
        _ => Ok(()),
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// Looks at the directory before RocksDB does, because RocksDB would create its files among
/// anybody's. Among the files of a store of ours, others do not matter: see [`file_name`].
fn inspect(home: &Home, mode: &Mode) -> Result<(), Error> {
    let path = home.shown();
    let mut created = false;
    let mut stray = None;
    for entry in fs::read_dir(home.path()).map_err(io_error("list", path))? {
        let name = entry.map_err(io_error("list", path))?.file_name();
        let name = name.to_string_lossy();
        created |= name == "CURRENT";
        match file_name::kind(&name) {
            Kind::RocksDb => {}
            Kind::Taken => return Err(not_ours(path, file_name::holds(&name))),
            Kind::Stray => stray = Some(file_name::holds(&name)),
        }
    }
    if created {
        return check_families(home, stray);
    }
    match stray {
        Some(stray) => Err(not_ours(path, stray)),
        None if mode.is_read_only() => Err(not_ours(path, "it holds no CURRENT file".to_owned())),
        None => Ok(()),
    }
}

fn not_ours(path: &Path, found: String) -> Error {
    Error::NotOurs {
        path: path.to_owned(),
        found,
    }
}

/// Makes sure that a RocksDB is ours before it is opened for writing, which would add our column
/// families to it.
fn check_families(home: &Home, stray: Option<String>) -> Result<(), Error> {
    let path = home.shown();
    let fault = |source| match damage::report(&source) {
        Some(report) => Error::Damaged(Box::new(Attribution::default().damage(
            report.shown(path),
            None,
            Vec::new,
        ))),
        None => Error::RocksDb {
            operation: "read the column families",
            path: path.to_owned(),
            source,
        },
    };
    let options = rocksdb::Options::default();
    let found: BTreeSet<String> = DB::list_cf(&options, home.path())
        .map_err(fault)?
        .into_iter()
        .collect();
    let ours: BTreeSet<String> = Column::ALL
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    if found == ours {
        return Ok(());
    }
    let db = DB::open_for_read_only(&options, home.path(), false).map_err(fault)?;
    let format = db.get(meta::FORMAT_KEY).map_err(fault)?;
    check_version(path, format.as_deref().and_then(meta::format_version))?;
    // Creation was interrupted between two column families: nothing has been written yet.
    if found.is_subset(&ours) && db.latest_sequence_number() == 0 {
        return stray.map_or(Ok(()), |stray| Err(not_ours(path, stray)));
    }
    let names: Vec<_> = found.into_iter().collect();
    Err(not_ours(
        path,
        format!("a RocksDB with {}", names.join(", ")),
    ))
}

fn check_version(path: &Path, version: Option<u32>) -> Result<(), Error> {
    match version {
        Some(found) if found > meta::FORMAT_VERSION => Err(Error::NewerFormat {
            path: path.to_owned(),
            found,
            known: meta::FORMAT_VERSION,
        }),
        _ => Ok(()),
    }
}

/// Checks the format row, or writes it with the first state into a store where nothing has been
/// written. An older one becomes today's with the first flush, which is also the first to hold what
/// the older release would misread.
fn settle_format(database: &Database, mode: &Mode) -> Result<(), Error> {
    let row = database
        .get(Column::Meta, meta::FORMAT_KEY)?
        .map(|row| row.to_vec());
    match row.as_deref().map(meta::format_version) {
        Some(Some(version)) if version < meta::FORMAT_VERSION && !mode.is_read_only() => {
            let mut batch = WriteBatch::default();
            let family = database.family(Column::Meta);
            batch.put_cf(family, meta::FORMAT_KEY, meta::format_row());
            database.write(batch)
        }
        Some(Some(version)) => check_version(database.path(), Some(version)),
        None if database.sequence() == 0 => {
            let mut batch = WriteBatch::default();
            let family = database.family(Column::Meta);
            let mut state = Vec::new();
            State::default().encode(&mut state);
            batch.put_cf(family, meta::FORMAT_KEY, meta::format_row());
            batch.put_cf(family, meta::STATE_KEY, state);
            database.write(batch)?;
            database.flush()
        }
        _ => {
            let found = "a RocksDB without our format row".to_owned();
            Err(not_ours(database.path(), found))
        }
    }
}

fn read_state(database: &Database) -> Result<State, Error> {
    let missing = || Error::row(Column::Meta.name(), meta::STATE_KEY, "the row is missing");
    State::decode(
        &database
            .get(Column::Meta, meta::STATE_KEY)?
            .ok_or_else(missing)?,
    )
}
