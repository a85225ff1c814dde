//! Writing the log's end again where it lies. Guarantees that after it every group of the log was synced by
//! this process, or is proven durable by what was written after an earlier sync, and that nothing lies behind
//! them that could be taken for a group of this segment.
//!
//! What was read may have come from the page cache alone, even after a sync that failed. So the groups above
//! the last proven place are written again, byte for byte, zeros are written over the torn tail behind them,
//! and one sync covers both. Why that is safe at every instant:
//!
//! * The groups do not change by a byte. Any sector may be the old or the new one, and is the same.
//! * Places and chain values stay, so every witness that was true stays true, and so does every claim in
//!   every group.
//! * Of the torn tail any part may be left. All of it was unproven, so what is left is dropped by the next open;
//!   if zeros complete a group again (its only bad bytes should have been zeros), it is one that was written.
//! * No group is appended before the sync returned, so the old tail and a new group never mix.
//! * It overwrites what the file has: it needs no room and adds no file, however often the log is opened.
//!
//! A write or sync that fails proves nothing about these sectors, and nothing was acknowledged from it. The
//! groups then go to another place: see `relocation.rs`.

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::error::{Context, Error};
use crate::format::align;
use crate::fs::{File, Fs};
use crate::recovery::groups::ValidGroups;
use crate::scan::{Group, GroupSummary, Window};
use crate::segment::{Segment, sync_failed, write_zeros};

const READ_BYTES: u64 = 256 << 10;

/// Does nothing when all is proven and nothing lies behind it.
pub(super) fn write_again<F: Fs>(
    newest: &Segment<F>,
    groups: &ValidGroups<F>,
    torn_end: Option<u64>,
) -> Result<(), Error> {
    if groups.unproven.is_empty() && torn_end.is_none() {
        return Ok(());
    }
    let mut window = Window::new(READ_BYTES);
    for group in &groups.unproven {
        read_again(&mut window, newest, group)?;
        // With its padding, as far as the file has it.
        let len = group.end - group.place.offset;
        let bytes = window
            .at(&newest.file, group.place.offset, len, newest.bytes)
            .context("read", &newest.path)?;
        let len = bytes.len().min(len as usize);
        newest
            .file
            .write_all_at(group.place.offset, &bytes[..len])
            .context("write", &newest.path)?;
    }
    if let Some(torn_end) = torn_end {
        let until = align(torn_end).min(newest.bytes);
        write_zeros(&newest.file, groups.end.place.offset, until).context("write", &newest.path)?;
    }
    newest
        .file
        .sync_data()
        .map_err(|error| sync_failed(&newest.path, &error))
}

/// Reads a group again and checks that it is the one that was judged.
pub(super) fn read_again<F: Fs>(
    window: &mut Window,
    from: &Segment<F>,
    group: &GroupSummary,
) -> Result<Group, Error> {
    let changed = |reason| {
        Error::from(LogDamage {
            file: from.path.clone(),
            offset: group.place.offset,
            lost: Lost::up_to(group.first_index, group.last_index()),
            shown: None,
            proof: Proof::EarlierRead,
            reason,
        })
    };
    let (place, salt) = (group.place, from.header.salt);
    let read = Group::read(window, &from.file, place, salt, from.bytes);
    let found = read.context("read", &from.path)?.map_err(changed)?;
    match found.walk(|_, _| {}) {
        Ok(summary) if summary == *group => Ok(found),
        Ok(_) => Err(changed(Defect::Chain)),
        Err(reason) => Err(changed(reason)),
    }
}
