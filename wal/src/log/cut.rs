//! The next segment. Guarantees that a segment is begun only when the one before it is durable as a whole,
//! so its header is proof of that.

use std::sync::Arc;

use crate::error::Error;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::Fs;

use super::Wal;

impl<F: Fs> Wal<F> {
    /// Begins a segment in which a group of `need` bytes fits. On an error the log goes on in the old one,
    /// and the next write tries again.
    pub(super) fn cut(&mut self, need: u64) -> Result<(), Error> {
        let segments = self.segments();
        if segments >= self.options.segments_max {
            return Err(Error::TooManySegments { segments });
        }
        self.sync_current()?;
        let draft = self.spares.draft(HEADER_BYTES + need)?;
        let header = SegmentHeader {
            identity: self.identity,
            sequence: self.next_sequence,
            salt: self.fs.entropy(),
            starts_log: false,
            reused: false,
            rewritten: false,
            replaces: false,
            length: None,
            chain_before: self.written.chain,
            previous: self.written.place,
            base: self.written.last,
            hard_state: self.written.hard_state,
        };
        let segment = draft.publish(&self.fs, &self.dir, self.spares.leftovers(), header)?;
        self.index_mut().add_segment(Arc::clone(&segment));
        self.switch_to(segment);
        self.assert_order();
        Ok(())
    }

    /// Makes a zero-filled spare now when none is ready; true when one was made. For callers without
    /// the background thread.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::Io`]: there is no spare, the log is not affected.
    pub fn prepare_next(&self) -> Result<bool, Error> {
        self.spares.prepare()
    }
}
