//! Opening: what is in the directory decides, and nothing foreign is touched.
//!
//! | found | done |
//! |---|---|
//! | no directory, or an empty one | created |
//! | only files of an interrupted creation, nothing written | created |
//! | our column families and format row | opened |
//! | a newer format row | refused, [`Error::NewerFormat`] |
//! | anything else | refused, [`Error::NotOurs`] |

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, RwLock};

use rocksdb::{DB, WriteBatch};

use crate::batch::Writer;
use crate::cache::NodeCache;
use crate::columns::{Column, Options};
use crate::database::{Database, Source};
use crate::error::Error;
use crate::key;
use crate::meta::{self, Reclaimed, State};
use crate::pin::Pins;
use crate::published::Published;
use crate::store::{Core, Store};

/// Opens the store at `path`, or creates it if there is no directory or an empty one. Only one
/// process may have it open; what was not flushed before an unclean stop is gone, and
/// [`Store::applied`] says where the log goes on.
pub fn open(path: &Path, options: Options) -> Result<(Store, Writer), Error> {
    // The in-memory environment has no working directory; each has a root of its own.
    let path = if options.in_memory {
        Path::new("/").join(path)
    } else {
        path.to_owned()
    };
    if !options.in_memory {
        inspect(&path)?;
    }
    let pins = Arc::new(Pins::default());
    let database = Database::open(&path, &options, &pins)?;
    settle_format(&database)?;
    let state = Arc::new(read_state(&database)?);
    let reclaimed = match database.get(Column::Meta, meta::RECLAIMED_KEY)? {
        Some(row) => Reclaimed::decode(&row)?,
        None => Reclaimed::default(),
    };
    // What was just opened is on disk.
    pins.flushed(state.base());
    let deadline = first_deadline(&database, Some(0))?;
    let core = Arc::new(Core {
        cache: NodeCache::new(options.node_cache_bytes),
        published: Published::new(database.sequence(), Arc::clone(&state), deadline),
        pins,
        bounds: options.bounds,
        durable: RwLock::new(state.applied.clone()),
        database,
    });
    let writer = Writer {
        core: Arc::clone(&core),
        state,
        deadline,
        reclaimed,
        broken: false,
    };
    Ok((Store { core }, writer))
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

/// Looks at the directory before RocksDB does, because RocksDB would create its files among
/// anybody's.
fn inspect(path: &Path) -> Result<(), Error> {
    let io_error = |operation| {
        move |source| Error::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fs::create_dir_all(path).map_err(io_error("create"));
        }
        Err(error) => return Err(io_error("list")(error)),
    };
    let mut created = false;
    for entry in entries {
        let name = entry.map_err(io_error("list"))?.file_name();
        let name = name.to_string_lossy();
        created |= name == "CURRENT";
        if !is_rocksdb_file(&name) {
            return Err(Error::NotOurs {
                path: path.to_owned(),
                found: format!("it holds \"{name}\""),
            });
        }
    }
    if created {
        check_families(path)
    } else {
        Ok(())
    }
}

fn is_rocksdb_file(name: &str) -> bool {
    let fixed = ["CURRENT", "IDENTITY", "LOCK", "LOG"];
    let prefixed = ["LOG.old.", "MANIFEST-", "OPTIONS-"];
    let suffixed = [".sst", ".log", ".dbtmp", ".blob"];
    fixed.contains(&name)
        || prefixed.iter().any(|prefix| name.starts_with(prefix))
        || suffixed.iter().any(|suffix| name.ends_with(suffix))
}

/// Makes sure that a RocksDB is ours before it is opened for writing, which would add our column
/// families to it.
fn check_families(path: &Path) -> Result<(), Error> {
    let fault = |source| Error::RocksDb {
        operation: "read the column families",
        path: path.to_owned(),
        source,
    };
    let options = rocksdb::Options::default();
    let found: BTreeSet<String> = DB::list_cf(&options, path)
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
    let db = DB::open_for_read_only(&options, path, false).map_err(fault)?;
    let format = db.get(meta::FORMAT_KEY).map_err(fault)?;
    check_version(path, format.as_deref().and_then(meta::format_version))?;
    // Creation was interrupted between two column families: nothing has been written yet.
    if found.is_subset(&ours) && db.latest_sequence_number() == 0 {
        return Ok(());
    }
    let names: Vec<_> = found.into_iter().collect();
    Err(Error::NotOurs {
        path: path.to_owned(),
        found: format!("a RocksDB with {}", names.join(", ")),
    })
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
/// written.
fn settle_format(database: &Database) -> Result<(), Error> {
    let row = database
        .get(Column::Meta, meta::FORMAT_KEY)?
        .map(|row| row.to_vec());
    match row.as_deref().map(meta::format_version) {
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
            Err(Error::NotOurs {
                path: database.path().to_owned(),
                found,
            })
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
