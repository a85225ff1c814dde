//! The log started again. Guarantees that it is the old log or the new one at every instant, and that nothing of the old
//! one counts once the new one is there.

use std::sync::Arc;

use crate::entry::{HardState, Position};
use crate::error::Error;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::Fs;

use super::Wal;
use super::open::first_header;

impl<F: Fs> Wal<F> {
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
        let sequence = self.next_sequence;
        let header = SegmentHeader {
            chain_before: self.written.chain,
            ..first_header(&self.fs, self.identity, sequence, base, hard_state)
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
}
