//! What others may do to the log's files and disk while it is open. Guarantees that looking changes nothing, and asks the
//! file system for one name of each segment.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use crate::fs::Fs;
use crate::segment::Segment;

use super::Wal;

/// The part of a full segment that is kept for what is accepted already when writes are to be refused.
const BURST: u64 = 8;

impl<F: Fs> Wal<F> {
    /// A segment of the log, the newest first, whose name no longer leads to the file that this log writes or reads. What
    /// is synced from then on is found by no restart. An answer that says nothing of the name is none.
    #[must_use]
    pub fn missing_segment(&self) -> Option<PathBuf> {
        let segments: Vec<Arc<Segment<F>>> = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            index.segments().iter().rev().cloned().collect()
        };
        let gone = |segment: &&Arc<Segment<F>>| {
            matches!(self.fs.leads_to(&segment.path, &segment.file), Ok(false))
        };
        let found = segments.iter().find(gone)?;
        Some(found.path.clone())
    }

    /// Whether it is time to refuse writes for want of space, so that what was accepted still fits: the next segment could
    /// not be prepared, and what is left of this one, with the `spare_bytes` of the disk that may go into small segments
    /// made on the spot, is less than an eighth of a full segment. That is many times the largest group.
    #[must_use]
    pub fn space_low(&self, spare_bytes: u64) -> bool {
        let left = self.capacity.saturating_sub(self.written.place.offset);
        self.spares.space_low()
            && left.saturating_add(spare_bytes) < self.options.segment_bytes / BURST
    }
}
