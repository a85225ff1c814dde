//! Spare files for the segments to come. Guarantees that a file listed as ready was filled, synced and
//! named before, so that a cut neither allocates nor waits for zeros.
//!
//! One thread of the crate's own fills the next spare while the current segment fills. What it leaves
//! half done has a `.tmp` name and is removed as soon as that works, by open at the latest. A file with a
//! spare's name is listed, or on its way to be removed: none lies about unknown. The lock is held for list
//! operations only, never across a file operation; no other lock is taken under it.

mod list;
mod make;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::error::{Context, Error};
use crate::format::align;
use crate::format::name::Name;
use crate::fs::Fs;
use crate::leftover::Leftovers;
use crate::options::Options;
use crate::segment::{SMALL_SEGMENT_BYTES, SegmentDraft, open_dir};
use list::{SharedSpares, Spare, SpareList, spare_path};
use make::{keep_ready, prepare};

/// The spares of one log directory.
pub(crate) struct Spares<F: Fs> {
    fs: F,
    dir: PathBuf,
    segment_bytes: u64,
    kept: usize,
    shared: Arc<SharedSpares>,
    thread: Option<JoinHandle<()>>,
}

impl<F: Fs> Spares<F> {
    /// Takes over the spares that are there and removes what was left half made.
    pub(crate) fn adopt(
        fs: &F,
        dir: &Path,
        options: &Options,
        names: &[Name],
    ) -> Result<Self, Error> {
        let spares = Self::new(
            fs.clone(),
            dir,
            options.segment_bytes,
            options.spare_segments,
        );
        for name in names {
            let path = dir.join(name.to_string());
            let wanted = match *name {
                Name::Spare(number) => {
                    spares.avoid(number);
                    spares.offer(number, fs.len(&path).context("measure", &path)?)
                }
                Name::Unfinished(number) => {
                    spares.avoid(number);
                    false
                }
                _ => continue,
            };
            if !wanted {
                spares.leftovers().discard(fs, path);
            }
        }
        Ok(spares)
    }

    fn new(fs: F, dir: &Path, segment_bytes: u64, kept: usize) -> Self {
        Self {
            fs,
            dir: dir.to_path_buf(),
            segment_bytes,
            kept,
            shared: Arc::new(SharedSpares {
                state: Mutex::new(SpareList {
                    next_number: 1,
                    ..SpareList::default()
                }),
                changed: Condvar::new(),
                leftovers: Leftovers::default(),
            }),
            thread: None,
        }
    }

    /// Starts the thread that keeps one spare ready. Without it the log works, with smaller segments.
    pub(crate) fn start(&mut self) {
        let (fs, dir, len) = (self.fs.clone(), self.dir.clone(), self.segment_bytes);
        let shared = Arc::clone(&self.shared);
        let spawned = std::thread::Builder::new()
            .name("wal-spare".to_owned())
            .spawn(move || keep_ready(&fs, &dir, len, &shared));
        match spawned {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => tracing::warn!(%error, "no thread for spare log segments"),
        }
    }

    /// Numbers in use are not given again.
    fn avoid(&self, number: u64) {
        let state = &mut *self.shared.lock();
        state.next_number = state.next_number.max(number.saturating_add(1));
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.shared.next_number()
    }

    /// Lists a file found in the directory, or one that was recycled. False when there are enough, or it
    /// is too short: the caller removes it.
    pub(crate) fn offer(&self, number: u64, bytes: u64) -> bool {
        let state = &mut *self.shared.lock();
        let wanted = bytes >= self.segment_bytes && state.ready.len() < self.kept;
        if wanted {
            state.ready.push(Spare {
                number,
                bytes,
                reused: true,
            });
            state.space_low = false;
        }
        wanted
    }

    /// Whether a recycled file of this size would be taken.
    pub(crate) fn wants(&self, bytes: u64) -> bool {
        bytes >= self.segment_bytes && self.shared.lock().ready.len() < self.kept
    }

    /// A file for a segment with room for `need` bytes: a spare, else a small one made on the spot.
    pub(crate) fn draft(&self, need: u64) -> Result<SegmentDraft<F>, Error> {
        match self.take(need)? {
            Some(draft) => Ok(draft),
            None => self.small_draft(need),
        }
    }

    /// A file made on the spot: 1 MiB, or as much as is needed.
    pub(crate) fn small_draft(&self, need: u64) -> Result<SegmentDraft<F>, Error> {
        let len = align(self.segment_bytes.min(SMALL_SEGMENT_BYTES).max(need));
        let number = self.next_number();
        SegmentDraft::create(&self.fs, &self.dir, self.leftovers(), number, len)
    }

    /// Opens a spare of at least `min_bytes` as a draft and has another one made.
    fn take(&self, min_bytes: u64) -> Result<Option<SegmentDraft<F>>, Error> {
        let directory = open_dir(&self.fs, &self.dir)?;
        let spare = {
            let state = &mut *self.shared.lock();
            let found = state
                .ready
                .iter()
                .position(|spare| spare.bytes >= min_bytes);
            found.map(|position| state.ready.swap_remove(position))
        };
        self.shared.changed.notify_all();
        let Some(spare) = spare else {
            return Ok(None);
        };
        let path = spare_path(&self.dir, spare.number);
        let file = match self.fs.open(&path) {
            Ok(file) => file,
            // Somebody removed it. Another is being made; until then a small segment does.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                // It may be the process that has no descriptor left: the spare is as good as before.
                self.shared.lock().ready.push(spare);
                return Err(error).context("open", &path);
            }
        };
        Ok(Some(SegmentDraft {
            path,
            file,
            bytes: spare.bytes,
            reused: spare.reused,
            directory,
        }))
    }

    /// Makes a spare now when none is ready; true when one was made.
    pub(crate) fn prepare(&self) -> Result<bool, Error> {
        if !self.shared.lock().ready.is_empty() {
            return Ok(false);
        }
        prepare(&self.fs, &self.dir, self.segment_bytes, &self.shared)
    }

    /// Whether the next segment could not be made for want of space.
    pub(crate) fn space_low(&self) -> bool {
        self.shared.lock().space_low
    }

    /// Files of this directory that are still to be removed.
    pub(crate) fn leftovers(&self) -> &Leftovers {
        &self.shared.leftovers
    }

    pub(crate) fn path_of(&self, number: u64) -> PathBuf {
        spare_path(&self.dir, number)
    }
}

impl<F: Fs> Drop for Spares<F> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends at its next look at `stop`; a panic there has nothing of ours to break.
            let _ = thread.join();
        }
    }
}
