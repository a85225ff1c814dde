//! When the store is asked for a flush, and whether it delays writes: counted by what was applied.

use crate::node::batch::FlushRequest;
use crate::node::status::Status;

/// Bytes of commands after which the store is flushed whatever their number: the log may drop them then.
const FLUSH_BYTES: u64 = 128 << 20;
/// After so many entries, or bytes of them, the store is asked whether it delays writes, which takes RocksDB's lock. It
/// begins to delay them one memtable before it stops them, and a memtable takes more than this, whether by bytes or by
/// range deletions.
const DELAYS_ENTRIES: u64 = 128;
const DELAYS_BYTES: u64 = 256 << 10;

/// What was applied since.
#[derive(Debug, Default, Clone, Copy)]
struct Amount {
    entries: u64,
    bytes: u64,
}

impl Amount {
    fn add(&mut self, entries: u64, bytes: u64) {
        self.entries += entries;
        self.bytes += bytes;
    }

    fn reaches(self, entries: u64, bytes: u64) -> bool {
        self.entries >= entries || self.bytes >= bytes
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct StorePace {
    since_flush: Amount,
    since_asked: Amount,
    flush_after: u64,
    flush: FlushRequest,
}

impl StorePace {
    /// Asks `flush` for a flush after every `flush_after` entries.
    pub(super) fn new(flush_after: u64, flush: FlushRequest) -> Self {
        Self {
            since_flush: Amount::default(),
            since_asked: Amount::default(),
            flush_after,
            flush,
        }
    }

    pub(super) fn flush_request(&self) -> &FlushRequest {
        &self.flush
    }

    /// A group was applied.
    pub(super) fn count(
        &mut self,
        (entries, bytes): (u64, u64),
        writer: &storage::Writer,
        status: &Status,
    ) {
        self.since_flush.add(entries, bytes);
        if self.since_flush.reaches(self.flush_after, FLUSH_BYTES) {
            self.since_flush = Amount::default();
            // One request waits already: that flush will hold these entries too.
            let _ = self.flush.try_send(());
        }
        // Whoever would apply on the spot has to know before it is caught in a write that waits. While the answer is yes,
        // it is asked after each group, so that it is taken back soon.
        self.since_asked.add(entries, bytes);
        let due = self.since_asked.reaches(DELAYS_ENTRIES, DELAYS_BYTES);
        if due || status.store_delays() {
            self.since_asked = Amount::default();
            status.set_store_delays(writer.delays_writes());
        }
    }
}
