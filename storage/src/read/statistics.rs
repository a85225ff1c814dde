//! Figures about the store for an operator. They are approximate, local, and part of no answer to a
//! client.

use crate::format::column::Column;
use crate::read::core::Core;

/// What the store holds and uses just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Nodes, estimated.
    pub nodes: u64,
    /// Versions in history, estimated; includes what compaction has not removed yet.
    pub versions: u64,
    /// Events, estimated; includes what has not been removed yet.
    pub events: u64,
    /// Bytes of live table files.
    pub disk_bytes: u64,
    /// Bytes of memtables, those being flushed included.
    pub memtable_bytes: u64,
    /// Bytes in RocksDB's block cache.
    pub block_cache_bytes: u64,
    /// Entries in the cache of decoded nodes.
    pub node_cache_entries: u64,
    /// Bytes of that cache.
    pub node_cache_bytes: u64,
    /// Look-ups it answered since the store was opened.
    pub node_cache_hits: u64,
    /// Look-ups that went on to RocksDB.
    pub node_cache_misses: u64,
    /// Bytes that compactions still have to rewrite.
    pub pending_compaction_bytes: u64,
    /// Pins held, those of open views included.
    pub pins: u64,
    /// The oldest pinned revision, 0 if none is held.
    pub oldest_pin: u64,
    /// The oldest event that can be read.
    pub oldest_event: u64,
    /// Bytes of paths and values of all events since the beginning: what retention by bytes counts.
    pub history_bytes: u64,
}

impl Core {
    pub(crate) fn statistics(&self) -> Statistics {
        let core = self;
        let sum = |name| {
            Column::ALL
                .into_iter()
                .map(|column| core.database.property(column, name))
                .sum()
        };
        let keys = |column| core.database.property(column, c"rocksdb.estimate-num-keys");
        let cache = core.cache.summary();
        let (pins, oldest) = core.pins.summary();
        let state = core.published.latest();
        Statistics {
            nodes: keys(Column::Nodes),
            versions: keys(Column::Versions),
            events: keys(Column::Events),
            disk_bytes: sum(c"rocksdb.live-sst-files-size"),
            memtable_bytes: sum(c"rocksdb.size-all-mem-tables"),
            block_cache_bytes: core.database.block_cache().get_usage() as u64,
            node_cache_entries: cache.entries as u64,
            node_cache_bytes: cache.bytes as u64,
            node_cache_hits: cache.hits,
            node_cache_misses: cache.misses,
            pending_compaction_bytes: sum(c"rocksdb.estimate-pending-compaction-bytes"),
            pins: pins as u64,
            oldest_pin: oldest.unwrap_or(0),
            oldest_event: state.oldest_event,
            history_bytes: state.bytes,
        }
    }
}
