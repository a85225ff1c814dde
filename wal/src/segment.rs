//! Segment files: how one comes to be. Guarantees that a file has a segment's name only after it was filled
//! to the length its header says, and header and whatever recovery put behind it are synced.
//!
//! | step | process or power fails before it | after it |
//! | --- | --- | --- |
//! | 1 a spare is taken, or a file is made and filled with zeros | – | a spare, or `*.tmp`, which open removes |
//! | 2 header (and the groups that open moves) written | as 1 | as 1: no name, so not read |
//! | 3 file synced | as 2 | as 2 |
//! | 4 renamed to its segment name | as 3 | the log ends in an empty segment, or one that repeats what was there; after a power loss, maybe as 3 |
//! | 5 directory synced | as 4 | the segment is part of the log for good |
//!
//! No group is acknowledged from a segment before step 5.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::Defect;
use crate::error::{Context, Error};
use crate::format::SECTOR;
use crate::format::name::Name;
use crate::format::segment::SegmentHeader;
use crate::fs::{Directory, File, Fs};
use crate::leftover::Leftovers;

/// Smallest segment, and the size of one made on the spot because no spare is ready: filling it takes
/// milliseconds.
pub(crate) const SMALL_SEGMENT_BYTES: u64 = 1 << 20;

static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// An open segment of the log.
pub(crate) struct Segment<F: Fs> {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) file: F::File,
    /// Where the file's groups end at the latest: its length, but no more than its header says. What lies
    /// behind was never the log's (F8), and a group there would not be missed if it went.
    pub(crate) bytes: u64,
    /// Set when the file has fewer bytes than its header says.
    pub(crate) short: Option<Defect>,
}

impl<F: Fs> Segment<F> {
    /// A segment whose file has `bytes` bytes now.
    pub(crate) fn new(header: SegmentHeader, path: PathBuf, file: F::File, bytes: u64) -> Self {
        let length = header.length.unwrap_or(bytes);
        Self {
            header,
            path,
            file,
            bytes: bytes.min(length),
            short: (bytes < length).then_some(Defect::ShortFile { bytes, length }),
        }
    }

    /// The same segment, open for writing.
    pub(crate) fn writable(&self, fs: &F) -> Result<Self, Error> {
        let path = self.path.clone();
        let file = fs.open(&path).context("open", &path)?;
        Ok(Self {
            header: self.header,
            path,
            file,
            ..*self
        })
    }

    /// Offset past which no group may reach: the file's whole sectors.
    pub(crate) fn capacity(&self) -> u64 {
        self.bytes / SECTOR * SECTOR
    }
}

/// A file on its way to become a segment.
pub(crate) struct SegmentDraft<F: Fs> {
    pub(crate) path: PathBuf,
    pub(crate) file: F::File,
    pub(crate) bytes: u64,
    /// The file was in use before, so its bytes are not known to be zero.
    pub(crate) reused: bool,
    /// Where it stands. Opened before the file is made or taken: without it the segment could get its name, and no sync.
    pub(crate) directory: F::Directory,
}

/// The error of a failed sync. The log has to stop: see [`Error::Poisoned`].
pub(crate) fn sync_failed(path: &Path, source: &std::io::Error) -> Error {
    Error::Poisoned {
        path: path.to_path_buf(),
        reason: source.to_string(),
    }
}

/// Syncs a directory; a failure of the sync is final.
pub(crate) fn sync_dir<F: Fs>(fs: &F, dir: &Path) -> Result<(), Error> {
    sync_opened(&open_dir(fs, dir)?, dir)
}

/// Opens a directory whose names are about to change.
pub(crate) fn open_dir<F: Fs>(fs: &F, dir: &Path) -> Result<F::Directory, Error> {
    fs.open_dir(dir).context("open", dir)
}

/// Syncs a directory that is open; a failure is final.
pub(crate) fn sync_opened(opened: &impl Directory, dir: &Path) -> Result<(), Error> {
    opened.sync().map_err(|error| sync_failed(dir, &error))
}

/// Fills `[0, len)` with zeros. Written, not just allocated: the first write to an allocated but
/// unwritten block needs a journal commit, which makes each later sync twice as slow.
///
/// Stops early, with `false`, when `go_on` says so; syncs every 8 MiB so that filling does not pile up
/// work in front of the appender's own syncs.
pub(crate) fn fill_with_zeros<F: File>(
    file: &F,
    len: u64,
    go_on: impl Fn() -> bool,
) -> std::io::Result<bool> {
    const SYNC_EVERY: u64 = 8 << 20;
    let mut offset = 0;
    while offset < len {
        if !go_on() {
            return Ok(false);
        }
        let until = (offset + ZEROS.len() as u64).min(len);
        write_zeros(file, offset, until)?;
        offset = until;
        if offset.is_multiple_of(SYNC_EVERY) && offset < len {
            file.sync_data()?;
        }
    }
    Ok(true)
}

/// Writes zeros over `[from, until)`.
pub(crate) fn write_zeros<F: File>(file: &F, from: u64, until: u64) -> std::io::Result<()> {
    let mut offset = from;
    while offset < until {
        let count = (ZEROS.len() as u64).min(until - offset);
        file.write_all_at(offset, &ZEROS[..count as usize])?;
        offset += count;
    }
    Ok(())
}

impl<F: Fs> SegmentDraft<F> {
    /// A new zero-filled file. Nothing is left behind when it fails, as far as the disk allows.
    pub(crate) fn create(
        fs: &F,
        dir: &Path,
        leftovers: &Leftovers,
        number: u64,
        len: u64,
    ) -> Result<Self, Error> {
        leftovers.sweep(fs)?;
        let directory = open_dir(fs, dir)?;
        let path = dir.join(Name::Unfinished(number).to_string());
        let file = fs.create(&path).context("create", &path)?;
        if let Err(error) = fill_with_zeros(&file, len, || true) {
            // A full disk wants the bytes back.
            leftovers.discard(fs, path.clone());
            return Err(error).context("fill", &path);
        }
        Ok(Self {
            path,
            file,
            bytes: len,
            reused: false,
            directory,
        })
    }

    /// Steps 2 to 5 of the module head. On an error before the rename the draft is removed.
    pub(crate) fn publish(
        self,
        fs: &F,
        dir: &Path,
        leftovers: &Leftovers,
        mut header: SegmentHeader,
    ) -> Result<Arc<Segment<F>>, Error> {
        header.reused = self.reused;
        header.length = Some(self.bytes);
        let name = Name::Segment {
            sequence: header.sequence,
            first_index: header.base.index.saturating_add(1),
        };
        let path = dir.join(name.to_string());
        if let Err(error) = self.settle(fs, &header, &path) {
            leftovers.discard(fs, self.path);
            return Err(error);
        }
        sync_opened(&self.directory, dir)?;
        // Nothing may fail from here on: the segment is there.
        Ok(Arc::new(Segment::new(header, path, self.file, self.bytes)))
    }

    fn settle(&self, fs: &F, header: &SegmentHeader, to: &Path) -> Result<(), Error> {
        self.file
            .write_all_at(0, &header.encode())
            .context("write", &self.path)?;
        self.file
            .sync_data()
            .map_err(|error| sync_failed(&self.path, &error))?;
        let Err(error) = fs.rename(&self.path, to) else {
            return Ok(());
        };
        match fs.exists(to) {
            Ok(false) => Err(error).context("rename", &self.path),
            // It may have happened: a log that went on in the old segment would contradict it.
            Ok(true) | Err(_) => Err(sync_failed(&self.path, &error)),
        }
    }
}
