//! Reading a log through. Guarantees that every byte of every group was checked, in the order of writing,
//! and that what is not proven durable is told apart from what is.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::damage::{Damage, Lost, Proof, Reason};
use crate::entry::Place;
use crate::error::{Context, Error};
use crate::format::segment::SegmentHeader;
use crate::fs::Fs;
use crate::index::Index;
use crate::recovery::chain::Chain;
use crate::recovery::later::{self, Later};
use crate::scan::{Group, Summary, Window};
use crate::segment::Segment;
use crate::tail::Tail;
use crate::witness::Witness;

/// Bytes read at a time.
const READ_BYTES: u64 = 256 << 10;

/// A log that was read to where it stops.
pub(crate) struct Replay<F: Fs> {
    /// The groups that are proven durable, and no others.
    pub(crate) proven_index: Index<F>,
    /// End of what is proven durable.
    pub(crate) proven: Tail,
    /// Valid groups after that.
    pub(crate) unproven: VecDeque<Summary>,
    /// End of the valid groups.
    pub(crate) end: Tail,
    /// Why reading stopped there.
    pub(crate) stopped: Reason,
    pub(crate) later: Later,
}

/// A log that is being read, from its oldest segment on. After an error it stands before the damage.
pub(crate) struct Reading<F: Fs> {
    pub(crate) index: Index<F>,
    /// End of the valid groups read so far.
    pub(crate) tail: Tail,
    /// The witnesses, the newest first.
    pub(crate) witnesses: Vec<Testimony>,
    /// Bytes of groups read.
    pub(crate) bytes: u64,
}

/// A witness, and what came of it while reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Testimony {
    pub(crate) witness: Witness,
    /// Whether the chain value at the witness's place is the witness's; `None` when no group ended there.
    pub(crate) met: Option<bool>,
}

impl<F: Fs> Reading<F> {
    pub(crate) fn new(chain: &Chain<F>, witnesses: &[Witness]) -> Self {
        let oldest = chain.oldest();
        let unheard = |witness: &Witness| Testimony {
            witness: *witness,
            met: None,
        };
        let mut witnesses: Vec<Testimony> = witnesses.iter().map(unheard).collect();
        witnesses.sort_by_key(|said| std::cmp::Reverse(said.witness.place));
        Self {
            index: Index::new(Arc::clone(oldest)),
            tail: Tail::start_of(&oldest.header),
            witnesses,
            bytes: 0,
        }
    }

    /// Reads all segments of a chain.
    pub(crate) fn read(&mut self, chain: &Chain<F>) -> Result<Replay<F>, Error> {
        for pair in chain.segments.windows(2) {
            let (segment, next) = (&pair[0], &pair[1]);
            self.read_sealed(segment, &next.header)?;
            self.index.add_segment(Arc::clone(next));
        }
        self.read_newest(chain.newest())
    }

    /// The newest witness.
    pub(crate) fn newest_witness(&self) -> Option<&Witness> {
        self.witnesses.first().map(|said| &said.witness)
    }

    /// Looks out for the places of the witnesses.
    fn see(&mut self) {
        let tail = &self.tail;
        for said in &mut self.witnesses {
            if said.witness.place == tail.place {
                said.met = Some(said.witness.chain == tail.chain);
            }
        }
    }

    fn start(&mut self, segment: &Segment<F>) {
        self.tail = Tail::start_of(&segment.header);
        self.see();
    }

    fn advance(&mut self, group: &Summary) {
        self.bytes += group.end - group.place.offset;
        self.tail.advance(group);
        self.see();
    }

    /// Reads a segment that has a successor: anything wrong before its end is damage (row B of the table).
    fn read_sealed(&mut self, segment: &Segment<F>, next: &SegmentHeader) -> Result<(), Error> {
        let end = next.previous.offset;
        let limit = segment.bytes.min(end);
        let mut window = Window::new(READ_BYTES);
        self.start(segment);
        while self.tail.place.offset < end {
            let summary = match next_group(&mut window, segment, &self.tail, limit)? {
                Ok((summary, _)) => summary,
                Err(reason) => return Err(self.sealed_damage(segment, next, reason)?.into()),
            };
            if self.index.apply(&summary).is_err() {
                return Err(self.sealed_damage(segment, next, Reason::IndexGap)?.into());
            }
            self.advance(&summary);
        }
        let reason = match segment.short {
            _ if self.tail.place.offset != end => Reason::GroupLength,
            _ if self.tail.chain != next.chain_before => Reason::Chain,
            _ if self.tail.last != next.base => Reason::IndexGap,
            Some(short) => return Err(short_but_whole(segment, short).into()),
            None => return Ok(()),
        };
        Err(self.sealed_damage(segment, next, reason)?.into())
    }

