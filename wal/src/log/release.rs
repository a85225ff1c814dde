//! Release of old segments. Guarantees that the segments on disk are a run without a hole at every
//! instant: each name is gone for good before the next one goes.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | oldest segment renamed to a spare, or removed | it is still part of the log on open | it is gone, or, after a power loss, still there |
//! | directory synced | as above | it is gone for good; only now the next one is touched |

use std::io::ErrorKind;
use std::sync::Arc;

use crate::error::{Context, Error};
use crate::fs::Fs;
use crate::segment::{Segment, open_dir, sync_opened};

use super::Wal;

impl<F: Fs> Wal<F> {
    /// Releases every segment whose entries are all at or below `through`, the newest segment never.
    /// Released files are kept as spares, up to [`Options::spare_segments`](crate::Options), or removed.
    /// An index that is not durable yet releases nothing.
    ///
    /// # Errors
    /// [`Error::Io`]: the entries are released, a file stays behind until the next call or open.
    /// [`Error::Poisoned`].
    pub fn release(&mut self, through: u64) -> Result<(), Error> {
        self.release_keeping(through, 1)
    }

    /// The same, oldest first, while there are more than so many segments.
    ///
    /// # Errors
    /// As of [`Wal::release`].
    pub fn release_keeping(&mut self, through: u64, segments: usize) -> Result<(), Error> {
        self.check_poison()?;
        // A tail that is being replaced may have made the log shorter than what is durable of it.
        let through = through.min(self.durable.index).min(self.written.last.index);
        while self.segments() > segments {
            let released = self.index_mut().release_oldest(through);
            match released {
                Some(segment) => self.retired.push_back(segment),
                None => break,
            }
        }
        self.assert_order();
        let retired = self.retire();
        self.noting_poison(retired)
    }

    /// Takes the files of released segments away, oldest first.
    pub(super) fn retire(&mut self) -> Result<(), Error> {
        if self.retired.is_empty() {
            return Ok(());
        }
        let directory = open_dir(&self.fs, &self.dir)?;
        while let Some(segment) = self.retired.front() {
            match self.put_away(segment) {
                // An earlier attempt that reported an error had worked.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                result => result?,
            }
            self.retired.pop_front();
            sync_opened(&directory, &self.dir)?;
        }
        Ok(())
    }

    fn put_away(&self, segment: &Arc<Segment<F>>) -> Result<(), Error> {
        // A reader that still holds the segment must not find another use's bytes in it. The index has
        // let go of it, so nobody else can take hold of it from here on.
        let unread = Arc::strong_count(segment) == 1;
        let bytes = segment.bytes;
        if !unread || !self.spares.wants(bytes) {
            return self
                .fs
                .remove(&segment.path)
                .context("remove", &segment.path);
        }
        let number = self.spares.next_number();
        let spare = self.spares.path_of(number);
        let renamed = self.fs.rename(&segment.path, &spare);
        // A rename that reported an error may have worked: then the next attempt does not find the segment,
        // and nobody would know of the spare. Or the thread was faster with a spare of its own.
        if renamed.is_err() || !self.spares.offer(number, bytes) {
            self.spares.leftovers().discard(&self.fs, spare);
        }
        renamed.context("rename", &segment.path)
    }
}
