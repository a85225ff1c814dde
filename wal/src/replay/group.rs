//! One step through a segment. Guarantees that a group is given only when every byte of it was checked, and
//! that it follows the one before.

use bytes::Bytes;

use crate::damage::Defect;
use crate::entry::Place;
use crate::error::{Context, Error};
use crate::format::record::Record;
use crate::fs::Fs;
use crate::scan::{Group, GroupSummary, Window};
use crate::segment::Segment;
use crate::tail::Tail;

/// Bytes read at a time.
pub(super) const READ_BYTES: u64 = 256 << 10;

/// Reads the next group and checks that it follows `tail`; the second of what it gives is up to where the group claims that
/// the log was durable. `each` sees records of a group that turns out to be none: they count only with the summary.
pub(super) fn next_group<F: Fs>(
    window: &mut Window,
    segment: &Segment<F>,
    tail: &Tail,
    limit: u64,
    each: impl FnMut(&Record, Bytes),
) -> Result<Result<(GroupSummary, Place), Defect>, Error> {
    let salt = segment.header.salt;
    let read = Group::read(window, &segment.file, tail.place, salt, limit);
    let group = match read.context("read", &segment.path)? {
        Ok(group) => group,
        Err(reason) => return Ok(Err(reason)),
    };
    if group.header.chain_before != tail.chain {
        return Ok(Err(Defect::Chain));
    }
    let summary = match group.walk(each) {
        Ok(summary) => summary,
        Err(reason) => return Ok(Err(reason)),
    };
    if summary.entries > 0 && summary.first_index > tail.last.index + 1 {
        return Ok(Err(Defect::IndexGap));
    }
    Ok(Ok((summary, group.header.durable)))
}

/// Last index of a segment read alone, to name a range.
pub(crate) fn last_index_of<F: Fs>(segment: &Segment<F>) -> Result<u64, Error> {
    let limit = segment.bytes;
    let mut window = Window::new(READ_BYTES);
    let mut tail = Tail::start_of(&segment.header);
    while let Ok((summary, _)) = next_group(&mut window, segment, &tail, limit, |_, _| {})? {
        tail.advance(&summary);
    }
    Ok(tail.last.index)
}
