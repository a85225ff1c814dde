//! Reading a log through. Guarantees that every byte of every group was checked, in the order of writing,
//! and that what is not proven durable is told apart from what is.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::entry::{Place, Position};
use crate::error::{Context, Damage, Error, Proof, Reason};
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
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
    pub(crate) index: Index<F>,
    /// End of what is proven durable; everything up to it is in the index.
    pub(crate) proven: Tail,
    /// Valid groups after that.
    pub(crate) unproven: VecDeque<Summary>,
    /// End of the valid groups.
    pub(crate) end: Tail,
    /// Why reading stopped there.
    pub(crate) stopped: Reason,
    pub(crate) later: Later,
    /// Whether the chain value at the witness's place is the witness's; `None` when no group ends there.
    pub(crate) witness_met: Option<bool>,
    /// Bytes of groups read.
    pub(crate) bytes: u64,
}

/// Looks out for the witness's place.
struct Lookout<'a> {
    witness: Option<&'a Witness>,
    met: Option<bool>,
}

impl Lookout<'_> {
    fn see(&mut self, tail: &Tail) {
        if let Some(witness) = self.witness.filter(|witness| witness.place == tail.place) {
            self.met = Some(witness.chain == tail.chain);
        }
    }
}

/// Reads all segments of a chain.
pub(crate) fn replay<F: Fs>(
    chain: &Chain<F>,
    witness: Option<&Witness>,
) -> Result<Replay<F>, Error> {
    let mut lookout = Lookout { witness, met: None };
    let mut index = Index::new(Arc::clone(chain.oldest()));
    let mut bytes = 0;
    for pair in chain.segments.windows(2) {
        let (segment, next) = (&pair[0], &pair[1]);
        bytes += read_sealed(segment, &next.header, &mut index, &mut lookout)?;
        index.add_segment(Arc::clone(next));
    }
    let mut replay = read_newest(chain.newest(), index, &mut lookout)?;
    replay.bytes += bytes;
    replay.witness_met = lookout.met;
    Ok(replay)
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

/// Reads a segment that has a successor: anything wrong before its end is damage (row A of the table).
fn read_sealed<F: Fs>(
    segment: &Segment<F>,
    next: &SegmentHeader,
    index: &mut Index<F>,
    lookout: &mut Lookout<'_>,
) -> Result<u64, Error> {
    let end = next.previous.offset;
    let limit = segment.bytes.min(end);
    let mut window = Window::new(READ_BYTES);
    let mut tail = Tail::start_of(&segment.header);
    lookout.see(&tail);
    while tail.place.offset < end {
        let damaged = |reason| sealed_damage(segment, &tail, next, reason);
        let summary = match next_group(&mut window, segment, &tail, limit)? {
            Ok((summary, _)) => summary,
            Err(reason) => return Err(damaged(reason)?.into()),
        };
        if index.apply(&summary).is_err() {
            return Err(damaged(Reason::IndexGap)?.into());
        }
        tail.advance(&summary);
        lookout.see(&tail);
    }
    let reason = match () {
        () if tail.place.offset != end => Reason::GroupLength,
        () if tail.chain != next.chain_before => Reason::Chain,
        () if tail.last != next.base => Reason::IndexGap,
        () => return Ok(end - HEADER_BYTES),
    };
    Err(sealed_damage(segment, &tail, next, reason)?.into())
}

fn sealed_damage<F: Fs>(
    segment: &Segment<F>,
    tail: &Tail,
    next: &SegmentHeader,
    reason: Reason,
) -> Result<Damage, Error> {
    let later = later::look(segment, tail.place.offset, next.previous.offset)?;
    let first_index = tail.last.index + 1;
    Ok(Damage {
        file: segment.path.clone(),
        offset: tail.place.offset,
        first_index,
        last_index: later.lost_until(first_index).unwrap_or(next.base.index),
        proof: Proof::NextSegment,
        reason,
    })
}

/// Reads the newest segment to the first place that is not a valid group.
fn read_newest<F: Fs>(
    segment: &Segment<F>,
    mut index: Index<F>,
    lookout: &mut Lookout<'_>,
) -> Result<Replay<F>, Error> {
    let limit = segment.bytes;
    let mut window = Window::new(READ_BYTES);
    let mut end = Tail::start_of(&segment.header);
    let mut proven = end;
    let mut unproven: VecDeque<Summary> = VecDeque::new();
    let mut known_durable = lookout.witness.map_or(end.place, |witness| witness.place);
    lookout.see(&end);
    let stopped = loop {
        let (summary, durable) = match next_group(&mut window, segment, &end, limit)? {
            Ok(group) => group,
            Err(reason) => break reason,
        };
        known_durable = known_durable.max(durable);
        end.advance(&summary);
        lookout.see(&end);
        unproven.push_back(summary);
        // What is proven goes into the index at once, so this queue holds the unproven groups only.
        while let Some(group) = unproven.front() {
            if (Place {
                offset: group.end,
                ..group.place
            }) > known_durable
            {
                break;
            }
            if index.apply(group).is_err() {
                return Err(gap(segment, group, proven.last).into());
            }
            proven.advance(group);
            unproven.pop_front();
        }
    };
    Ok(Replay {
        index,
        proven,
        unproven,
        bytes: end.place.offset - HEADER_BYTES,
        later: later::look(segment, end.place.offset, limit)?,
        end,
        stopped,
        witness_met: None,
    })
}

fn gap<F: Fs>(segment: &Segment<F>, group: &Summary, last: Position) -> Damage {
    Damage {
        file: segment.path.clone(),
        offset: group.place.offset,
        first_index: last.index + 1,
        last_index: group.last_index(),
        proof: Proof::LaterGroup,
        reason: Reason::IndexGap,
    }
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
