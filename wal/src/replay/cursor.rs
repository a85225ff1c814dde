//! Going through a log. Guarantees that every byte of a group was checked before it is given, that groups come
//! in the order of writing, and that nothing is changed: files are opened for reading only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::directory::{list, segments_of};
use crate::entry::{Entry, HardState, Identity, Place, Position};
use crate::error::Error;
use crate::format::name::Name;
use crate::format::record::Record;
use crate::format::segment::SegmentHeader;
use crate::fs::{Fs, OsFs};
use crate::replay::chain::Chain;
use crate::replay::extent;
use crate::replay::group::{READ_BYTES, next_group};
use crate::replay::head::{BrokenSegment, Loader, Unloadable};
use crate::replay::remainder;
use crate::replay::testimony::Testimonies;
use crate::scan::{GroupSummary, Window};
use crate::segment::Segment;
use crate::tail::Tail;
use crate::witness::Witness;

/// A log that is read from its first entry to its end, in the order of writing. It holds one open file for each
/// segment.
///
/// ```
/// use std::path::Path;
/// use wal::fs::sim::SimFs;
/// use wal::{Entry, Identity, LogEnd, Options, Position, Replay, Wal};
///
/// let (disk, dir) = (SimFs::new(1), Path::new("/wal"));
/// let me = Identity { cluster: 1, member: 2 };
/// let mut log = Wal::create(disk.clone(), dir, me, Position::default(), Options::default())?;
/// log.append(&[Entry { term: 1, index: 1, kind: 0, payload: "hello".into() }], None)?;
/// log.sync()?;
///
/// let mut replay = Replay::open(disk, dir, Some(me), None)?;
/// while let Some(group) = replay.next_group()? {
///     assert_eq!((group.entries[0].index, group.place.sequence), (1, 1));
/// }
/// assert_eq!(replay.finish()?, LogEnd::Clean);
/// # Ok::<(), wal::Error>(())
/// ```
pub struct Replay<F: Fs = OsFs> {
    pub(crate) fs: F,
    pub(crate) dir: PathBuf,
    pub(super) expected: Option<Identity>,
    pub(crate) names: Vec<Name>,
    pub(crate) chain: Chain<F>,
    /// Files after `chain` are broken or missing.
    pub(super) broken: Option<BrokenEnd>,
    /// Which segment of the chain is read.
    reading: usize,
    window: Window,
    /// End of the valid groups read so far.
    pub(crate) tail: Tail,
    pub(crate) witnesses: Testimonies,
    /// Bytes of groups read.
    pub(crate) bytes: u64,
    pub(super) stopped: Option<ReplayStop>,
}

/// Why reading ended.
#[derive(Clone, Debug)]
pub(super) enum ReplayStop {
    /// There is no valid group there in the newest segment.
    Newest(Defect),
    /// Something is wrong before the end of a segment that has a next one.
    Sealed(LogDamage),
    /// The next segment is broken or missing.
    Broken(BrokenSegment),
}

/// What is wrong with the files after those that are read.
#[derive(Clone, Debug)]
pub(super) struct BrokenEnd {
    /// The newest that is broken or missing.
    pub(super) newest: BrokenSegment,
    /// The first entry that is lost with the oldest such file. What a log that was started again has left behind ends
    /// before it too.
    first_lost: u64,
}

/// What one write of the log stored: the unit that is there as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayedGroup {
    /// Where it begins.
    pub place: Place,
    /// Where it ends, in the same segment.
    pub end: Place,
    /// Its entries, of consecutive indexes. One whose index is at or below that of an entry before takes its
    /// place and drops all after it.
    pub entries: Vec<Entry>,
    /// The last hard state in it.
    pub hard_state: Option<HardState>,
}

/// A group as recovery sees it.
pub(crate) struct ReplayStep {
    pub(crate) group: GroupSummary,
    /// Which segment of the chain it is in.
    pub(crate) segment: usize,
    /// Up to where it claims that the log was durable.
    pub(crate) durable: Place,
}

impl<F: Fs> std::fmt::Debug for Replay<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("dir", &self.dir)
            .field("tail", &self.tail)
            .finish_non_exhaustive()
    }
}

