//! Whose directory it is, looked at before RocksDB opens it: RocksDB would create its files among anybody's.
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

use rocksdb::DB;

use crate::engine::attribution::Attribution;
use crate::engine::damage_report::report;
use crate::engine::home::Home;
use crate::engine::mode::Mode;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::file_name::{self, Kind};
use crate::format::meta;

/// Makes the directory where there is none and something may be written.
pub(crate) fn make(path: &Path, mode: &Mode) -> Result<(), Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !mode.is_read_only() => {
            fs::create_dir_all(path).map_err(io_error("create", path))
        }
        _ => Ok(()),
    }
}

/// Looks at the directory before RocksDB does, because RocksDB would create its files among
/// anybody's. Among the files of a store of ours, others do not matter: see [`file_name`].
pub(crate) fn inspect(home: &Home, mode: &Mode) -> Result<(), Error> {
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

pub(crate) fn not_ours(path: &Path, found: String) -> Error {
    Error::NotOurs {
        path: path.to_owned(),
        found,
    }
}

/// Makes sure that a RocksDB is ours before it is opened for writing, which would add our column
/// families to it.
fn check_families(home: &Home, stray: Option<String>) -> Result<(), Error> {
    let path = home.shown();
    let fault = |source| match report(&source) {
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

pub(crate) fn check_version(path: &Path, version: Option<u32>) -> Result<(), Error> {
    match version {
        Some(found) if found > meta::FORMAT_VERSION => Err(Error::NewerFormat {
            path: path.to_owned(),
            found,
            known: meta::FORMAT_VERSION,
        }),
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
