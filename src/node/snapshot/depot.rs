//! The files of snapshots of one member: written for others, and taken from them.
//!
//! One export and one reception at a time. A file that was written stays while somebody needs one, so that all get the same, and
//! for a while after; one that came is removed as soon as a store is made of it. A start removes what is left of either.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapshot::SnapshotDirectory;
use wal::fs::{File, Fs};

use super::error::SnapshotError;
use super::export::export;
use super::incoming::{IncomingPlace, IncomingSnapshot};
use super::owner::SnapshotOwner;
use crate::node::peer::{SnapshotFault, SnapshotFiles, SnapshotHead, SnapshotSink, SnapshotSource};
use crate::raft::StateFile;

/// See the module.
pub(crate) struct SnapshotDepot<F: Fs> {
    owner: SnapshotOwner<F>,
    /// Made when it is first needed: a member that is never behind has none. Held while it is made.
    directory: Mutex<Option<SnapshotDirectory<F>>>,
    /// What comes in. Held for a look.
    reception: Arc<Mutex<IncomingPlace<F>>>,
}

impl<F: Fs> SnapshotDepot<F> {
    /// Nothing is touched yet.
    pub(crate) fn new(owner: SnapshotOwner<F>) -> Self {
        Self {
            owner,
            directory: Mutex::default(),
            reception: Arc::default(),
        }
    }

    /// Where the member's data is.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.owner.data_dir
    }

    /// What it writes through.
    pub(crate) fn fs(&self) -> &F {
        &self.owner.fs
    }

    fn locked(&self) -> MutexGuard<'_, Option<SnapshotDirectory<F>>> {
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of the files. What an earlier process left is removed: nobody asks for it by name any more.
    fn directory(&self) -> Result<SnapshotDirectory<F>, SnapshotError> {
        let mut made = self.locked();
        // Whoever tidies up may have removed it.
        if let Some(directory) = &*made
            && self.owner.fs.exists(directory.path()).unwrap_or(true)
        {
            return Ok(directory.clone());
        }
        let directory = super::files(self.owner.fs.clone(), &self.owner.data_dir)?;
        directory.retain(0)?;
        *made = Some(directory.clone());
        Ok(directory)
    }

    /// Removes the files that an earlier process left, if there are any.
    pub(crate) fn clean(&self) {
        let path = self.owner.data_dir.join(super::DIRECTORY);
        let made = match self.owner.fs.exists(&path) {
            Ok(false) => return,
            Ok(true) => self.directory().map(|_| ()),
            Err(source) => Err(SnapshotError::Io {
                operation: "look at",
                path,
                source,
            }),
        };
        if let Err(error) = made {
            tracing::error!("snapshots of an earlier process stay, and none can be taken: {error}");
        }
    }

    /// Removes the file that was written for others. Who reads it can read it to its end.
    pub(crate) fn discard(&self) {
        let directory = self.directory();
        let removed = directory.and_then(|directory| Ok(directory.retain(0)?));
        if let Err(error) = removed {
            tracing::warn!("the state that was written for others stays: {error}");
        }
    }

    /// Takes a file in, or goes on with it.
    ///
    /// # Errors
    /// Another one comes in, or there is no room, or the disk fails.
    pub(in crate::node) fn begin(
        &self,
        head: &SnapshotHead,
    ) -> Result<IncomingSnapshot<F>, SnapshotError> {
        let directory = self.directory()?;
        IncomingSnapshot::begin(&self.owner, directory, &self.reception, head)
    }

    /// Writes the state of this member into a file, in the place of the one before. `id` is a number that no other file of
    /// the cluster has.
    ///
    /// # Errors
    /// As of [`export`].
    pub(crate) fn export(&self, id: u64) -> Result<StateFile, SnapshotError> {
        let exported = self.write(id);
        if exported.is_err() {
            self.owner.metrics.export_failures.inc();
        }
        exported
    }

    fn write(&self, id: u64) -> Result<StateFile, SnapshotError> {
        let SnapshotOwner {
            store,
            space,
            status,
            ..
        } = &self.owner;
        let directory = self.directory()?;
        let exported = export(
            store,
            &directory,
            space,
            id,
            &mut |_| match status.is_stopping() || status.has_failed() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        );
        let exported = exported?;
        tracing::debug!(
            "{} rows in {} bytes are written as of entry {}",
            exported.summary.pairs(),
            exported.summary.file_len,
            exported.file.index
        );
        // What is being sent is open, and stays until it is sent.
        directory.retain(1)?;
        Ok(StateFile {
            index: exported.file.index,
            term: exported.file.term,
            conf_state: exported.marker.conf_state,
        })
    }
}

impl<F: Fs> SnapshotFiles for SnapshotDepot<F> {
    fn open(&self, index: u64, term: u64) -> Result<Box<dyn SnapshotSource>, SnapshotFault> {
        let failed = |error: SnapshotError| error.fault();
        let directory = self.directory().map_err(failed)?;
        let files = directory.list().map_err(|error| failed(error.into()))?;
        let found = files
            .into_iter()
            .find(|file| (file.index, file.term) == (index, term));
        let file = found.ok_or_else(|| {
            let text = format!("the snapshot of entry {index} is gone: another is made");
            let of_file = true;
            SnapshotFault { text, of_file }
        })?;
        let head = directory
            .read(&file)
            .map_err(|error| failed(error.into()))?;
        let io = |source| {
            failed(SnapshotError::Io {
                operation: "open",
                path: file.path.clone(),
                source,
            })
        };
        let opened = self.owner.fs.open_read(&file.path).map_err(io)?;
        let length = opened.len().map_err(io)?;
        Ok(Box::new(OpenedFile {
            id: head.meta().id,
            length,
            file: opened,
            path: file.path,
        }))
    }

    fn takes_from(&self, member: u64) -> bool {
        let leader = self.owner.status.leader();
        leader == 0 || leader == member
    }

    fn receive(&self, head: &SnapshotHead) -> Result<Box<dyn SnapshotSink>, SnapshotFault> {
        let incoming = self.begin(head).map_err(|error| {
            tracing::debug!("a snapshot is not taken: {error}");
            error.fault()
        })?;
        Ok(Box::new(incoming))
    }
}

/// A file that is read while it is sent.
struct OpenedFile<D> {
    id: u64,
    length: u64,
    file: D,
    path: PathBuf,
}

impl<D: File> SnapshotSource for OpenedFile<D> {
    fn id(&self) -> u64 {
        self.id
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, most: usize) -> Result<Vec<u8>, SnapshotFault> {
        let left = self.length.saturating_sub(offset);
        let mut bytes = vec![0; most.min(usize::try_from(left).unwrap_or(most))];
        match self.file.read_exact_at(offset, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(SnapshotFault {
                text: format!(
                    "{} cannot be read at {offset}: {error}; look at the disk",
                    self.path.display()
                ),
                of_file: true,
            }),
        }
    }
}