impl<F: Fs> Replay<F> {
    /// Finds the segments of the log in `dir`, up to the first that is broken or missing.
    ///
    /// `expected` is whose log it must be, `witnesses` what its owner has seen of it.
    ///
    /// # Errors
    /// [`Error::NoLog`], [`Error::Foreign`], [`Error::NewerVersion`], [`Error::Io`]; [`Error::Damaged`] when
    /// not even the oldest segment can be used.
    pub fn open<'a>(
        fs: F,
        dir: &Path,
        expected: Option<Identity>,
        witnesses: impl IntoIterator<Item = &'a Witness>,
    ) -> Result<Self, Error> {
        let names = list(&fs, dir)?;
        let loader = Loader {
            fs: &fs,
            dir,
            expected,
        };
        let (chain, broken) = load(&loader, &names)?;
        let mut replay = Self {
            tail: Tail::start_of(&chain.oldest().header),
            fs,
            dir: dir.to_path_buf(),
            expected,
            names,
            chain,
            broken,
            reading: 0,
            window: Window::new(READ_BYTES),
            witnesses: Testimonies::new(witnesses),
            bytes: 0,
            stopped: None,
        };
        replay.witnesses.see(&replay.tail);
        Ok(replay)
    }

    /// Whose log it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.chain.newest().header.identity
    }

    /// The entry before the first one of the oldest segment.
    #[must_use]
    pub fn base(&self) -> Position {
        self.chain.oldest().header.base
    }

    /// The next group; `None` at the end of the log, whatever end it is: [`Replay::finish`] says which.
    /// Payloads share the buffer they were read into: copy what is kept for long.
    ///
    /// # Errors
    /// [`Error::Io`]; the next call tries again.
    pub fn next_group(&mut self) -> Result<Option<ReplayedGroup>, Error> {
        let mut entries = Vec::new();
        let step = self.step(|record, payload| {
            if let Record::Entry { term, index, kind } = *record {
                entries.push(Entry {
                    term,
                    index,
                    kind,
                    payload,
                });
            }
        })?;
        Ok(step.map(|step| ReplayedGroup {
            place: step.group.place,
            end: step.group.end_place(),
            entries,
            hard_state: step.group.hard_state,
        }))
    }

    /// Reads the next group. `each` sees its records, and those of a group that turns out to be none: they count only
    /// with the group.
    pub(crate) fn step(
        &mut self,
        mut each: impl FnMut(&Record, Bytes),
    ) -> Result<Option<ReplayStep>, Error> {
        while self.stopped.is_none() {
            let segment = Arc::clone(&self.chain.segments[self.reading]);
            let next = self.chain.segments.get(self.reading + 1).map(Arc::clone);
            let sealed_end = next.as_ref().map(|next| next.header.previous.offset);
            if sealed_end.is_some_and(|end| self.tail.place.offset >= end) {
                self.leave_sealed(&segment, next)?;
                continue;
            }
            let limit = segment.bytes.min(sealed_end.unwrap_or(u64::MAX));
            let (window, tail) = (&mut self.window, &self.tail);
            match next_group(window, &segment, tail, limit, &mut each)? {
                Ok((group, durable)) => {
                    self.bytes += group.end - group.place.offset;
                    self.tail.advance(&group);
                    self.witnesses.see(&self.tail);
                    let segment = self.reading;
                    return Ok(Some(ReplayStep {
                        group,
                        segment,
                        durable,
                    }));
                }
                Err(reason) => {
                    self.stopped = Some(match (next, self.broken.clone()) {
                        (Some(next), _) => ReplayStop::Sealed(self.sealed_damage(
                            &segment,
                            &next.header,
                            reason,
                        )?),
                        (None, Some(broken)) => ReplayStop::Broken(broken.newest),
                        (None, None) => ReplayStop::Newest(reason),
                    });
                }
            }
        }
        Ok(None)
    }

    /// Goes from a segment that was read to its end to the next one, if it is whole: anything wrong before its end is damage
    /// (row B of the table).
    fn leave_sealed(
        &mut self,
        segment: &Segment<F>,
        next: Option<Arc<Segment<F>>>,
    ) -> Result<(), Error> {
        let Some(next) = next.map(|next| next.header) else {
            return Ok(());
        };
        let wrong = match segment.short {
            _ if self.tail.place.offset != next.previous.offset => Some(Defect::GroupLength),
            _ if self.tail.chain != next.chain_before => Some(Defect::Chain),
            _ if self.tail.last != next.base => Some(Defect::IndexGap),
            Some(short) => {
                self.stopped = Some(ReplayStop::Sealed(short_but_whole(segment, short)));
                return Ok(());
            }
            None => None,
        };
        if let Some(reason) = wrong {
            self.stopped = Some(ReplayStop::Sealed(
                self.sealed_damage(segment, &next, reason)?,
            ));
            return Ok(());
        }
        self.reading += 1;
        self.window = Window::new(READ_BYTES);
        self.tail = Tail::start_of(&next);
        self.witnesses.see(&self.tail);
        Ok(())
    }

    fn sealed_damage(
        &self,
        segment: &Segment<F>,
        next: &SegmentHeader,
        reason: Defect,
    ) -> Result<LogDamage, Error> {
        let later = remainder::look(segment, self.tail.place.offset, next.previous.offset)?;
        let first = self.tail.last.index + 1;
        let last = later.lost_until(first).unwrap_or(next.base.index);
        Ok(LogDamage {
            file: segment.path.clone(),
            offset: match segment.short {
                Some(_) => segment.bytes,
                None => self.tail.place.offset,
            },
            lost: Lost::up_to(first, last),
            shown: None,
            proof: Proof::NextSegment,
            reason: segment.short.unwrap_or(reason),
        })
    }

    /// Which segment of the chain was read last.
    pub(crate) fn segment(&self) -> usize {
        self.reading
    }

    /// The first entry that is lost with a broken or missing file.
    pub(crate) fn first_lost(&self) -> Option<u64> {
        self.broken.as_ref().map(|broken| broken.first_lost)
    }
}

/// A sealed segment that has all its groups, and not its length.
fn short_but_whole<F: Fs>(segment: &Segment<F>, reason: Defect) -> LogDamage {
    LogDamage {
        file: segment.path.clone(),
        offset: segment.bytes,
        lost: Lost::Nothing,
        shown: None,
        proof: Proof::Naming,
        reason,
    }
}

/// The segments before the first broken or missing file.
fn load<F: Fs>(
    loader: &Loader<'_, F>,
    names: &[Name],
) -> Result<(Chain<F>, Option<BrokenEnd>), Error> {
    let all = segments_of(names);
    let mut named = all.clone();
    let mut end: Option<BrokenEnd> = None;
    loop {
        match loader.load(&named) {
            Ok(chain) => return Ok((chain, end)),
            Err(Unloadable::Other(error)) => return Err(error),
            Err(Unloadable::Broken(broken)) => {
                let first_lost = broken.first_lost;
                named.retain(|segment| segment.sequence < broken.sequence);
                let newest = end.map_or(broken, |end| end.newest);
                if named.is_empty() {
                    return Err(extent::complete_broken(loader, &all, &newest)?.into());
                }
                end = Some(BrokenEnd { newest, first_lost });
            }
        }
    }
}
