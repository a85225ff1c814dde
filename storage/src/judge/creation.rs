//! Whether nothing was ever written: RocksDB's creation of a store was cut short.
//!
//! | RocksDB's step | a kill behind it leaves |
//! |---|---|
//! | lock, info log, identity | these files |
//! | MANIFEST-000001 with one record, synced | also this file, perhaps torn |
//! | CURRENT by rename | a database with one column family |
//! | a new MANIFEST that begins with a description of what is live, synced; CURRENT by rename | the same |
//! | a record for each further column family | some of the column families |
//! | our first two rows (format and state) are flushed into a table | also this table, perhaps not complete, that nothing names yet |
//! | the record that names it | a store |
//!
//! Whatever else is found where the MANIFEST knows no table has lost its MANIFEST. RocksDB would
//! remove every table that the MANIFEST does not name, so such a directory is not opened.

use super::counted_file::Effort;
use super::directory::StoreDirectory;
use super::ending::Ending;
use super::fault::{Fault, Reason};
use super::manifest::{self, Manifest};
use super::table;
use crate::error::Error;

/// The format row and the first state.
const FIRST_ROWS: u64 = 2;
/// The only MANIFEST that is not begun with a description: nothing is live yet.
const FIRST_MANIFEST: &str = "MANIFEST-000001";

/// Whether a directory without CURRENT holds no more than the first two steps leave.
pub(super) fn before_current(
    directory: &StoreDirectory,
    effort: &mut Effort,
) -> Result<bool, Error> {
    let later = |name: &str| {
        let suffixes = [".sst", ".blob"];
        suffixes.iter().any(|suffix| name.ends_with(suffix)) || name.starts_with("OPTIONS-")
    };
    if directory.has_logged_rows() || directory.files.keys().any(|name| later(name)) {
        return Ok(false);
    }
    match directory.manifests()[..] {
        [] => Ok(true),
        [FIRST_MANIFEST] => match manifest::read(directory, FIRST_MANIFEST, effort) {
            Ok(manifest) => {
                Ok(nothing_written(directory, &manifest) && manifest.families() == ["default"])
            }
            Err(Ending::Fault(fault)) => Ok(matches!(fault.reason, Reason::Incomplete(_))),
            Err(Ending::Error(error)) => Err(error),
        },
        _ => Ok(false),
    }
}

/// The MANIFEST holds all of the description that it begins with; otherwise the fault. RocksDB syncs
/// it before CURRENT names the file, so no kill can cut it short.
pub(super) fn described(
    directory: &StoreDirectory,
    name: &str,
    manifest: &Manifest,
) -> Result<(), Ending> {
    if manifest.state.described || name == FIRST_MANIFEST {
        return Ok(());
    }
    Err(Ending::Fault(Fault {
        path: directory.file(name),
        offset: manifest.torn.map(|torn| torn.offset),
        table: None,
        reason: Reason::Incomplete("it has described what was live when it was begun"),
    }))
}

/// Whether the MANIFEST knows of nothing.
pub(super) fn nothing_written(directory: &StoreDirectory, manifest: &Manifest) -> bool {
    manifest.tables() == 0 && manifest.last_sequence() == 0 && !directory.has_logged_rows()
}

/// What the directory holds fits a MANIFEST that knows of nothing; otherwise the fault.
pub(super) fn fits_nothing(
    directory: &StoreDirectory,
    manifest: &str,
    effort: &mut Effort,
) -> Result<(), Ending> {
    let unnamed = directory.unnamed(|_| false, Some(manifest));
    let tables: Vec<_> = unnamed
        .iter()
        .filter(|(name, _)| name.ends_with(".sst"))
        .collect();
    let fits = match tables[..] {
        [] => true,
        [(name, _)] => match table::complete(directory, name, effort)? {
            None => true,
            Some(first) => {
                first.family == Some(0) && first.rows.is_some_and(|rows| rows <= FIRST_ROWS)
            }
        },
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Ending::Fault(Fault {
        path: directory.file(manifest),
        offset: None,
        table: None,
        reason: Reason::Behind {
            tables: tables.len(),
        },
    }))
}
