//! How far log and store are behind what was decided: handed to them, and reported back.

use std::collections::VecDeque;

/// Ready batches given to the log thread and not yet durable, above which no new writes are taken.
const MAX_BATCHES_IN_FLIGHT: u64 = 64;
/// The same for what a leader sends. Far more than it sends without an acknowledgement: what is not taken has to be sent again, all that
/// stands behind it too, with each answer to a heartbeat, and a member whose disk is slow would cost its leader more than the others.
const MAX_BATCHES_TAKEN: u64 = 1_024;
/// Bytes of entries in either.
const MAX_BATCH_BYTES: usize = 64 << 20;
/// Entries given to the apply thread and not yet applied, above which no new writes are taken.
const MAX_ENTRIES_IN_FLIGHT: u64 = 16_384;

/// Bytes of such entries.
const MAX_BYTES_IN_FLIGHT: usize = 64 << 20;

/// What is reported was handed over before.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// The last entry of each batch for the store, and the bytes in it, until it is applied.
    groups: VecDeque<(u64, usize)>,
    bytes: usize,
    /// The same for the log, by the number of the batch.
    batches: VecDeque<(u64, usize)>,
    batch_bytes: usize,
    handed_batch: u64,
    persisted_batch: u64,
    handed_entry: u64,
    applied_entry: u64,
    /// Since when a batch is on its way to the disk and nothing has come back, by the clock that counts since boot.
    waits_since: Option<u64>,
}

impl Pipeline {
    /// Store and core start at entry `applied`.
    pub(super) fn new(applied: u64) -> Self {
        Self {
            groups: VecDeque::new(),
            bytes: 0,
            batches: VecDeque::new(),
            batch_bytes: 0,
            handed_batch: 0,
            persisted_batch: 0,
            handed_entry: applied,
            applied_entry: applied,
            waits_since: None,
        }
    }

    /// Whether a leader proposes nothing more.
    pub(super) fn is_full(&self) -> bool {
        self.holds(MAX_BATCHES_IN_FLIGHT)
    }

    /// Whether nothing more is taken of what a leader sends.
    pub(super) fn is_overfull(&self) -> bool {
        self.holds(MAX_BATCHES_TAKEN)
    }

    fn holds(&self, batches: u64) -> bool {
        self.handed_batch - self.persisted_batch > batches
            || self.batch_bytes > MAX_BATCH_BYTES
            || self.handed_entry - self.applied_entry > MAX_ENTRIES_IN_FLIGHT
            || self.bytes > MAX_BYTES_IN_FLIGHT
    }

    /// Whether no batch is on its way to the disk.
    pub(super) fn all_persisted(&self) -> bool {
        self.handed_batch == self.persisted_batch
    }

    /// The last batch that is durable.
    pub(super) fn persisted_batch(&self) -> u64 {
        self.persisted_batch
    }

    pub(super) fn hand_batch(&mut self, number: u64, bytes: usize) {
        self.handed_batch = number;
        if bytes > 0 {
            self.batch_bytes += bytes;
            self.batches.push_back((number, bytes));
        }
    }

    /// Looks at the disk: whether a batch has been on its way for longer than `patience`, and none came back meanwhile.
    pub(super) fn hangs(&mut self, now: u64, patience: u64) -> bool {
        if self.all_persisted() {
            self.waits_since = None;
            return false;
        }
        now.saturating_sub(*self.waits_since.get_or_insert(now)) > patience
    }

    pub(super) fn hand_entries(&mut self, last: u64, bytes: usize) {
        self.handed_entry = last;
        self.bytes += bytes;
        self.groups.push_back((last, bytes));
    }

    pub(super) fn persisted(&mut self, number: u64) {
        self.persisted_batch = self.persisted_batch.max(number);
        self.waits_since = None;
        while let Some((batch, bytes)) = self.batches.front().copied()
            && batch <= number
        {
            self.batches.pop_front();
            self.batch_bytes -= bytes;
        }
        assert!(
            self.persisted_batch <= self.handed_batch,
            "invariant node-persisted: batch {number} is durable, and {} was handed to the log last",
            self.handed_batch
        );
    }

    pub(super) fn applied(&mut self, index: u64) {
        self.applied_entry = self.applied_entry.max(index);
        while let Some((last, bytes)) = self.groups.front().copied()
            && last <= self.applied_entry
        {
            self.groups.pop_front();
            self.bytes -= bytes;
        }
        assert!(
            self.applied_entry <= self.handed_entry,
            "invariant node-applied: entry {index} is applied, and {} was handed to the store last",
            self.handed_entry
        );
    }

    /// The last entry that is applied.
    pub(super) fn applied_entry(&self) -> u64 {
        self.applied_entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_takes_far_more_than_a_leader_proposes_but_not_without_end() {
        let mut pipeline = Pipeline::new(0);
        let hand = |pipeline: &mut Pipeline, numbers: std::ops::RangeInclusive<u64>| {
            numbers.for_each(|number| pipeline.hand_batch(number, 1));
            (pipeline.is_full(), pipeline.is_overfull())
        };
        assert_eq!(hand(&mut pipeline, 1..=64), (false, false));
        assert_eq!(hand(&mut pipeline, 65..=1_024), (true, false));
        assert_eq!(hand(&mut pipeline, 1_025..=1_025), (true, true));
        pipeline.persisted(1_000);
        assert_eq!((pipeline.is_full(), pipeline.is_overfull()), (false, false));
        pipeline.hand_batch(1_026, MAX_BATCH_BYTES);
        assert!(pipeline.is_full() && pipeline.is_overfull(), "by its bytes");
        pipeline.persisted(1_026);
        assert!(pipeline.all_persisted() && !pipeline.is_full());
        pipeline.hand_entries(MAX_ENTRIES_IN_FLIGHT + 1, 1);
        assert!(pipeline.is_overfull(), "by what the store has not applied");
        pipeline.applied(MAX_ENTRIES_IN_FLIGHT + 1);
        assert!(!pipeline.is_overfull());
    }
}
