//! What a readable store holds, as its MANIFEST says and its directory shows.

use super::fault::Fault;
use super::live_table::Table;

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
