//! Append, write, sync. Guarantees one copy of a payload, one write for each group, one `fdatasync` for
//! each sync, and no allocation once the buffers have grown.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | append | – | nothing of it on disk |
//! | write | nothing of it on disk | any sectors of it may arrive; open keeps whole groups up to the first bad one and drops the rest |
//! | sync | as after write | everything appended before is there on open |

use crate::entry::{Durable, Entry, HardState};
use crate::error::{Context, Error};
use crate::format::group::GroupHeader;
use crate::format::{PAYLOAD_BYTES_MAX, SECTOR};
use crate::fs::{File, Fs};
use crate::scan;
use crate::segment::sync_failed;

use super::Wal;

impl<F: Fs> Wal<F> {
    /// Buffers entries and then a hard state, in this order. An entry whose index is already in the log
    /// replaces it and drops all after it.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`], [`Error::Compacted`], [`Error::TooLarge`]: nothing was buffered.
    /// [`Error::Poisoned`].
    pub fn append(
        &mut self,
        entries: &[Entry],
        hard_state: Option<&HardState>,
    ) -> Result<(), Error> {
        self.check_poison()?;
        self.check_entries(entries)?;
        for entry in entries {
            self.pending.push_entry(entry, self.appended_last);
            self.appended_last = entry.index;
        }
        if let Some(state) = hard_state {
            self.pending.push_hard_state(state, self.appended_last);
            self.appended_hard_state = *state;
        }
        self.assert_order();
        Ok(())
    }

    fn check_entries(&self, entries: &[Entry]) -> Result<(), Error> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let start = self.first_index();
        if first.index < start {
            return Err(Error::Compacted {
                index: first.index,
                first: start,
            });
        }
        let mut previous = self.appended_last.min(first.index - 1);
        for entry in entries {
            if entry.index.checked_sub(1) != Some(previous) || entry.index == u64::MAX {
                return Err(Error::OutOfOrder {
                    index: entry.index,
                    previous,
                });
            }
            if entry.payload.len() > PAYLOAD_BYTES_MAX {
                return Err(Error::TooLarge {
                    index: entry.index,
                    bytes: entry.payload.len(),
                    limit: PAYLOAD_BYTES_MAX,
                });
            }
            previous = entry.index;
        }
        Ok(())
    }

    /// Writes what is buffered, without a sync. A group that does not fit begins a new segment.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::TooManySegments`] (the temporary ones, see
    /// [`Error::is_temporary`]) and [`Error::Io`]: the group that failed and all after it stay buffered,
    /// nothing of them counts, and the call may be repeated. [`Error::Poisoned`].
    pub fn write(&mut self) -> Result<(), Error> {
        self.check_poison()?;
        while let Some(group) = self.pending.front_mut() {
            let need = group.padded_len();
            if self.written.place.offset + need > self.capacity {
                let cut = self.cut(need);
                self.noting_poison(cut)?;
            }
            self.write_group()?;
        }
        self.assert_order();
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let Some(group) = self.pending.front_mut() else {
            return Ok(());
        };
        let place = self.written.place;
        let salt = self.current.header.salt;
        let (bytes, summary) = group.seal(&GroupHeader {
            salt,
            place,
            durable: self.durable.place,
            durable_index: self.durable.index,
            chain_before: self.written.chain,
            first_index: 0,
            entries: 0,
            records: 0,
            body_bytes: 0,
        });
        // Before it is written: what cannot be read back must not be acknowledged.
        let read = scan::summary(bytes, place, salt);
        assert!(
            read.as_ref() == Ok(summary),
            "invariant group-decodes: the group at {place:?} is sealed as {summary:?} and decodes to {read:?}"
        );
        if let Err(error) = self.current.file.write_all_at(place.offset, bytes) {
            group.unseal();
            // Undo, so that not even a crash right now brings the group back. When this fails too, a
            // crash may: the group is then as one that was written and never synced.
            let _ = self
                .current
                .file
                .write_at(place.offset, &[0; SECTOR as usize]);
            return Err(error).context("write", &self.current.path);
        }
        self.written.advance(summary);
        if let Some(summary) = self.pending.pop() {
            let noted = self.index_mut().apply(&summary);
            noted.expect("append refuses a gap, and groups are written in the order of appending");
        }
        Ok(())
    }

    /// Writes what is buffered and makes it durable with one `fdatasync`.
    ///
    /// # Errors
    /// As [`Wal::write`]; nothing of a failed call may be acknowledged. [`Error::Poisoned`] when the sync
    /// itself failed, then and for ever.
    pub fn sync(&mut self) -> Result<Durable, Error> {
        self.write()?;
        let synced = self.sync_current();
        self.noting_poison(synced)?;
        self.assert_order();
        Ok(self.durable)
    }

    /// Syncs the current segment unless all of it is durable already.
    pub(super) fn sync_current(&mut self) -> Result<(), Error> {
        if self.durable.place < self.written.place {
            self.current
                .file
                .sync_data()
                .map_err(|error| sync_failed(&self.current.path, &error))?;
            self.durable = self.written.durable();
        }
        Ok(())
    }
}
