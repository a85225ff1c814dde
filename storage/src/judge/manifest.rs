//! A MANIFEST, read from one end to the other.

use super::counted_file::{CountedFile, Effort};
use super::directory::StoreDirectory;
use super::edit::Edit;
use super::ending::{Ending, unreadable};
use super::fault::{Fault, Reason};
use super::inventory::Torn;
use super::records::{ManifestItem, Records};
use super::state::ManifestState;

/// RocksDB begins a new one behind 1 GiB. Of a larger one not a byte is read: it may be a hole of any
/// size, and every start would read all of it.
const LARGEST: u64 = 2 << 30;

#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) state: ManifestState,
    pub(super) torn: Option<Torn>,
}

impl Manifest {
    pub(super) fn last_sequence(&self) -> u64 {
        self.state.last_sequence.unwrap_or(0)
    }

    pub(super) fn tables(&self) -> usize {
        let families = self.state.families.values();
        families.map(|family| family.tables.len()).sum()
    }

    pub(super) fn names(&self, number: u64) -> bool {
        let mut families = self.state.families.values();
        families.any(|family| family.tables.contains_key(&number))
    }

    /// The names of the column families, sorted.
    pub(super) fn families(&self) -> Vec<String> {
        let families = self.state.families.values();
        let mut names: Vec<_> = families.map(|family| family.name.clone()).collect();
        names.sort_unstable();
        names
    }
}

/// Reads the MANIFEST of this name, which the directory holds.
pub(super) fn read(
    directory: &StoreDirectory,
    name: &str,
    effort: &mut Effort,
) -> Result<Manifest, Ending> {
    let path = directory.file(name);
    let size = directory.size(name).unwrap_or(0);
    if size > LARGEST {
        return Err(Ending::Fault(Fault {
            path,
            offset: None,
            table: None,
            reason: Reason::Huge { found: size },
        }));
    }
    let source = CountedFile::open(&path, effort).map_err(unreadable("open", &path))?;
    let mut records = Records::new(&path, size, source)?;
    let mut state = ManifestState::new();
    let mut torn = loop {
        let (taken, offset) = match records.advance()? {
            ManifestItem::End(torn) => break torn,
            ManifestItem::Record {
                offset, content, ..
            } => (
                Edit::decode(content)
                    .map_err(|what| format!("{what} cannot be read"))
                    .and_then(|edit| state.take(edit, offset)),
                offset,
            ),
        };
        taken.map_err(|what| records.fault(offset, Reason::Meaning(what)))?;
    };
    if let Some(offset) = state.open_group() {
        torn = Some(Torn {
            offset,
            bytes: size.saturating_sub(offset),
            rocksdb_drops: torn.is_none_or(|torn| torn.rocksdb_drops),
        });
    }
    match state.lacks() {
        Some(what) => Err(Ending::Fault(Fault {
            path,
            offset: torn.map(|torn| torn.offset),
            table: None,
            reason: Reason::Incomplete(what),
        })),
        None => Ok(Manifest { state, torn }),
    }
}
