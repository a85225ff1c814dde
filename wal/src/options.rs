//! Tuning of a log. Guarantees that every default is a bound: no option means "unlimited".

use crate::format::SECTOR;

/// Sizes and counts of a [`Wal`](crate::Wal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a full segment file. Default 64 MiB, at least 4 KiB; rounded up to whole sectors.
    /// A record that does not fit gets a segment of its own size.
    pub segment_bytes: u64,
    /// How many released segments are kept as spares for reuse. Default 2.
    pub spare_segments: usize,
    /// Bytes after which a group is closed and another one begun. Default 1 MiB.
    pub group_bytes: usize,
    /// How many segments, and so open files, the log may have. Default 4,096; 256 GiB of full ones. At
    /// the limit writes are refused for now ([`Error::TooManySegments`](crate::Error)), until segments
    /// are released; a log that has more of them opens all the same.
    pub segments_max: usize,
    /// How many torn tails are kept beside the log; the oldest go first. Default 4.
    pub torn_files: usize,
    /// Whether a thread of the crate's own keeps a zero-filled spare ready. Default true. Without it
    /// the caller calls [`Wal::prepare_next`](crate::Wal::prepare_next), or each cut makes a small
    /// segment on the spot.
    pub background: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            spare_segments: 2,
            group_bytes: 1 << 20,
            segments_max: 4096,
            torn_files: 4,
            background: true,
        }
    }
}

impl Options {
    /// Sizes the format can live with.
    pub(crate) fn normal(mut self) -> Self {
        let least = 8 * SECTOR;
        let most = u64::MAX / 4;
        self.segment_bytes = self.segment_bytes.clamp(least, most).div_ceil(SECTOR) * SECTOR;
        self.segments_max = self.segments_max.max(2);
        self
    }
}
