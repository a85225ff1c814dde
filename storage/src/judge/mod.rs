//! A judgement of a store's directory before RocksDB may open it.
//!
//! RocksDB takes a damaged MANIFEST for a shorter one, and then removes every table that the rest
//! named; it may also read one for ever; and it does not look at every table when it opens. So the
//! files are read here first. [`judge`] writes nothing, takes no lock, and leaves the directory as
//! it is; it must not run while the store is open. Its memory is bounded by the live tables and one
//! record of the MANIFEST, its time by the MANIFEST's size and the number of tables. No bytes in
//! any file make it panic or go on for ever.
//!
//! ```text
//! directory ──> CURRENT ──> framing ──> records ──> edit ──> state ──> table (footer, properties)
//!   names       which      checksums   torn or    fields    live      there, whole, and the
//!              MANIFEST                damaged              tables    one that is meant
//! ```
//!
//! **Not seen.** Damage in the rows of a table, which RocksDB's block checksums find when they are
//! read. A MANIFEST that lost whole records behind the description of the store that it begins with
//! is seen only by what the directory holds: tables missing, or more complete tables from behind
//! its end than one kill can leave.

mod block;
mod bytes;
mod counted_file;
mod creation;
mod current;
mod directory;
mod edit;
mod ending;
mod fault;
mod footer;
mod framing;
#[cfg(test)]
mod fuzz;
mod inventory;
mod live_table;
mod manifest;
mod new_table;
mod properties;
mod records;
mod state;
mod survey;
mod table;

use std::path::Path;

use directory::{CURRENT, Found, StoreDirectory};
use ending::Ending;
use manifest::Manifest;

use crate::error::Error;
use crate::format::column::Column;

pub use counted_file::Effort;
pub use fault::{Fault, Reason};
pub use framing::Flaw;
pub use inventory::{Inventory, Leftover, Torn};
pub use live_table::Table;

/// What a directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreJudgement {
    /// Nothing is there, or an empty directory.
    Absent,
    /// The creation of a store was cut short, and nothing was ever written.
    Unfinished {
        /// The MANIFEST that CURRENT names, if it got so far.
        manifest: Option<String>,
        /// The end of that MANIFEST that does not count, if there is one.
        torn: Option<Torn>,
    },
    /// Something else than a store of this program.
    Foreign {
        /// What was found.
        found: String,
        /// It is a RocksDB whose MANIFEST can be read: to open it for reading only is safe, and may
        /// show that a later release of this program made it.
        rocksdb: bool,
    },
    /// A store. Its tables may be damaged, and its MANIFEST torn: see [`Inventory::faults`] and
    /// [`Inventory::torn`]. Whether its format is ours is for its rows to say.
    Store(Inventory),
    /// CURRENT or the MANIFEST is damaged. Whatever opens this for writing destroys it.
    Unreadable(Fault),
}

/// Judges the directory at `path`. An error only says that files could not be read.
pub fn judge(path: &Path) -> Result<StoreJudgement, Error> {
    judge_with_effort(path).map(|(judgement, _)| judgement)
}

/// [`judge`], and what it has cost.
pub fn judge_with_effort(path: &Path) -> Result<(StoreJudgement, Effort), Error> {
    let mut effort = Effort::default();
    let judgement = match directory::list(path)? {
        Found::Nothing => StoreJudgement::Absent,
        Found::Foreign(found) => StoreJudgement::Foreign {
            found,
            rocksdb: false,
        },
        Found::Files(directory) => match judge_files(&directory, &mut effort) {
            Ok(StoreJudgement::Unfinished { .. }) if directory.beside().is_some() => {
                StoreJudgement::Foreign {
                    found: directory.beside().unwrap_or_default(),
                    rocksdb: false,
                }
            }
            Ok(judgement) => judgement,
            Err(Ending::Fault(fault)) => StoreJudgement::Unreadable(fault),
            Err(Ending::Error(error)) => return Err(error),
        },
    };
    Ok((judgement, effort))
}

fn judge_files(directory: &StoreDirectory, effort: &mut Effort) -> Result<StoreJudgement, Ending> {
    if directory.size(CURRENT).is_none() {
        if creation::before_current(directory, effort)? {
            let (manifest, torn) = (None, None);
            return Ok(StoreJudgement::Unfinished { manifest, torn });
        }
        return Err(Ending::Fault(current::fault(directory, None, effort)));
    }
    let name = current::named(directory, effort)?;
    let manifest = manifest::read(directory, &name, effort)?;
    let found = manifest.families();
    let mut ours = Column::ALL.map(Column::name);
    ours.sort_unstable();
    let known = found.iter().all(|name| ours.contains(&name.as_str()));
    if known {
        creation::described(directory, &name, &manifest)?;
    }
    if known && creation::nothing_written(directory, &manifest) {
        creation::fits_nothing(directory, &name, effort)?;
        return Ok(StoreJudgement::Unfinished {
            manifest: Some(name),
            torn: manifest.torn,
        });
    }
    if found != ours {
        return foreign(directory, &name, &manifest);
    }
    if let Some(found) = foreign_order(&manifest) {
        let rocksdb = true;
        return Ok(StoreJudgement::Foreign { found, rocksdb });
    }
    // RocksDB would remove what has a table's name and is none.
    if let Some(found) = directory.odd_but(|table| manifest.names(table)) {
        let rocksdb = false;
        return Ok(StoreJudgement::Foreign { found, rocksdb });
    }
    survey::inventory(directory, name, manifest, effort).map(StoreJudgement::Store)
}

/// Other column families than ours. A torn MANIFEST may have lost those that lack.
fn foreign(
    directory: &StoreDirectory,
    name: &str,
    manifest: &Manifest,
) -> Result<StoreJudgement, Ending> {
    match manifest.torn {
        Some(torn) => Err(Ending::Fault(Fault {
            path: directory.file(name),
            offset: Some(torn.offset),
            table: None,
            reason: Reason::Incomplete("it names the column families of a store"),
        })),
        None => Ok(StoreJudgement::Foreign {
            found: format!("a RocksDB with {}", manifest.families().join(", ")),
            rocksdb: true,
        }),
    }
}

/// Our column families sort their keys by bytes.
fn foreign_order(manifest: &Manifest) -> Option<String> {
    let mut families = manifest.state.families.values();
    families.find_map(|family| {
        let order = family.comparator.as_deref()?;
        (order != b"leveldb.BytewiseComparator").then(|| {
            format!(
                "column family {} is sorted by \"{}\"",
                family.name,
                order.escape_ascii()
            )
        })
    })
}
