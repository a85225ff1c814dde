//! Torn tails, kept aside. Guarantees that a tail is copied and the copy synced before the log is changed,
//! that the copies are bounded, and that a full disk costs the copy and not the log.
//!
//! Nobody needs the copy to go on; it is for whoever wants to know what was dropped.

use std::path::{Path, PathBuf};

use crate::entry::Place;
use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::fs::{File, Fs};
use crate::replay::TornTail;
use crate::segment::sync_dir;

/// Bytes of a torn tail that are kept; more says no more about what happened.
const TORN_BYTES_MAX: u64 = 4 << 20;

/// Copies the tail, and drops the oldest copies so that `kept` are left with it. Says in `torn` when there
/// was no room.
pub(super) fn keep_aside<F: Fs>(
    fs: &F,
    dir: &Path,
    torn: &mut TornTail,
    kept: usize,
    names: &[Name],
) -> Result<(), Error> {
    let Some(to) = torn.kept_aside.clone() else {
        return Ok(());
    };
    match copy(fs, dir, torn, &to) {
        Err(Error::NoSpace { .. }) => {
            torn.kept_aside = None;
            // What was written of it goes, if it can; the next open with a torn tail here replaces it.
            let _ = fs.remove(&to);
            Ok(())
        }
        Err(error) => Err(error),
        Ok(()) => remove_oldest(fs, dir, kept, names, &to),
    }
}

fn copy<F: Fs>(fs: &F, dir: &Path, torn: &TornTail, to: &Path) -> Result<(), Error> {
    let from = &torn.file;
    let source = fs.open_read(from).context("open", from)?;
    let mut tail = vec![0; torn.bytes.min(TORN_BYTES_MAX) as usize];
    let filled = source
        .read_full_at(torn.offset, &mut tail)
        .context("read", from)?;
    tail.truncate(filled);
    if fs.exists(to).context("look for", to)? {
        if is_remainder(fs, to, &tail)? {
            let kept = fs.open(to).context("open", to)?;
            kept.sync_data().context("sync", to)?;
            return sync_dir(fs, dir);
        }
        fs.remove(to).context("remove", to)?;
    }
    let copy = fs.create(to).context("create", to)?;
    copy.write_all_at(0, &tail).context("write", to)?;
    // Nothing but the copy hangs on this sync. Some file systems find out here that they are full.
    copy.sync_data().context("sync", to)?;
    sync_dir(fs, dir)
}

/// Whether the tail is what an open that was stopped while it wrote zeros over it has left of the tail in
/// `kept`.
fn is_remainder<F: Fs>(fs: &F, kept: &Path, tail: &[u8]) -> Result<bool, Error> {
    let file = fs.open_read(kept).context("open", kept)?;
    let mut before = vec![0; tail.len()];
    let filled = file.read_full_at(0, &mut before).context("read", kept)?;
    let left = |(now, before): (&u8, &u8)| now == before || *now == 0;
    Ok(filled == tail.len() && tail.iter().zip(&before).all(left))
}

/// Keeps the newest `kept` copies, the one just made included.
fn remove_oldest<F: Fs>(
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
