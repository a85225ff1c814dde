//! The state of this member as a file: from one view, while writes go on.

use std::ops::ControlFlow;
use std::path::Path;

use snapshot::{Hash, Meta, PublishedFile, Section, SnapshotDirectory, Summary};
use wal::fs::Fs;

use super::error::SnapshotError;
use super::family;
use crate::node::disk_space::DiskSpace;
use crate::node::marker::Marker;
use crate::node::reserve;

/// Rows between two looks whether the store must go, and two words about the progress.
const LOOK_ROWS: u64 = 1_024;

/// How far an export has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ExportProgress {
    /// Rows written.
    pub(crate) rows: u64,
    /// Bytes of their keys and values.
    pub(crate) bytes: u64,
}

/// A file that was written.
#[derive(Debug)]
pub(crate) struct Exported {
    /// Where it is.
    pub(crate) file: PublishedFile,
    /// What is in it.
    pub(crate) summary: Summary,
    /// What the store said beside its place.
    pub(crate) marker: Marker,
}

/// Writes the state that the store is at now into `directory`, and publishes it whole. `id` is a number that no other file
/// of the cluster has. `progress` may end it. Blocks for as long as the disk takes; nothing waits for it but a reopening of the store, which ends
/// it.
///
/// # Errors
/// [`SnapshotError::NoRoom`] before anything is written; [`SnapshotError::Recalled`]; [`SnapshotError::Stopped`]; what disk and store say. No file then.
pub(crate) fn export<F: Fs>(
    store: &storage::Store,
    directory: &SnapshotDirectory<F>,
    space: &DiskSpace,
    id: u64,
    progress: &mut dyn FnMut(ExportProgress) -> ControlFlow<()>,
) -> Result<Exported, SnapshotError> {
    let statistics = store.statistics();
    require_room(
        space,
        directory.path(),
        statistics.disk_bytes + statistics.memtable_bytes,
    )?;
    let lease = store.lease()?;
    let view = lease.view();
    let applied = view.applied();
    let marker = Marker::decode(&applied.marker)?;
    let meta = Meta {
        id,
        cluster: marker.cluster,
        member: marker.member,
        revision: applied.revision,
        term: marker.term,
        index: applied.index,
        hash: Hash::new(&applied.hash.to_le_bytes()).unwrap_or_default(),
    };
    // A file of the same place goes with it: there is none, or nobody can use it. What cannot go would be in the way at the end.
    directory.clear(&meta)?;
    let mut draft = directory.draft(meta)?;
    let mut rows = view.export();
    let (mut key, mut open, mut done) = (Vec::new(), None, ExportProgress::default());
    while let Some(row) = rows.next()? {
        let Some((section, byte)) = family::place(row.family) else {
            return Err(storage::Error::NoFamily {
                name: row.family.to_owned(),
            }
            .into());
        };
        if open != Some(section) {
            draft.begin(section)?;
            open = Some(section);
        }
        key.clear();
        key.push(byte);
        key.extend_from_slice(row.key);
        draft.put(&key, row.value)?;
        done.rows += 1;
        done.bytes += (row.key.len() + row.value.len()) as u64;
        if done.rows.is_multiple_of(LOOK_ROWS) {
            if lease.is_recalled() {
                return Err(SnapshotError::Recalled);
            }
            if progress(done).is_break() {
                return Err(SnapshotError::Stopped);
            }
        }
    }
    // A reader tells an empty tree from a file that lacks its tree.
    if open == Some(Section::Meta) {
        draft.begin(Section::Tree)?;
    }
    let summary = draft.finish()?;
    // It is whole: nobody needs to be asked.
    let _ = progress(done);
    let published = directory
        .list()?
        .into_iter()
        .find(|file| (file.index, file.term) == (meta.index, meta.term));
    let file = published.ok_or_else(|| SnapshotError::Unfit {
        file: directory.path().to_owned(),
        reason: "it was removed at once",
    })?;
    Ok(Exported {
        file,
        summary,
        marker,
    })
}

/// Refuses where less is free than these bytes, and what a start on a full disk needs.
pub(super) fn require_room(
    space: &DiskSpace,
    directory: &Path,
    bytes: u64,
) -> Result<(), SnapshotError> {
    let needed = bytes.saturating_add(reserve::BYTES);
    let free = space.free_bytes(directory);
    if free < needed {
        return Err(SnapshotError::NoRoom {
            directory: directory.to_owned(),
            free,
            needed,
        });
    }
    Ok(())
}
