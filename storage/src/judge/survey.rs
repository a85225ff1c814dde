//! What the MANIFEST names and what the directory holds, side by side.

use super::counted_file::Effort;
use super::directory::StoreDirectory;
use super::ending::Ending;
use super::fault::{Fault, Reason};
use super::inventory::{Inventory, Leftover};
use super::live_table::Table;
use super::manifest::Manifest;
use super::table;
use crate::error::Error;
use crate::format::column::Column;

/// How many atomic flushes may be under way at once, each with a table for every column family.
/// RocksDB runs one with our number of background jobs.
const FLUSHES: usize = 2;

/// Everything about a store whose MANIFEST was read.
pub(super) fn inventory(
    directory: &StoreDirectory,
    name: String,
    manifest: Manifest,
    effort: &mut Effort,
) -> Result<Inventory, Ending> {
    let leftovers = leftovers(directory, &name, &manifest, effort)?;
    let last_sequence = manifest.last_sequence();
    let behind = leftovers
        .iter()
        .filter(|left| left.last_sequence.is_some_and(|last| last > last_sequence))
        .count();
    if behind > FLUSHES * Column::ALL.len() {
        return Err(Ending::Fault(Fault {
            path: directory.file(&name),
            offset: None,
            table: None,
            reason: Reason::Behind { tables: behind },
        }));
    }
    let families = manifest.families();
    let torn = manifest.torn;
    let tables = live_tables(manifest);
    let mut faults = Vec::new();
    for table in &tables {
        faults.extend(table::check(directory, table, effort)?);
    }
    Ok(Inventory {
        manifest: name,
        families,
        tables,
        last_sequence,
        torn,
        leftovers,
        strays: directory.strays.clone(),
        faults,
    })
}

fn live_tables(manifest: Manifest) -> Vec<Table> {
    let mut families: Vec<_> = manifest.state.families.into_values().collect();
    families.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut tables = Vec::new();
    for family in families {
        tables.extend(family.tables.into_values().map(|table| Table {
            family: family.name.clone(),
            number: table.number,
            level: table.level,
            bytes: table.bytes,
            smallest: table.smallest,
            largest: table.largest,
            unique_id: table.unique_id,
        }));
    }
    tables
}

fn leftovers(
    directory: &StoreDirectory,
    name: &str,
    manifest: &Manifest,
    effort: &mut Effort,
) -> Result<Vec<Leftover>, Error> {
    let unnamed = directory.unnamed(|number| manifest.names(number), Some(name));
    unnamed
        .into_iter()
        .map(|(name, bytes)| {
            let mut last_sequence = None;
            if name.ends_with(".sst") {
                let complete = table::complete(directory, name, effort)?;
                last_sequence = complete.and_then(|properties| properties.last_sequence);
            }
            Ok(Leftover {
                name: name.to_owned(),
                bytes,
                last_sequence,
            })
        })
        .collect()
}
