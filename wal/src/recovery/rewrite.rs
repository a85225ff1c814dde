//! Steps 4 to 6 of opening. Guarantees that after them every group of the log was synced by this process,
//! or is proven durable by what was written after an earlier sync.
//!
//! What open reads may have come from the page cache alone, even after a sync that failed. So groups above
//! the last proven place are copied, record by record, into a fresh segment which is synced before it is
//! named. The old segment then ends at the proven place, because the new header says so; its bytes after
//! that are never read again. When nothing in the old segment is proven, the new one takes its place in
//! the chain and the old file goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Place;
use crate::error::{Context, Damage, Error, Proof, Reason};
use crate::format::group::GroupHeader;
use crate::format::name::Name;
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::{File, Fs};
use crate::index::Index;
use crate::log::small_draft;
use crate::options::Options;
use crate::pending::Building;
use crate::recovery::judge::Judged;
use crate::recovery::replay::Replay;
use crate::scan::{Group, Summary, Window};
use crate::segment::{Draft, Segment, sync_dir, sync_failed};
use crate::spare::Spares;
use crate::tail::Tail;

/// Bytes of a cut tail that are kept; more says no more about what happened.
const TORN_BYTES_MAX: u64 = 4 << 20;

/// A log that is durable to its end.
pub(super) struct Ready<F: Fs> {
    pub(super) index: Index<F>,
    pub(super) current: Arc<Segment<F>>,
    pub(super) next_sequence: u64,
    pub(super) tail: Tail,
    pub(super) rewritten_bytes: u64,
    pub(super) rewritten_groups: usize,
}

pub(super) fn make_durable<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    options: &Options,
    judged: Judged<F>,
    names: &[Name],
) -> Result<Ready<F>, Error> {
    let Judged {
        mut chain,
        replay,
        cut,
    } = judged;
    let newest = Arc::clone(chain.newest());
    if let Some(cut) = &cut {
        keep_aside(fs, dir, &cut.file, cut.offset, cut.bytes, &cut.kept_aside)?;
        remove_oldest_torn(fs, dir, options.torn_files, names, &cut.kept_aside)?;
    }
    if let Some(short) = chain.short.take() {
        chain.surplus.push(short.path);
    }
    let mut ready = if cut.is_none() && replay.unproven.is_empty() {
        // All of it is proven, and nothing lies behind it that could be taken for a group of this
        // segment: appending goes on where the log ends.
        Ready {
            index: replay.index,
            tail: replay.proven,
            current: newest,
            next_sequence: 0,
            rewritten_bytes: 0,
            rewritten_groups: 0,
        }
    } else {
        if replay.proven.place == newest.header.start() {
            chain.surplus.push(newest.path.clone());
        }
        rewrite(
            fs,
            dir,
            spares,
            options,
            &newest,
            replay,
            chain.newest_sequence + 1,
        )?
    };
    ready.next_sequence = chain.newest_sequence.max(ready.current.header.sequence) + 1;
    remove_surplus(fs, dir, &chain.surplus)?;
    Ok(ready)
}

fn rewrite<F: Fs>(
    fs: &F,
    dir: &Path,
    spares: &Spares<F>,
    options: &Options,
    newest: &Segment<F>,
    replay: Replay<F>,
    sequence: u64,
) -> Result<Ready<F>, Error> {
    let Replay {
        mut index,
        proven,
        unproven,
        end,
        ..
    } = replay;
    let header = fresh_header(fs, newest, &proven, sequence);
    let replaces = proven.place == newest.header.start();
    let bytes = end.place.offset - proven.place.offset;
    let draft = small_draft(fs, dir, spares, options, HEADER_BYTES + bytes)?;
    let mut tail = Tail::start_of(&header);
    let mut moved = Vec::with_capacity(unproven.len());
    let mut window = Window::new(256 << 10);
    for group in &unproven {
        moved.push(copy_group(
            &mut window,
            newest,
            group,
            &draft,
            &header,
            &mut tail,
        )?);
    }
    let current = draft.publish(fs, dir, header)?;
    match replaces {
        true => index.replace_newest(Arc::clone(&current)),
        false => index.add_segment(Arc::clone(&current)),
    }
    for group in &moved {
        if index.apply(group).is_err() {
            return Err(changed(newest, group, Reason::IndexGap).into());
        }
    }
    Ok(Ready {
        index,
        current,
        next_sequence: 0,
        tail,
        rewritten_bytes: bytes,
        rewritten_groups: moved.len(),
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
        chain_before: proven.chain,
        previous: proven.place,
        base: proven.last,
        hard_state: proven.hard_state,
    }
}

fn copy_group<F: Fs>(
    window: &mut Window,
    from: &Segment<F>,
    group: &Summary,
    to: &Draft<F>,
    header: &SegmentHeader,
    tail: &mut Tail,
) -> Result<Summary, Error> {
    let read = Group::read(window, &from.file, group.place, from.header.salt, group.end);
    let old = read
        .context("read", &from.path)?
        .map_err(|reason| changed(from, group, reason))?;
    let mut copy = Building::rebuilt(old.body(), &old.header, group.clone());
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
    Ok(summary.clone())
}

/// A group that was valid a moment ago and is no longer.
fn changed<F: Fs>(segment: &Segment<F>, group: &Summary, reason: Reason) -> Damage {
    Damage {
        file: segment.path.clone(),
        offset: group.place.offset,
        first_index: group.first_index,
        last_index: group.last_index(),
        proof: Proof::EarlierRead,
        reason,
    }
}

fn keep_aside<F: Fs>(
    fs: &F,
    dir: &Path,
    from: &Path,
    offset: u64,
    bytes: u64,
    to: &Path,
) -> Result<(), Error> {
    if fs.exists(to).context("look for", to)? {
        fs.remove(to).context("remove", to)?;
    }
    let source = fs.open_read(from).context("open", from)?;
    let mut tail = vec![0; bytes.min(TORN_BYTES_MAX) as usize];
    let filled = source
        .read_full_at(offset, &mut tail)
        .context("read", from)?;
    let copy = fs.create(to).context("create", to)?;
    copy.write_all_at(0, &tail[..filled]).context("write", to)?;
    copy.sync_data().map_err(|error| sync_failed(to, &error))?;
    sync_dir(fs, dir)
}

/// Keeps the newest `kept` torn files, the one just made included.
fn remove_oldest_torn<F: Fs>(
    fs: &F,
    dir: &Path,
    kept: usize,
    names: &[Name],
    made: &Path,
) -> Result<(), Error> {
    let mut torn: Vec<(Place, PathBuf)> = names
        .iter()
        .filter_map(|name| match *name {
            Name::Torn { sequence, offset } => {
                Some((Place { sequence, offset }, dir.join(name.to_string())))
            }
            _ => None,
        })
        .filter(|(_, path)| path != made)
        .collect();
    torn.sort_unstable();
    let surplus = (torn.len() + 1).saturating_sub(kept.max(1));
    for (_, path) in torn.iter().take(surplus) {
        fs.remove(path).context("remove", path)?;
    }
    Ok(())
}

fn remove_surplus<F: Fs>(fs: &F, dir: &Path, surplus: &[PathBuf]) -> Result<(), Error> {
    for path in surplus {
        fs.remove(path).context("remove", path)?;
    }
    match surplus.is_empty() {
        true => Ok(()),
        false => sync_dir(fs, dir),
    }
}
