//! The log as consensus reads it: the newest entries in memory, the rest on disk.
//!
//! Invariants:
//! - `tail` is contiguous and ends at the last index; everything not yet applied is in it, so that the `raft` crate
//!   needs no disk to handle a ready batch (what only a slow follower needs is read elsewhere: `fetch`);
//! - `before` is the position directly before the first entry of `tail`;
//! - an entry is in `tail` before its ready batch is handed to the log thread;
//! - nothing at or below `base`, where the last snapshot stands, is asked of the reader, which may not know of it yet.
//!
//! The tail, the log's worker and the store's worker share the bytes of an entry. Only what the `raft` crate sends to a
//! follower is copied: its entries own their data. What it asks for on its own account (what is committed now, whether
//! membership changes are under way) it gets without data, since it reads kinds and places only; the caller takes the
//! committed entries themselves from the tail ([`LogView::hand_out`]).

use std::cell::Cell;
use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::entry;
use super::fetch::{Fetch, FetchedEntries, Fetches};
use super::log_read::LogRead;

/// Applied entries that stay in memory for followers a little behind, in bytes of data: what a member misses in a short
/// pause is sent without a look at the disk.
const KEEP_APPLIED_BYTES: usize = 16 << 20;

/// How often what the disk could not give is asked for until the disk is asked again.
const GONE_ASKS: u32 = 256;

/// The state of this member in a file that can be sent to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StateFile {
    /// The last entry in it.
    pub(crate) index: u64,
    /// Its term.
    pub(crate) term: u64,
    /// Who was a member then.
    pub(crate) conf_state: ConfState,
}

impl StateFile {
    /// Whether it is of use to a member that needs `index`: one that it does not name would be ignored there.
    fn serves(&self, member: u64, index: u64) -> bool {
        let ConfState {
            voters,
            learners,
            voters_outgoing,
            ..
        } = &self.conf_state;
        let named = [voters, learners, voters_outgoing];
        self.index >= index && named.iter().any(|ids| ids.contains(&member))
    }
}

/// Backs the `raft` crate's `Storage`.
pub struct LogView<R> {
    reader: R,
    tail: VecDeque<wal::Entry>,
    tail_bytes: usize,
    before: (u64, u64),
    /// The last entry that was handed out as committed, and the bytes of data above it.
    handed: u64,
    undecided_bytes: usize,
    state: RaftState,
    /// The highest index that the disk could not give, and how often it was asked for since.
    gone: Cell<(u64, u32)>,
    /// Where the last snapshot stands that this member took; 0 without one.
    base: u64,
    /// What can be sent to a member that needs more than the log holds.
    file: Option<StateFile>,
    /// Whether such a member was met and there was nothing for it.
    wants_file: Cell<bool>,
    /// See [`KEEP_APPLIED_BYTES`].
    keep_bytes: usize,
    /// What followers wait for.
    fetches: Fetches,
}

impl<R: LogRead> LogView<R> {
    /// A view whose tail starts empty after `last` (index, term): the end of what the reader holds.
    pub fn new(reader: R, hard_state: HardState, conf_state: ConfState, last: (u64, u64)) -> Self {
        Self {
            reader,
            tail: VecDeque::new(),
            tail_bytes: 0,
            before: last,
            handed: last.0,
            undecided_bytes: 0,
            gone: Cell::new((0, 0)),
            base: 0,
            file: None,
            wants_file: Cell::new(false),
            keep_bytes: KEEP_APPLIED_BYTES,
            fetches: Fetches::default(),
            state: RaftState {
                hard_state,
                conf_state,
            },
        }
    }

    /// Takes entries in; one at or below the last index replaces everything from there on. Gives what was replaced, the
    /// last one first.
    pub fn append(&mut self, entries: &[wal::Entry]) -> Vec<wal::Entry> {
        let mut replaced = Vec::new();
        let Some(first) = entries.first() else {
            return replaced;
        };
        assert!(
            first.index > self.handed,
            "a committed entry is never replaced"
        );
        assert!(first.index <= self.last() + 1, "the log has no gaps");
        while self
            .tail
            .back()
            .is_some_and(|last| last.index >= first.index)
        {
            if let Some(entry) = self.tail.pop_back() {
                self.tail_bytes -= entry.payload.len();
                self.undecided_bytes -= entry.payload.len();
                replaced.push(entry);
            }
        }
        let bytes = bytes_of(entries.iter());
        self.tail_bytes += bytes;
        self.undecided_bytes += bytes;
        self.tail.extend(entries.iter().cloned());
        replaced
    }

