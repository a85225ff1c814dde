//! The log itself. Guarantees the order of appending, that a sync covers everything before it, and that
//! nothing is promised after a sync has failed.
//!
//! Invariants, by place: `durable <= written`, and what is appended but not written is in `pending`.
//! Every segment but the newest is durable as a whole, up to the end named in its successor's header.

mod append;
mod cut;
mod health;
mod open;
mod release;
mod replace;
mod restart;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use crate::entry::{Durable, HardState, Identity, Position};
use crate::error::Error;
use crate::fs::{Fs, OsFs};
use crate::group_buffer::GroupBuffer;
use crate::index::Index;
use crate::options::Options;
use crate::reader::{Reader, SharedIndex};
use crate::segment::Segment;
use crate::spare::Spares;
use crate::tail::Tail;
use crate::witness::Witness;

/// The write-ahead log of one member; one thread owns it, [`Reader`]s are for the others.
pub struct Wal<F: Fs = OsFs> {
    pub(crate) fs: F,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    index: SharedIndex<F>,
    current: Arc<Segment<F>>,
    /// Offset in the current segment past which no group may reach.
    capacity: u64,
    next_sequence: u64,
    written: Tail,
    durable: Durable,
    pending: GroupBuffer,
    /// Last index and hard state in the order of appending, buffered ones included.
    appended_last: u64,
    appended_hard_state: HardState,
    spares: Spares<F>,
    /// Released segments still to be recycled or removed, oldest first.
    retired: VecDeque<Arc<Segment<F>>>,
    poisoned: Option<(PathBuf, String)>,
}

impl<F: Fs> std::fmt::Debug for Wal<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wal")
            .field("dir", &self.dir)
            .field("written", &self.written)
            .field("durable", &self.durable)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

impl<F: Fs> Wal<F> {
    /// A reader of this log.
    #[must_use]
    pub fn reader(&self) -> Reader<F> {
        Reader::new(Arc::clone(&self.index))
    }

    /// What the store keeps at a flush: the end of what is synced.
    #[must_use]
    pub fn witness(&self) -> Witness {
        self.durable.into()
    }

    /// What the last sync made durable.
    #[must_use]
    pub fn durable(&self) -> Durable {
        self.durable
    }

    /// The last hard state appended.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.appended_hard_state
    }

    /// Index of the first entry of the log, or where it would be.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.index
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .first()
    }

    /// Index of the last entry appended, buffered ones included; of the base when there is none.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.appended_last
    }

    /// The entry before the first one.
    #[must_use]
    pub fn base(&self) -> Position {
        self.index
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .base()
    }

    /// Segments the log consists of, for metrics.
    #[must_use]
    pub fn segments(&self) -> usize {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.segments().len()
    }

    /// Whose log it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether a sync has failed: every writing call answers [`Error::Poisoned`] from then on.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    /// `durable <= written <= appended`, by place; never by index, which falls where a tail is overwritten. After each step:
    /// what is acknowledged is what `durable` says.
    fn assert_order(&self) {
        let (durable, written) = (self.durable.place, self.written.place);
        assert!(
            durable <= written,
            "invariant wal-durable: the log is durable up to {durable:?}, and written up to {written:?}"
        );
        let appended = (self.appended_last, self.appended_hard_state);
        let ends = (self.written.last.index, self.written.hard_state);
        assert!(
            !self.pending.is_empty() || appended == ends,
            "invariant wal-written: nothing is buffered, {appended:?} was appended last, and {ends:?} was written last"
        );
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index<F>> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_poison(&self) -> Result<(), Error> {
        match &self.poisoned {
            None => Ok(()),
            Some((path, reason)) => Err(Error::Poisoned {
                path: path.clone(),
                reason: reason.clone(),
            }),
        }
    }

    /// Remembers a failed sync.
    fn noting_poison<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Poisoned { path, reason }) = &result {
            tracing::error!(path = %path.display(), reason, "log sync failed: no more writes");
            self.poisoned = Some((path.clone(), reason.clone()));
        }
        result
    }

    /// Makes `segment`, which starts at `tail` and is durable as it is, the one that is written.
    fn switch_to(&mut self, segment: Arc<Segment<F>>) {
        self.capacity = segment.capacity();
        self.next_sequence = segment.header.sequence + 1;
        self.written = Tail::start_of(&segment.header);
        self.durable = self.written.durable();
        self.current = segment;
    }
}
