//! How a log begins: made new, or opened from what recovery hands over. Guarantees that it is durable to its end before
//! anything is appended.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, RwLock};

use crate::directory::list;
use crate::entry::{HardState, Identity, Place, Position};
use crate::error::{Context, Error};
use crate::format::group::GROUP_HEADER_BYTES;
use crate::format::name::Name;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::Fs;
use crate::group_buffer::GroupBuffer;
use crate::index::Index;
use crate::options::Options;
use crate::recovery::{JudgedLog, Parts, Recovery, judge};
use crate::segment::sync_dir;
use crate::spare::Spares;
use crate::tail::Tail;
use crate::witness::Witness;

use super::Wal;

impl<F: Fs> JudgedLog<F> {
    /// Makes what was judged durable and opens it: the steps of **open** at the
    /// [crate root](crate#durable-steps).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::Poisoned`]: the log is as it was or
    /// as it shall be; judge it again. [`Error::Damaged`] when it changed since it was judged.
    pub fn open(self, options: Options) -> Result<(Wal<F>, Recovery), Error> {
        let (parts, recovery) = self.recover(options)?;
        Ok((Wal::assemble(parts), recovery))
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
        let names = list(&fs, dir)?;
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
    /// It is [`judge`] and [`JudgedLog::open`] in one.
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
        judge(fs, dir, expected, witnesses)?.open(options)
    }

    pub(super) fn establish(
        fs: F,
        dir: &Path,
        header: SegmentHeader,
        options: Options,
        names: &[Name],
    ) -> Result<Self, Error> {
        let options = options.normal();
        let spares = Spares::adopt(&fs, dir, &options, names)?;
        let draft = spares.draft(HEADER_BYTES)?;
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

    fn assemble(mut parts: Parts<F>) -> Self {
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
            pending: GroupBuffer::new(group_bytes),
            appended_last: parts.tail.last.index,
            appended_hard_state: parts.tail.hard_state,
            spares: parts.spares,
            retired: VecDeque::new(),
            poisoned: None,
        }
    }
}

pub(super) fn first_header<F: Fs>(
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

pub(super) fn parent_of(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        None => dir,
    }
}