    /// Keeps less in memory for followers, so that a short history needs the disk, and snapshots.
    #[cfg(test)]
    pub fn keep(&mut self, bytes: usize) {
        self.keep_bytes = bytes;
    }

    /// Begins anew behind a snapshot. What was in the log is of no use: the snapshot holds all of it that was committed.
    pub fn restart_at(&mut self, base: (u64, u64)) {
        self.tail.clear();
        (self.tail_bytes, self.undecided_bytes) = (0, 0);
        (self.before, self.handed, self.base) = (base, base.0, base.0);
        self.gone.set((0, 0));
        self.fetches.clear();
    }

    /// What has to be read for followers, by somebody who may wait for the disk.
    pub(crate) fn takes_fetches(&self) -> Vec<Fetch> {
        self.fetches.take()
    }

    /// What was read. Gives those who asked: the crate is to ask again for each, and [`LogView::settle`] to follow.
    pub(crate) fn fetched(&self, fetched: FetchedEntries) -> Vec<GetEntriesContext> {
        let FetchedEntries { low, outcome } = fetched;
        let entries = match outcome {
            Ok(entries) => Some(entries),
            Err(error) => {
                self.tell_gone(low, &error);
                None
            }
        };
        self.fetches.arrive(low, entries)
    }

    /// The crate has asked again for what was read.
    pub(crate) fn settle(&self) {
        self.fetches.settle();
    }

    /// A file for members that need more than the log holds.
    pub(crate) fn set_file(&mut self, file: Option<StateFile>) {
        self.file = file;
    }

    /// Whether there is such a file.
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether a member was met that needs a file, and there is none for it. Said once for each time.
    pub(crate) fn takes_wish_for_file(&self) -> bool {
        self.wants_file.take()
    }

    /// The entries that the core calls committed now: those from the last one handed out up to `last`, an index and the
    /// term that the core knows for it. They share the tail's bytes.
    pub fn hand_out(&mut self, last: (u64, u64)) -> Vec<wal::Entry> {
        let from = (self.handed - self.before.0) as usize;
        let until = (last.0 - self.before.0) as usize;
        let entries: Vec<_> = self.tail.range(from..until).cloned().collect();
        let end = entries.last().map(|entry| (entry.index, entry.term));
        assert_eq!(end, Some(last), "what is committed is what the tail holds");
        self.undecided_bytes -= bytes_of(entries.iter());
        self.handed = last.0;
        entries
    }

    /// Bytes of data in entries that were not handed out as committed.
    pub fn undecided_bytes(&self) -> usize {
        self.undecided_bytes
    }

    /// Forgets entries at or below `applied`, but for a bounded rest; all of them where nobody follows.
    pub fn trim(&mut self, applied: u64, followed: bool) {
        let kept = match followed {
            true => self.keep_bytes,
            false => 0,
        };
        while self.tail_bytes > kept {
            match self.tail.front() {
                Some(entry) if entry.index <= applied => {
                    self.before = (entry.index, entry.term);
                    self.tail_bytes -= entry.payload.len();
                    self.tail.pop_front();
                }
                _ => return,
            }
        }
    }

    /// Bytes of entry data held in memory.
    pub fn tail_bytes(&self) -> usize {
        self.tail_bytes
    }

    /// The first index that can be read.
    pub(super) fn first(&self) -> u64 {
        let durable = self.reader.first_index().max(self.base + 1);
        durable.min(self.before.0 + 1)
    }

    fn last(&self) -> u64 {
        self.before.0 + self.tail.len() as u64
    }

    fn in_tail(&self, index: u64) -> Option<&wal::Entry> {
        let offset = index.checked_sub(self.before.0 + 1)?;
        self.tail.get(usize::try_from(offset).ok()?)
    }

