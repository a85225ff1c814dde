//! The next segment. Guarantees that a segment is begun only when the one before it is durable as a whole,
//! so its header is proof of that.

use std::path::Path;
use std::sync::Arc;

use crate::entry::{HardState, Place, Position};
use crate::error::Error;
use crate::format::align;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::Fs;
use crate::options::Options;
use crate::segment::{Draft, SMALL_SEGMENT_BYTES};
use crate::spare::Spares;

use super::Wal;

/// A file for a segment with room for `need` bytes: a spare, else a small one made on the spot.
pub(crate) fn draft<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    options: &Options,
    need: u64,
) -> Result<Draft<F>, Error> {
    match spares.take(need)? {
        Some(draft) => Ok(draft),
        None => small_draft(fs, dir, spares, options, need),
    }
}

/// A file made on the spot: 1 MiB, or as much as is needed.
pub(crate) fn small_draft<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    options: &Options,
    need: u64,
) -> Result<Draft<F>, Error> {
    let len = align(options.segment_bytes.min(SMALL_SEGMENT_BYTES).max(need));
    let number = spares.next_number();
    Draft::create(fs, dir, spares.leftovers(), number, len)
}

impl<F: Fs> Wal<F> {
    /// Begins a segment in which a group of `need` bytes fits. On an error the log goes on in the old one,
    /// and the next write tries again.
    pub(super) fn rotate(&mut self, need: u64) -> Result<(), Error> {
        let segments = self.segments();
        if segments >= self.options.segments_max {
            return Err(Error::TooManySegments { segments });
        }
        self.sync_current()?;
        let draft = draft(
            &self.fs,
            &self.dir,
            &self.spares,
            &self.options,
            HEADER_BYTES + need,
        )?;
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
        let draft = draft(
            &self.fs,
            &self.dir,
            &self.spares,
            &self.options,
            HEADER_BYTES,
        )?;
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
