//! The log itself. Guarantees the order of appending, that a sync covers everything before it, and that
//! nothing is promised after a sync has failed.
//!
//! Invariants, by place: `durable <= written`, and what is appended but not written is in `pending`.
//! Every segment but the newest is durable as a whole, up to the end named in its successor's header.

mod append;
mod outside;
mod release;
mod replace;
mod rotate;
#[cfg(test)]
mod tests;

pub(crate) use rotate::small_draft;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use crate::entry::{Durable, HardState, Identity, Place, Position};
use crate::error::{Context, Error};
use crate::format::SECTOR;
use crate::format::group::GROUP_HEADER_BYTES;
use crate::format::name::Name;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::{Fs, OsFs};
use crate::index::Index;
use crate::options::Options;
use crate::pending::Pending;
use crate::reader::{Reader, SharedIndex};
use crate::recovery::{self, Recovery};
use crate::segment::{Segment, sync_dir};
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
    pending: Pending,
    /// Last index and hard state in the order of appending, buffered ones included.
    appended_last: u64,
    appended_hard_state: HardState,
    spares: Spares<F>,
    /// Released segments still to be recycled or removed, oldest first.
    retired: VecDeque<Arc<Segment<F>>>,
    poisoned: Option<(PathBuf, String)>,
}

/// What a [`Wal`] is made of once its directory is in order.
pub(crate) struct Parts<F: Fs> {
    pub(crate) fs: F,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    pub(crate) index: Index<F>,
    pub(crate) current: Arc<Segment<F>>,
    pub(crate) next_sequence: u64,
    /// The end of the log, all of it durable.
    pub(crate) tail: Tail,
    pub(crate) spares: Spares<F>,
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
    /// Makes a new log in `dir` (made if missing) that starts after `base`; (0, 0) for a new member.
    ///
    /// When the process or the power fails before it returns, the directory holds no log and `create` may
    /// be called again, or it holds the whole new one; see the steps at the [crate root](crate#durable-steps).
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when there is a segment in `dir`; [`Error::Io`], [`Error::NoSpace`].
    pub fn create(
        fs: F,
        dir: &Path,
        identity: Identity,
        base: Position,
        options: Options,
    ) -> Result<Self, Error> {
        fs.create_dir_all(dir).context("create directory", dir)?;
        let names = recovery::list(&fs, dir)?;
        if names
            .iter()
            .any(|name| matches!(name, Name::Segment { .. }))
        {
            return Err(Error::AlreadyExists {
                path: dir.to_path_buf(),
            });
        }
        sync_dir(&fs, parent_of(dir))?;
        let header = first_header(&fs, identity, 1, base, HardState::default());
        Self::establish(fs, dir, header, options, &names)
    }

    /// Opens the log in `dir`: finds its end, tells a torn tail from damage, and syncs again what is not
    /// proven durable. The rules are the table under "Recovery" at the [crate root](crate#recovery).
    /// It is [`judge`](crate::judge) and [`Judgement::open`](crate::Judgement::open) in one.
    ///
    /// `expected` is whose log it must be, `witnesses` what was last seen of it. A log that is refused
    /// by [`Proof::Witness`](crate::Proof::Witness) must never be opened without its witness: it may be
    /// another history.
    ///
    /// # Errors
    /// [`Error::NoLog`], [`Error::Damaged`], [`Error::Foreign`], [`Error::NewerVersion`]: nothing on disk was
    /// changed. [`Error::Io`], [`Error::NoSpace`],
    /// [`Error::ReadOnly`], [`Error::Poisoned`]: the log is as it was or as it shall be, and open may be
    /// called again.
    pub fn open<'a>(
        fs: F,
        dir: &Path,
        expected: Option<Identity>,
        witnesses: impl IntoIterator<Item = &'a Witness>,
        options: Options,
    ) -> Result<(Self, Recovery), Error> {
        recovery::judge(fs, dir, expected, witnesses)?.open(options)
    }

    fn establish(
        fs: F,
        dir: &Path,
        header: SegmentHeader,
        options: Options,
        names: &[Name],
    ) -> Result<Self, Error> {
        let options = options.normal();
        let spares = recovery::adopt_spares(&fs, dir, &options, names)?;
        let draft = rotate::draft(&fs, dir, &spares, &options, HEADER_BYTES)?;
        let current = draft.publish(&fs, dir, spares.leftovers(), header)?;
        let tail = Tail::start_of(&current.header);
        Ok(Self::assemble(Parts {
            index: Index::new(Arc::clone(&current)),
            identity: header.identity,
            next_sequence: header.sequence + 1,
            dir: dir.to_path_buf(),
            fs,
            options,
            current,
            tail,
            spares,
        }))
    }

    pub(crate) fn assemble(mut parts: Parts<F>) -> Self {
        let capacity = parts.current.capacity();
        // A group that is no larger than a segment never needs one of its own size.
        let room = parts.options.segment_bytes - HEADER_BYTES - GROUP_HEADER_BYTES as u64;
        let group_bytes = parts.options.group_bytes.min(room as usize);
        if parts.options.background {
            parts.spares.start();
        }
        Self {
            fs: parts.fs,
            dir: parts.dir,
            identity: parts.identity,
            options: parts.options,
            index: Arc::new(RwLock::new(parts.index)),
            current: parts.current,
            capacity,
            next_sequence: parts.next_sequence,
            written: parts.tail,
            durable: parts.tail.durable(),
            pending: Pending::new(group_bytes),
            appended_last: parts.tail.last.index,
            appended_hard_state: parts.tail.hard_state,
            spares: parts.spares,
            retired: VecDeque::new(),
            poisoned: None,
        }
    }

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

impl Options {
    /// Sizes the format can live with.
    pub(crate) fn normal(mut self) -> Self {
        let least = 8 * SECTOR;
        let most = u64::MAX / 4;
        self.segment_bytes = self.segment_bytes.clamp(least, most).div_ceil(SECTOR) * SECTOR;
        self.segments_max = self.segments_max.max(2);
        self
    }
}

fn first_header<F: Fs>(
    fs: &F,
    identity: Identity,
    sequence: u64,
    base: Position,
    hard_state: HardState,
) -> SegmentHeader {
    SegmentHeader {
        identity,
        sequence,
        salt: fs.entropy(),
        starts_log: true,
        reused: false,
        rewritten: false,
        replaces: false,
        length: None,
        chain_before: 0,
        previous: Place::default(),
        base,
        hard_state,
    }
}

fn parent_of(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        None => dir,
    }
}