    fn sealed_damage(
        &self,
        segment: &Segment<F>,
        next: &SegmentHeader,
        reason: Reason,
    ) -> Result<Damage, Error> {
        let later = later::look(segment, self.tail.place.offset, next.previous.offset)?;
        let first = self.tail.last.index + 1;
        let last = later.lost_until(first).unwrap_or(next.base.index);
        Ok(Damage {
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

    /// Reads the newest segment to the first place that is not a valid group.
    fn read_newest(&mut self, segment: &Segment<F>) -> Result<Replay<F>, Error> {
        let limit = segment.bytes;
        let mut window = Window::new(READ_BYTES);
        self.start(segment);
        let mut proven = self.tail;
        let mut unproven: VecDeque<Summary> = VecDeque::new();
        let witnessed = self.newest_witness().map(|witness| witness.place);
        let mut known_durable = witnessed.unwrap_or(self.tail.place);
        let stopped = loop {
            let (summary, durable) = match next_group(&mut window, segment, &self.tail, limit)? {
                Ok(group) => group,
                Err(reason) => break reason,
            };
            known_durable = known_durable.max(durable);
            self.advance(&summary);
            unproven.push_back(summary);
            // What is proven goes into the index at once, so this queue holds the unproven groups only.
            while let Some(group) = unproven.front() {
                if group.end_place() > known_durable {
                    break;
                }
                self.apply(segment, group)?;
                proven.advance(group);
                unproven.pop_front();
            }
        };
        let proven_index = self.index.clone();
        for group in &unproven {
            self.apply(segment, group)?;
        }
        Ok(Replay {
            proven_index,
            proven,
            unproven,
            later: later::look(segment, self.tail.place.offset, limit)?,
            end: self.tail,
            stopped,
        })
    }

    fn apply(&mut self, segment: &Segment<F>, group: &Summary) -> Result<(), Error> {
        let first = self.index.last() + 1;
        let applied = self.index.apply(group);
        applied.map_err(|_| {
            Error::from(Damage {
                file: segment.path.clone(),
                offset: group.place.offset,
                lost: Lost::up_to(first, group.last_index()),
                shown: None,
                proof: Proof::LaterGroup,
                reason: Reason::IndexGap,
            })
        })
    }
}

/// A sealed segment that has all its groups, and not its length.
fn short_but_whole<F: Fs>(segment: &Segment<F>, reason: Reason) -> Damage {
    Damage {
        file: segment.path.clone(),
        offset: segment.bytes,
        lost: Lost::Nothing,
        shown: None,
        proof: Proof::Naming,
        reason,
    }
}

/// Reads the next group and checks that it follows `tail`.
fn next_group<F: Fs>(
    window: &mut Window,
    segment: &Segment<F>,
    tail: &Tail,
    limit: u64,
) -> Result<Result<(Summary, Place), Reason>, Error> {
    let salt = segment.header.salt;
    let read = Group::read(window, &segment.file, tail.place, salt, limit);
    let group = match read.context("read", &segment.path)? {
        Ok(group) => group,
        Err(reason) => return Ok(Err(reason)),
    };
    if group.header.chain_before != tail.chain {
        return Ok(Err(Reason::Chain));
    }
    let summary = match group.walk(|_, _| {}) {
        Ok(summary) => summary,
        Err(reason) => return Ok(Err(reason)),
    };
    if summary.entries > 0 && summary.first_index > tail.last.index + 1 {
        return Ok(Err(Reason::IndexGap));
    }
    Ok(Ok((summary, group.header.durable)))
}

/// Last index of a segment read alone, to name a range.
pub(crate) fn last_index_of<F: Fs>(segment: &Segment<F>) -> Result<u64, Error> {
    let limit = segment.bytes;
    let mut window = Window::new(READ_BYTES);
    let mut tail = Tail::start_of(&segment.header);
    while let Ok((summary, _)) = next_group(&mut window, segment, &tail, limit)? {
        tail.advance(&summary);
    }
    Ok(tail.last.index)
}
