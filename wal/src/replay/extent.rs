//! What a damaged log shows of itself behind the damage. Guarantees that only what checks out by itself counts: headers
//! of segments that are what their names say, and headers of groups under the salt, the sequence and the offset of their
//! segment, so that neither garbage nor what an earlier use left in a file does. A log is read for it only once it is
//! known to be damaged, and then one segment, beside the headers of the others.
//!
//! What reading a damaged log gives ends at the damage. That it went on is all the same known, and is what tells a log
//! that a store holds whole from one that was written after the store had been put back.

use crate::damage::{LogDamage, Proof};
use crate::directory::Named;
use crate::error::Error;
use crate::format::segment::HEADER_BYTES;
use crate::fs::Fs;
use crate::replay::head::{BrokenSegment, Loader};
use crate::replay::remainder;
use crate::segment::Segment;

/// Completes the damage that was met in these segments.
pub(super) fn complete<F: Fs, S: AsRef<Segment<F>>>(
    mut damage: LogDamage,
    segments: &[S],
) -> Result<LogDamage, Error> {
    // Of another history nothing is the store's own.
    if damage.proof != Proof::Witness {
        let behind = |last: &u64| damage.lost.first().is_none_or(|first| first <= *last);
        damage.shown = last_of(segments)?.filter(behind);
    }
    Ok(damage)
}

/// Completes the damage of a file that is broken or missing: `named` are all of them.
pub(super) fn complete_broken<F: Fs>(
    loader: &Loader<'_, F>,
    named: &[Named],
    broken: &BrokenSegment,
) -> Result<LogDamage, Error> {
    let newer = named.iter().filter(|name| name.sequence >= broken.sequence);
    // One that cannot be read either shows nothing.
    let segments: Vec<_> = newer
        .filter_map(|name| loader.read(name, 0).ok())
        .map(Box::new)
        .collect();
    complete(broken.damage.clone(), &segments)
}

/// The last entry that the heads of segments, and the groups of the newest, speak of.
fn last_of<F: Fs, S: AsRef<Segment<F>>>(segments: &[S]) -> Result<Option<u64>, Error> {
    let segments = || segments.iter().map(AsRef::as_ref);
    let mut last = segments().map(|segment| segment.header.base.index).max();
    let newest = segments().map(|segment| segment.header.sequence).max();
    for segment in segments().filter(|segment| Some(segment.header.sequence) == newest) {
        last = last.max(remainder::look(segment, HEADER_BYTES, segment.bytes)?.last_index);
    }
    Ok(last.filter(|last| *last > 0))
}
