//! What readers may see: the state of each commit, beside the RocksDB sequence number that it ended
//! at.
//!
//! A snapshot knows its sequence number, so it finds its state without a read and without a lock
//! that a commit holds for long. The writer goes: begin → write to RocksDB → correct the node cache
//! → publish → end. A reader that catches a snapshot between the write and the publication waits
//! for those few microseconds: what it returns must not be newer than what the next reader gets.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::meta::StoreState;

/// Commits remembered for snapshots taken just before them.
const REMEMBERED: usize = 256;
const NO_DEADLINE: u64 = u64::MAX;

pub(crate) struct Published {
    /// The newest revision that readers may see.
    revision: AtomicU64,
    /// The earliest deadline; `NO_DEADLINE` if there is none.
    deadline: AtomicU64,
    /// Writes begun and ended; equal while none is under way.
    begun: AtomicU64,
    ended: AtomicU64,
    /// (sequence number after the write, state), oldest first, never empty. Held for a search of a
    /// few entries.
    states: Mutex<VecDeque<(u64, Arc<StoreState>)>>,
}

impl Published {
    pub(crate) fn new(sequence: u64, state: Arc<StoreState>, deadline: Option<u64>) -> Self {
        Self {
            revision: AtomicU64::new(state.applied.revision),
            deadline: AtomicU64::new(deadline.unwrap_or(NO_DEADLINE)),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            states: Mutex::new(VecDeque::from([(sequence, state)])),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        let deadline = self.deadline.load(Ordering::Acquire);
        (deadline != NO_DEADLINE).then_some(deadline)
    }

    pub(crate) fn latest(&self) -> Arc<StoreState> {
        let states = self.states();
        let (_, state) = states.back().expect("never empty");
        Arc::clone(state)
    }

    /// The state that a snapshot with this sequence number shows; `None` if it is too old to be
    /// remembered.
    pub(crate) fn state_at(&self, sequence: u64) -> Option<Arc<StoreState>> {
        let mut turns = 0u32;
        loop {
            // Read before the states: if nothing is under way, all that the snapshot can show has
            // been published.
            let settled = self.quiet().is_some();
            {
                let states = self.states();
                let (newest, state) = states.back().expect("never empty");
                if settled && *newest < sequence {
                    return Some(Arc::clone(state));
                }
                if *newest >= sequence {
                    let found = states.iter().rev().find(|(end, _)| *end <= sequence);
                    return found.map(|(_, state)| Arc::clone(state));
                }
            }
            wait(&mut turns);
        }
    }

    /// If no write is under way: a token for [`Self::still`].
    pub(crate) fn quiet(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }

    /// Whether no write began since the token was taken.
    pub(crate) fn still(&self, token: u64) -> bool {
        self.begun.load(Ordering::SeqCst) == token
    }

    /// From here on readers may meet rows of a write that is not published.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Shows the write: the cache has been corrected before. Deadlines first, so that they are
    /// never late.
    pub(crate) fn end(&self, sequence: u64, state: Arc<StoreState>, deadline: Option<u64>) {
        self.assert_rises(sequence, state.applied.revision);
        self.deadline
            .store(deadline.unwrap_or(NO_DEADLINE), Ordering::Release);
        self.revision
            .store(state.applied.revision, Ordering::Release);
        {
            let mut states = self.states();
            if states.len() == REMEMBERED {
                states.pop_front();
            }
            states.push_back((sequence, state));
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// A reader never sees less than one before it.
    fn assert_rises(&self, sequence: u64, revision: u64) {
        let (shown, states) = (self.revision(), self.states());
        let newest = states.back().map_or(0, |(newest, _)| *newest);
        drop(states);
        assert!(
            shown <= revision && newest <= sequence,
            "invariant published-rises: revision {shown} at {newest} is followed by {revision} at {sequence}"
        );
    }

    /// Ends a write that failed: nothing of it is shown, and no reader waits for it.
    pub(crate) fn abandon(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    fn states(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<StoreState>)>> {
        // Pushes and pops leave it whole even if the thread panics afterwards.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spins a little, then yields: what is waited for takes microseconds unless its thread lost the
/// processor.
pub(crate) fn wait(turns: &mut u32) {
    *turns += 1;
    if *turns < 32 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::meta::Applied;

    #[test]
    #[should_panic(expected = "invariant published-rises")]
    fn a_revision_that_falls_is_caught() {
        let published = Published::new(1, state(5), None);
        published.begin();
        published.end(2, state(4), None);
    }

    fn state(revision: u64) -> Arc<StoreState> {
        Arc::new(StoreState {
            applied: Applied {
                revision,
                ..Applied::default()
            },
            ..StoreState::default()
        })
    }

    #[test]
    fn a_sequence_number_finds_its_state() {
        let published = Published::new(10, state(1), None);
        for (sequence, revision) in [(14, 2), (20, 3)] {
            published.begin();
            published.end(sequence, state(revision), Some(7));
        }
        let revision = |sequence| {
            published
                .state_at(sequence)
                .map(|state| state.applied.revision)
        };
        assert_eq!(revision(9), None);
        assert_eq!(
            [10, 13, 14, 19, 20, 25].map(revision),
            [1, 1, 2, 2, 3, 3].map(Some)
        );
        assert_eq!((published.revision(), published.deadline()), (3, Some(7)));
    }

    #[test]
    fn a_token_ends_with_the_next_write() {
        let published = Published::new(1, state(1), None);
        let token = published.quiet().expect("nothing is under way");
        assert!(published.still(token));
        published.begin();
        assert!(!published.still(token) && published.quiet().is_none());
        published.end(2, state(2), None);
        assert!(!published.still(token) && published.quiet().is_some());
    }
}
