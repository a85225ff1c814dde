//! What the caller may choose.

use std::time::Duration;

use crate::bounds::Bounds;

/// How much the store may use, and where it lives.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Bytes of RocksDB's block cache, which also holds index and filter blocks.
    pub cache_bytes: usize,
    /// Bytes of the cache of hot decoded nodes before it; 0 turns it off.
    pub node_cache_bytes: usize,
    /// Bytes of all memtables together: what an unclean stop has to replay, and what writing costs
    /// in memory.
    pub memtable_bytes: usize,
    /// Files that RocksDB keeps open; the rest are opened when they are needed.
    pub max_open_files: i32,
    /// Threads for flushes and compactions.
    pub background_jobs: i32,
    /// How long a read waits while the store is reopened.
    pub read_patience: Duration,
    /// Keep everything in memory (tests): nothing is written below the path, and nothing outlives
    /// the handles.
    pub in_memory: bool,
    /// Replicated meaning, and no option: lowered by tests alone.
    #[doc(hidden)]
    pub bounds: Bounds,
}

impl Default for StoreOptions {
    /// A server on a small machine: about 60 MiB when every cache is full. Larger memtables save
    /// little processor time at this size, and a larger block cache pays only for data that is read
    /// again.
    fn default() -> Self {
        Self {
            cache_bytes: 24 << 20,
            node_cache_bytes: 8 << 20,
            memtable_bytes: 16 << 20,
            max_open_files: 1_000,
            background_jobs: 2,
            read_patience: Duration::from_secs(5),
            in_memory: false,
            bounds: Bounds::default(),
        }
    }
}
