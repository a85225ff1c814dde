//! One snapshot that comes in: its bytes, the store that is made of them, and the wait for consensus.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use raft::eraftpb::Message;
use snapshot::{PublishedFile, Receiver, SnapshotDirectory};
use tokio::sync::oneshot;
use wal::fs::Fs;

use super::depot::{DepotOptions, SnapshotDepot};
use super::error::SnapshotError;
use super::export::require_room;
use super::import::{ImportedStore, Importer, import};
use super::received::{ReceivedSnapshot, SnapshotEnd};
use crate::node::cluster_clock::ClusterClock;
use crate::node::disk_space::DiskSpace;
use crate::node::intake::Intake;
use crate::node::marker::Installed;
use crate::node::peer::{SnapshotFault, SnapshotHead, SnapshotSink};
use crate::node::status::Status;

/// See the module.
pub(in crate::node) struct Reception<F: Fs> {
    directory: SnapshotDirectory<F>,
    receiver: Receiver<F>,
    message: Message,
    into: Destination<F>,
    _turn: Turn,
}

/// What a store needs to be made and handed on, without the depot: it may be dropped meanwhile.
struct Destination<F> {
    fs: F,
    data_dir: PathBuf,
    space: DiskSpace,
    storage: storage::StoreOptions,
    identity: wal::Identity,
    disk: u64,
    clock: ClusterClock,
    status: Arc<Status>,
    intake: Arc<Intake>,
}

/// Only one comes in at a time.
struct Turn(Arc<Mutex<bool>>);

impl Turn {
    fn take(receiving: &Arc<Mutex<bool>>) -> Option<Self> {
        let mut taken = receiving.lock().unwrap_or_else(PoisonError::into_inner);
        (!std::mem::replace(&mut *taken, true)).then(|| Self(receiving.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl<F: Fs> Reception<F> {
    /// Goes on with what is here of the same file, or begins anew.
    pub(in crate::node) fn begin(
        depot: &SnapshotDepot<F>,
        head: &SnapshotHead,
    ) -> Result<Self, SnapshotError> {
        let turn = Turn::take(&depot.receiving).ok_or(SnapshotError::Busy)?;
        let options = &depot.options;
        let directory = depot.directory()?;
        let mut receiver = directory.receive()?;
        if receiver.meta().is_none_or(|meta| meta.id != head.id) {
            receiver.restart()?;
        }
        // The file, and the store that is made of it.
        let missing = head.length.saturating_sub(receiver.offset());
        require_room(
            &options.space,
            &options.data_dir,
            missing.max(head.length / 2),
        )?;
        tracing::info!(
            "the state of another member comes in: {} bytes, of which {} are here",
            head.length,
            receiver.offset()
        );
        Ok(Self {
            directory,
            receiver,
            message: head.message.clone(),
            into: Destination::of(options),
            _turn: turn,
        })
    }

    /// How many bytes are here.
    pub(in crate::node) fn offset(&self) -> u64 {
        self.receiver.offset()
    }

    /// The next bytes.
    pub(in crate::node) fn take(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        Ok(self.receiver.write(bytes)?)
    }

    /// Makes a store of what came, and hands it to consensus, which says what becomes of it.
    pub(in crate::node) fn hand_on(self) -> Result<oneshot::Receiver<SnapshotEnd>, SnapshotError> {
        let Self {
            directory,
            receiver,
            message,
            into,
            _turn,
        } = self;
        let (path, summary) = receiver.finish()?;
        let file = PublishedFile {
            index: summary.meta.index,
            term: summary.meta.term,
            path,
        };
        let imported = into.import(&directory, &file);
        // Whatever came of it: it would be sent again.
        if let Err(error) = into.fs.remove(&file.path) {
            tracing::warn!("{} stays: {error}", file.path.display());
        }
        let (ended, wait) = oneshot::channel();
        into.intake.snapshot(ReceivedSnapshot {
            message,
            store: Box::new(imported?),
            ended,
        });
        Ok(wait)
    }

    /// The same, and waits for it.
    fn finish(self) -> Result<(), SnapshotError> {
        match self.hand_on()?.blocking_recv() {
            Ok(SnapshotEnd::Installed) => Ok(()),
            Ok(SnapshotEnd::Overtaken(store)) => {
                tracing::info!(
                    "the state of another member at entry {} is not needed any more",
                    store.applied.index
                );
                store.give_up();
                Ok(())
            }
            Err(_) => Err(SnapshotError::Stopped),
        }
    }
}

impl<F: Fs> Destination<F> {
    fn of(options: &DepotOptions<F>) -> Self {
        Self {
            fs: options.fs.clone(),
            data_dir: options.data_dir.clone(),
            space: options.space.clone(),
            storage: options.storage.clone(),
            identity: options.identity,
            disk: options.disk,
            clock: options.clock.clone(),
            status: options.status.clone(),
            intake: options.intake.clone(),
        }
    }

    fn import(
        &self,
        directory: &SnapshotDirectory<F>,
        file: &PublishedFile,
    ) -> Result<ImportedStore, SnapshotError> {
        let (term, vote) = self.status.promised();
        let importer = Importer {
            data_dir: &self.data_dir,
            identity: self.identity,
            disk: self.disk,
            promised: Installed { term, vote },
            own: self.clock.reading(),
            options: self.storage.clone(),
            space: &self.space,
        };
        import(&self.fs, directory, file, &importer)
    }
}

impl<F: Fs> SnapshotSink for Reception<F> {
    fn offset(&self) -> u64 {
        Self::offset(self)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotFault> {
        self.take(bytes).map_err(|error| {
            tracing::warn!("the state of another member does not come in: {error}");
            SnapshotFault(error.to_string())
        })
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotFault> {
        Self::finish(*self).map_err(|error| {
            tracing::error!("the state of another member is not taken: {error}");
            SnapshotFault(error.to_string())
        })
    }
}
