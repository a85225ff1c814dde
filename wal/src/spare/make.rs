//! How a spare is made, and the thread that makes them. Guarantees that a file is listed only after it was
//! filled and synced, and that nothing of a failed attempt is forgotten.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 a `*.tmp` file is made, filled with zeros and synced | – | a `*.tmp` file, which open removes |
//! | 2 renamed to `*.spare` | as 1 | a spare, or, after a power loss, as 1 |
//! | 3 directory synced | as 2 | a spare |

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use crate::error::{Context, Error};
use crate::format::name::Name;
use crate::fs::{File, Fs};
use crate::segment::fill_with_zeros;

use super::list::{SharedSpares, Spare, spare_path};

/// After a failure the thread tries again this often, and at each cut.
const RETRY: Duration = Duration::from_secs(1);

/// The thread: makes a spare whenever none is ready, until told to stop.
pub(super) fn keep_ready<F: Fs>(fs: &F, dir: &Path, len: u64, shared: &SharedSpares) {
    let mut reported = false;
    loop {
        {
            let mut state = shared.lock();
            while !state.stop && !state.ready.is_empty() {
                state = shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                return;
            }
        }
        let Err(error) = prepare(fs, dir, len, shared) else {
            reported = false;
            continue;
        };
        // Once for each time it begins to fail: a disk may be full for days.
        if !std::mem::replace(&mut reported, true) {
            tracing::warn!(%error, "the next log segment could not be prepared");
        }
        let state = shared.lock();
        if !state.stop {
            let waited = shared.changed.wait_timeout(state, RETRY);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Creates, fills, syncs and names one spare. A failed sync only costs this file: nothing was in it.
pub(super) fn prepare<F: Fs>(
    fs: &F,
    dir: &Path,
    len: u64,
    shared: &SharedSpares,
) -> Result<bool, Error> {
    let number = shared.next_number();
    let made = make_spare(fs, dir, number, len, shared);
    let state = &mut *shared.lock();
    match &made {
        Ok(true) => {
            state.ready.push(Spare {
                number,
                bytes: len,
                reused: false,
            });
            state.space_low = false;
        }
        Ok(false) => {}
        Err(error) => state.space_low = matches!(error, Error::NoSpace { .. }),
    }
    made
}

fn make_spare<F: Fs>(
    fs: &F,
    dir: &Path,
    number: u64,
    len: u64,
    shared: &SharedSpares,
) -> Result<bool, Error> {
    // Filling a nearly full disk to its last byte, only to give up, would take the room from everyone else.
    if fs.free_bytes(dir).unwrap_or(u64::MAX) < len.saturating_add(len / 2) {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        return Err(full).context("prepare a segment in", dir);
    }
    shared.leftovers.sweep(fs)?;
    let path = dir.join(Name::Unfinished(number).to_string());
    let file = fs.create(&path).context("create", &path)?;
    let filled = fill_with_zeros(&file, len, || !shared.lock().stop)
        .and_then(|whole| file.sync_data().map(|()| whole))
        .context("fill", &path);
    if !matches!(filled, Ok(true)) {
        shared.leftovers.discard(fs, path);
        return filled;
    }
    let spare = spare_path(dir, number);
    if let Err(error) = fs.rename(&path, &spare) {
        // It may have happened all the same.
        shared.leftovers.discard(fs, spare);
        shared.leftovers.discard(fs, path.clone());
        return Err(error).context("rename", &path);
    }
    // Nothing depends on this name: if it is lost, a power loss leaves a `*.tmp` file in its place. So the
    // spare is one even if this fails, and the segment it becomes has a sync of its own.
    if let Err(error) = fs.sync_dir(dir) {
        tracing::warn!(%error, dir = %dir.display(), "the name of a prepared log segment is not synced");
    }
    Ok(true)
}