    /// A follower that is far behind asks for what the disk cannot give: it needs a snapshot. The crate ends the process at
    /// any other error, so one damaged segment would take the leader with it.
    fn tell_gone(&self, index: u64, error: &dyn std::error::Error) -> raft::Error {
        tracing::error!(
            "the log cannot give entry {index} to a follower, which needs a snapshot now: {error}"
        );
        self.gone.set((self.gone.get().0.max(index), 1));
        raft::Error::Store(StorageError::Compacted)
    }

    /// Whether the disk need not be asked: the crate asks again with each group and each heartbeat, and the trouble may have
    /// passed after a while.
    fn was_gone(&self, index: u64) -> bool {
        let (gone, asked) = self.gone.get();
        // Before anything was missed the position is 0, which can be asked for too: of a follower whose log is empty.
        if asked == 0 || index > gone {
            return false;
        }
        self.gone.set((gone, asked.wrapping_add(1)));
        !asked.is_multiple_of(GONE_ASKS)
    }

    /// Entries below the tail: asked for, or here.
    fn read_below(
        &self,
        range: (u64, u64),
        max_bytes: usize,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let low = range.0;
        if low < self.first() || self.was_gone(low) {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        let Some(entries) = self.fetches.entries(range, max_bytes, context) else {
            return Err(raft::Error::Store(StorageError::LogTemporarilyUnavailable));
        };
        entries
            .into_iter()
            .map(entry::from_wal)
            .collect::<Result<_, _>>()
            .map_err(|error| self.tell_gone(low, &error))
    }
}

fn bytes_of<'a>(entries: impl Iterator<Item = &'a wal::Entry>) -> usize {
    entries.map(|entry| entry.payload.len()).sum()
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> raft::Error {
    raft::Error::Store(StorageError::Other(Box::new(error)))
}

impl<R: LogRead> Storage for LogView<R> {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(self.state.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        assert!(
            high <= self.last() + 1,
            "entries beyond the last index {}",
            self.last()
        );
        let max = max_size
            .into()
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(usize::MAX);
        if low <= self.before.0 {
            // The crate asks for nothing of its own that is not in memory.
            return self.read_below((low, high.min(self.before.0 + 1)), max, context);
        }
        let start = (low - self.before.0 - 1) as usize;
        let count = (high - low) as usize;
        let mut size = 0usize;
        let fits = |entry: &&wal::Entry| {
            let first = size == 0;
            size = size.saturating_add(entry.payload.len() + 24);
            first || size <= max
        };
        let entries = self.tail.iter().skip(start).take(count);
        let entries = entries.take_while(fits);
        // Only entries for a follower may be fetched later; the crate wants all others for itself.
        let for_follower = context.can_async();
        let converted = if for_follower {
            entries.cloned().map(entry::from_wal).collect()
        } else {
            entries.map(entry::without_data).collect::<Result<_, _>>()
        };
        converted.map_err(other)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before.0 {
            return Ok(self.before.1);
        }
        if let Some(entry) = self.in_tail(index) {
            return Ok(entry.term);
        }
        if index > self.last() {
            return Err(raft::Error::Store(StorageError::Unavailable));
        }
        // Whoever took that state goes on from there, and the log may have lost the entry with its segment: without its term
        // the same state would be sent again and again.
        if let Some(file) = self.file.as_ref().filter(|file| file.index == index) {
            return Ok(file.term);
        }
        if index < self.base || self.was_gone(index) {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        let term = self
            .reader
            .term(index)
            .map_err(|error| self.tell_gone(index, &error))?;
        term.ok_or(raft::Error::Store(StorageError::Compacted))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// Only what is at hand is given, and that with its place alone: the file itself travels on a stream of its own.
    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        let least = request_index.max(self.first().saturating_sub(1));
        let Some(file) = self.file.as_ref().filter(|file| file.serves(to, least)) else {
            self.wants_file.set(true);
            return Err(raft::Error::Store(
                StorageError::SnapshotTemporarilyUnavailable,
            ));
        };
        let mut snapshot = Snapshot::default();
        let place = snapshot.mut_metadata();
        (place.index, place.term) = (file.index, file.term);
        place.set_conf_state(file.conf_state.clone());
        Ok(snapshot)
    }
}
