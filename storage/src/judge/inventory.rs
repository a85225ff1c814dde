//! What a readable store holds, as its MANIFEST says and its directory shows.

use std::fmt;

use super::fault::Fault;

/// A store whose MANIFEST can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The name of the MANIFEST file that CURRENT names.
    pub manifest: String,
    /// The column families, sorted by name.
    pub families: Vec<String>,
    /// Every live table, sorted by family and number.
    pub tables: Vec<Table>,
    /// The last sequence number that is on disk.
    pub last_sequence: u64,
    /// The end of the MANIFEST that does not count, if there is one.
    pub torn: Option<Torn>,
    /// Files that nothing names: what a kill leaves of a flush, a compaction or an opening. They
    /// are no reason for doubt, and RocksDB removes them.
    pub leftovers: Vec<Leftover>,
    /// Entries that are none of RocksDB's, which leaves them alone, sorted.
    pub strays: Vec<String>,
    /// What is wrong with single tables.
    pub faults: Vec<Fault>,
}

/// A live table, as the MANIFEST describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name of its column family.
    pub family: String,
    /// Its number, from which its name is made.
    pub number: u64,
    /// Its level.
    pub level: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// The smallest key of its rows.
    pub smallest: Vec<u8>,
    /// The largest key of its rows; the end of a range that was removed may be the bound itself.
    pub largest: Vec<u8>,
    /// Its unique id, unless the MANIFEST has none. The first word is the lower half of the id of
    /// the process (session) that wrote it; the second is a hash, combined with the number.
    pub unique_id: Option<[u64; 2]>,
}

impl Table {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        table_name(self.number)
    }
}

/// The name of the file of a table.
pub(super) fn table_name(number: u64) -> String {
    format!("{number:06}.sst")
}

/// How much of a key a message shows.
const KEY_SHOWN: usize = 64;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |key: &[u8]| {
            let more = if key.len() > KEY_SHOWN { "…" } else { "" };
            format!(
                "\"{}{more}\"",
                key[..key.len().min(KEY_SHOWN)].escape_ascii()
            )
        };
        write!(
            f,
            "column family {}, level {}, rows {} to {}",
            self.family,
            self.level,
            shown(&self.smallest),
            shown(&self.largest)
        )
    }
}

/// The end of a MANIFEST that was being written when the process or the machine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins; what lies before it is whole.
    pub offset: u64,
    /// How many bytes do not count.
    pub bytes: u64,
    /// Whether RocksDB drops the same bytes by itself. If not, it refuses the file or reads it for
    /// ever: the file has to be cut at the offset before RocksDB may see it.
    pub rocksdb_drops: bool,
}

/// A file that nothing names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The last sequence number in it, if it is a complete table that says so.
    pub last_sequence: Option<u64>,
}
