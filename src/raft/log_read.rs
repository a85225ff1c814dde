//! The seam to the log on disk.

/// Read access to the durable log.
pub trait LogRead: Send {
    /// Entries in `[low, high)`, at least one if there are any, then at most `max_bytes` of payload.
    fn entries(&self, low: u64, high: u64, max_bytes: usize)
    -> Result<Vec<wal::Entry>, wal::Error>;
    /// The term of an entry, or of the position before the first one; `None` if it is not in the log.
    fn term(&self, index: u64) -> Result<Option<u64>, wal::Error>;
    /// The first index that can be read.
    fn first_index(&self) -> u64;
}

impl<F: wal::fs::Fs> LogRead for wal::Reader<F> {
    fn entries(
        &self,
        low: u64,
        high: u64,
        max_bytes: usize,
    ) -> Result<Vec<wal::Entry>, wal::Error> {
        wal::Reader::entries(self, low, high, max_bytes)
    }

    fn term(&self, index: u64) -> Result<Option<u64>, wal::Error> {
        wal::Reader::term(self, index)
    }

    fn first_index(&self) -> u64 {
        wal::Reader::first_index(self)
    }
}
