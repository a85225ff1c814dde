//! The next segment. Guarantees that a segment is begun only when the one before it is durable as a whole,
//! so its header is proof of that.

use std::sync::Arc;

use crate::entry::{HardState, Place, Position};
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

    /// Drops the whole log and starts it again after `base`, with this hard state: for an installed
    /// snapshot, or a store that is ahead of the log. What is buffered is dropped too.
    ///
    /// The new segment's name is the commit point: before it the old log is there on open, after it the
    /// new one, and open removes what is left of the old.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::Io`]: the old log goes on. [`Error::Poisoned`].
    pub fn restart_at(&mut self, base: Position, hard_state: HardState) -> Result<(), Error> {
        self.check_poison()?;
        let restarted = self.begin_again(base, hard_state);
        self.noting_poison(restarted)?;
        let retired = self.retire();
        match self.noting_poison(retired) {
            Err(error @ Error::Poisoned { .. }) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "old log segments stay for now");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn begin_again(&mut self, base: Position, hard_state: HardState) -> Result<(), Error> {
        let draft = self.spares.draft(HEADER_BYTES)?;
        let header = SegmentHeader {
            identity: self.identity,
            sequence: self.next_sequence,
            salt: self.fs.entropy(),
            starts_log: true,
            reused: false,
            rewritten: false,
            replaces: false,
            length: None,
            chain_before: self.written.chain,
            previous: Place::default(),
            base,
            hard_state,
        };
        let segment = draft.publish(&self.fs, &self.dir, self.spares.leftovers(), header)?;
        let old = self.index_mut().restart(Arc::clone(&segment));
        self.retired.extend(old);
        self.pending.clear();
        self.appended_last = base.index;
        self.appended_hard_state = hard_state;
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
