//! Writing the log's end again elsewhere, when that failed where it lies. Guarantees that no sector whose
//! write or sync failed is trusted.
//!
//! The groups above the last proven place are copied, record by record, into a fresh segment which is synced
//! before it is named. The old segment then ends at the proven place, because the new header says so; its
//! bytes after that are never read again. When nothing in the old segment is proven, the new one takes its
//! place in the chain and the old file goes. If this fails too, the open fails, and the next one finds the
//! old segment as this one did.

use std::path::Path;
use std::sync::Arc;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::error::{Context, Error};
use crate::format::group::GroupHeader;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::{File, Fs};
use crate::group_buffer::GroupDraft;
use crate::recovery::groups::ValidGroups;
use crate::recovery::parts::DurableLog;
use crate::recovery::rewrite::read_again;
use crate::scan::{GroupSummary, Window};
use crate::segment::{Segment, SegmentDraft};
use crate::spare::Spares;
use crate::tail::Tail;

const READ_BYTES: u64 = 256 << 10;

pub(super) fn relocate<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    newest: &Segment<F>,
    groups: ValidGroups<F>,
    sequence: u64,
) -> Result<DurableLog<F>, Error> {
    let mut index = groups.proven_index;
    let header = fresh_header(fs, newest, &groups.proven, sequence);
    let replaces = groups.proven.place == newest.header.start();
    let bytes = groups.end.place.offset - groups.proven.place.offset;
    let draft = spares.small_draft(HEADER_BYTES + bytes)?;
    let mut tail = Tail::start_of(&header);
    let moved = match copy_groups(newest, &groups.unproven, &draft, &header, &mut tail) {
        Ok(moved) => moved,
        Err(error) => {
            spares.leftovers().discard(fs, draft.path);
            return Err(error);
        }
    };
    let current = draft.publish(fs, dir, spares.leftovers(), header)?;
    match replaces {
        true => index.replace_newest(Arc::clone(&current)),
        false => index.add_segment(Arc::clone(&current)),
    }
    for group in &moved {
        index.apply(group).map_err(|_| gap(newest, group))?;
    }
    Ok(DurableLog {
        index,
        current,
        tail,
        emptied: replaces.then(|| newest.path.clone()),
    })
}

/// The header of the segment that continues after `proven`, or replaces one in which nothing is proven.
fn fresh_header<F: Fs>(fs: &F, newest: &Segment<F>, proven: &Tail, sequence: u64) -> SegmentHeader {
    let salt = fs.entropy();
    if proven.place == newest.header.start() {
        return SegmentHeader {
            sequence,
            salt,
            rewritten: true,
            ..newest.header
        };
    }
    SegmentHeader {
        identity: newest.header.identity,
        sequence,
        salt,
        starts_log: false,
        reused: false,
        rewritten: true,
        replaces: false,
        length: None,
        chain_before: proven.chain,
        previous: proven.place,
        base: proven.last,
        hard_state: proven.hard_state,
    }
}

fn copy_groups<'a, F: Fs>(
    from: &Segment<F>,
    groups: impl IntoIterator<Item = &'a GroupSummary>,
    to: &SegmentDraft<F>,
    header: &SegmentHeader,
    tail: &mut Tail,
) -> Result<Vec<GroupSummary>, Error> {
    let mut window = Window::new(READ_BYTES);
    let mut moved = Vec::new();
    for group in groups {
        let old = read_again(&mut window, from, group)?;
        let mut copy = GroupDraft::rebuilt(old.body(), &old.header, group.clone());
        let (bytes, summary) = copy.seal(&GroupHeader {
            salt: header.salt,
            place: tail.place,
            durable: header.start(),
            durable_index: header.base.index,
            chain_before: tail.chain,
            ..old.header
        });
        to.file
            .write_all_at(tail.place.offset, bytes)
            .context("write", &to.path)?;
        tail.advance(summary);
        moved.push(summary.clone());
    }
    Ok(moved)
}

/// Groups that followed one another a moment ago and no longer do.
fn gap<F: Fs>(segment: &Segment<F>, group: &GroupSummary) -> LogDamage {
    LogDamage {
        file: segment.path.clone(),
        offset: group.place.offset,
        lost: Lost::up_to(group.first_index, group.last_index()),
        shown: None,
        proof: Proof::EarlierRead,
        reason: Defect::IndexGap,
    }
}
