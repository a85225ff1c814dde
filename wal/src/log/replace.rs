//! A new log in the place of one that is of no use. Guarantees that at every instant the old log or the new
//! one is there, and that no file of the old one is ever removed by it.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 make the directory, sync the one above | as it was | as it was, or an empty directory |
//! | 2 publish a segment that starts a log and says that it replaces another (see `segment.rs`) | the old log, if any | the new log; what is older is found by open and kept aside, not removed |
//! | 3 remove what an *earlier* replace kept aside | as after 2 | as after 2 |
//! | 4 rename the old segments to `*.damaged`, sync the directory | as after 2, some of them renamed | done |
//!
//! Step 2 is one rename. The new segment has a higher number than any file here and than the witness, so a
//! witness of the old log is one that is [`Gone`](crate::WitnessCheck::Gone), not a contradiction.

use std::path::Path;

use crate::directory::{list, remove_set_aside, segments_of, set_aside};
use crate::entry::{HardState, Identity, Position};
use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::format::segment::SegmentHeader;
use crate::fs::Fs;
use crate::options::Options;
use crate::segment::sync_dir;
use crate::witness::Witness;

use super::Wal;
use super::open::{first_header, parent_of};

impl<F: Fs> Wal<F> {
    /// Starts a new log after `base` over one that [`Wal::open`] refuses, or that is gone in part or
    /// whole, for a member whose store durably holds everything up to `base`. The old segments are kept
    /// aside as `*.damaged`; those of an earlier call are removed once the new log is in place.
    ///
    /// `witness` is what is remembered of the old log, if anything: it stays valid for the new one.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::ReadOnly`]: the old log is in place as it was, and it may
    /// be called again. [`Error::Poisoned`]: the old log or the new one is in place; judge it.
    pub fn replace(
        fs: F,
        dir: &Path,
        identity: Identity,
        base: Position,
        hard_state: HardState,
        witness: Option<&Witness>,
        options: Options,
    ) -> Result<Self, Error> {
        fs.create_dir_all(dir).context("create directory", dir)?;
        let names = list(&fs, dir)?;
        sync_dir(&fs, parent_of(dir))?;
        let used = names.iter().filter_map(Name::sequence);
        let witnessed = witness.map_or(0, |witness| witness.place.sequence);
        let highest = used.max().unwrap_or(0).max(witnessed);
        let header = SegmentHeader {
            replaces: true,
            ..first_header(&fs, identity, highest.saturating_add(1), base, hard_state)
        };
        let mut log = Self::establish(fs, dir, header, options, &names)?;
        let cleared = log.clear_replaced(&names);
        match log.noting_poison(cleared) {
            Err(error @ Error::Poisoned { .. }) => Err(error),
            Err(error) => {
                // The next open goes on with it.
                tracing::warn!(%error, "segments of the log that was replaced are not yet kept aside");
                Ok(log)
            }
            Ok(()) => Ok(log),
        }
    }

    /// Steps 3 and 4.
    fn clear_replaced(&self, names: &[Name]) -> Result<(), Error> {
        remove_set_aside(&self.fs, &self.dir, names)?;
        set_aside(&self.fs, &self.dir, &segments_of(names))?;
        sync_dir(&self.fs, &self.dir)
    }
}
