//! A store made of a file, beside the store that is in use: steps 1 to 3 of an install.

use std::path::{Path, PathBuf};

use snapshot::{Meta, PublishedFile, SnapshotDirectory};
use wal::fs::Fs;

use super::error::SnapshotError;
use super::export::require_room;
use super::family;
use crate::command::Stamp;
use crate::node::disk_space::DiskSpace;
use crate::node::marker::{Installed, Marker};
use crate::node::store_pointer;

/// Who installs a snapshot.
#[derive(Debug)]
pub(crate) struct Importer<'a> {
    /// Its data directory.
    pub(crate) data_dir: &'a Path,
    /// Its own ids: those of the file are the leader's.
    pub(crate) identity: wal::Identity,
    /// What its data directory drew when it was founded.
    pub(crate) disk: u64,
    /// What it has promised so far. It stays promised, whatever becomes of the log.
    pub(crate) promised: Installed,
    /// What its clocks read now ([`ClusterClock::reading`](crate::node::cluster_clock::ClusterClock::reading)).
    pub(crate) own: Stamp,
    /// For the store.
    pub(crate) options: storage::StoreOptions,
    /// What tells how much is free.
    pub(crate) space: &'a DiskSpace,
}

/// A whole store that is not yet the store.
#[derive(Debug)]
pub(crate) struct ImportedStore {
    /// Its directory.
    pub(crate) path: PathBuf,
    name: String,
    /// Where it stands.
    pub(crate) applied: storage::Applied,
    /// What it says beside that.
    pub(crate) marker: Marker,
}

/// Makes a store of the file in a directory of its own. Each block is proven before its rows count, and the file as a whole
/// before the store does.
///
/// # Errors
/// The store in use is as it was, and what was begun is removed.
pub(crate) fn import<F: Fs>(
    fs: &F,
    directory: &SnapshotDirectory<F>,
    file: &PublishedFile,
    importer: &Importer<'_>,
) -> Result<ImportedStore, SnapshotError> {
    let reader = directory.read(file)?;
    let own = importer.identity.cluster;
    if reader.meta().cluster != own {
        return Err(SnapshotError::Stranger {
            file: file.path.clone(),
            found: reader.meta().cluster,
            own,
        });
    }
    drop(reader);
    // Made of tables, the state takes about what the file takes, which is here already.
    require_room(importer.space, importer.data_dir, directory.file_len(file)?)?;
    let io = |source| SnapshotError::Io {
        operation: "look for a name in",
        path: importer.data_dir.to_owned(),
        source,
    };
    let name = store_pointer::next_name(fs, importer.data_dir).map_err(io)?;
    let path = importer.data_dir.join(&name);
    let made = build(directory, file, importer, &path);
    if made.is_err()
        && let Err(error) = store_pointer::remove(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(
            "{} was not finished and stays until the next start: {error}",
            path.display()
        );
    }
    let (applied, marker) = made?;
    Ok(ImportedStore {
        path,
        name,
        applied,
        marker,
    })
}

/// Step 2: every row, then the marker of this member.
fn build<F: Fs>(
    directory: &SnapshotDirectory<F>,
    file: &PublishedFile,
    importer: &Importer<'_>,
    path: &Path,
) -> Result<(storage::Applied, Marker), SnapshotError> {
    let unfit = |reason| SnapshotError::Unfit {
        file: file.path.clone(),
        reason,
    };
    let mut import = storage::import(path, importer.options.clone())?;
    let mut reader = directory.read(file)?;
    let meta = *reader.meta();
    while let Some(block) = reader.next_block()? {
        for (key, value) in block.pairs() {
            let row = family::row(block.section(), key);
            let (family, key) = row.ok_or_else(|| unfit("a row is of no part of a store"))?;
            import.put(family, key, value)?;
        }
    }
    let applied = import.applied();
    let applied = applied.ok_or_else(|| unfit("it has no state row"))?;
    let theirs = Marker::decode(&applied.marker)?;
    if !is_of(&meta, applied, &theirs) {
        return Err(unfit("its rows are of another state"));
    }
    // What passed since the last command is not counted here: whoever wrote it may have counted less than this member.
    let own = Stamp {
        cluster_time: theirs.stamp.cluster_time,
        ..importer.own
    };
    let marker = Marker {
        cluster: importer.identity.cluster,
        member: importer.identity.member,
        disk: importer.disk,
        witness: None,
        own: Some(own),
        booted: None,
        installed: Some(importer.promised),
        ..theirs
    };
    let applied = import.finish(Some(&marker.encode()))?;
    Ok((applied, marker))
}

fn is_of(meta: &Meta, applied: &storage::Applied, marker: &Marker) -> bool {
    (meta.index, meta.term, meta.revision) == (applied.index, marker.term, applied.revision)
        && meta.hash.as_bytes() == applied.hash.to_le_bytes()
}

impl ImportedStore {
    /// Step 3: makes it the store, durably.
    ///
    /// # Errors
    /// What the system says. Which store it is now only a start can tell: the node has to end.
    pub(crate) fn switch<F: Fs>(&self, fs: &F, data_dir: &Path) -> Result<(), SnapshotError> {
        store_pointer::switch(fs, data_dir, &self.name).map_err(|source| SnapshotError::Io {
            operation: "write",
            path: store_pointer::path(data_dir),
            source,
        })
    }

    /// Gives it up before it became the store.
    pub(crate) fn give_up(self) {
        if let Err(error) = store_pointer::remove(&self.path) {
            tracing::warn!(
                "{} stays until the next start: {error}",
                self.path.display()
            );
        }
    }
}
