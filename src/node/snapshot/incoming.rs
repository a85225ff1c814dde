//! One snapshot that comes in: its bytes, the store that is made of them, and the wait for consensus.

use std::sync::{Arc, Mutex, PoisonError};

use raft::eraftpb::Message;
use snapshot::{PublishedFile, Receiver, SnapshotDirectory};
use tokio::sync::oneshot;
use wal::fs::Fs;

use super::error::SnapshotError;
use super::export::require_room;
use super::import::{ImportedStore, Importer, import};
use super::owner::SnapshotOwner;
use super::received::{ReceivedSnapshot, SnapshotEnd};
use crate::node::marker::Installed;
use crate::node::peer::{SnapshotFault, SnapshotHead, SnapshotSink};

/// See the module.
pub(in crate::node) struct IncomingSnapshot<F: Fs> {
    directory: SnapshotDirectory<F>,
    receiver: Receiver<F>,
    message: Message,
    owner: SnapshotOwner<F>,
    _turn: Turn,
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

impl<F: Fs> IncomingSnapshot<F> {
    /// Goes on with what is here of the same file, or begins anew.
    pub(in crate::node) fn begin(
        owner: &SnapshotOwner<F>,
        directory: SnapshotDirectory<F>,
        receiving: &Arc<Mutex<bool>>,
        head: &SnapshotHead,
    ) -> Result<Self, SnapshotError> {
        let leader = owner.status.leader();
        if head.message.from != leader {
            return Err(SnapshotError::NotOfLeader {
                from: head.message.from,
                leader,
            });
        }
        let turn = Turn::take(receiving).ok_or(SnapshotError::Busy)?;
        let mut receiver = directory.receive()?;
        if receiver.meta().is_none_or(|meta| meta.id != head.id) {
            receiver.restart()?;
        }
        // The file, and the store that is made of it.
        let missing = head.length.saturating_sub(receiver.offset());
        require_room(&owner.space, &owner.data_dir, missing.max(head.length / 2))?;
        tracing::info!(
            "the state of another member comes in: {} bytes, of which {} are here",
            head.length,
            receiver.offset()
        );
        Ok(Self {
            directory,
            receiver,
            message: head.message.clone(),
            owner: owner.clone(),
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
            owner,
            _turn,
        } = self;
        let (path, summary) = receiver.finish()?;
        let file = PublishedFile {
            index: summary.meta.index,
            term: summary.meta.term,
            path,
        };
        let imported = import_as(&owner, &directory, &file);
        // Whatever came of it: it would be sent again.
        if let Err(error) = owner.fs.remove(&file.path) {
            tracing::warn!("{} stays: {error}", file.path.display());
        }
        let (ended, wait) = oneshot::channel();
        owner.intake.snapshot(ReceivedSnapshot {
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
            Ok(SnapshotEnd::Refused(store)) => {
                store.give_up();
                Err(SnapshotError::Refused)
            }
            Err(_) => Err(SnapshotError::Stopped),
        }
    }
}

fn import_as<F: Fs>(
    owner: &SnapshotOwner<F>,
    directory: &SnapshotDirectory<F>,
    file: &PublishedFile,
) -> Result<ImportedStore, SnapshotError> {
    let (term, vote) = owner.status.promised();
    let importer = Importer {
        data_dir: &owner.data_dir,
        identity: owner.identity,
        disk: owner.disk,
        promised: Installed { term, vote },
        own: owner.clock.reading(),
        options: owner.storage.clone(),
        space: &owner.space,
    };
    import(&owner.fs, directory, file, &importer)
}

impl<F: Fs> SnapshotSink for IncomingSnapshot<F> {
    fn offset(&self) -> u64 {
        Self::offset(self)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotFault> {
        self.take(bytes).map_err(|error| {
            tracing::warn!("the state of another member does not come in: {error}");
            error.fault()
        })
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotFault> {
        Self::finish(*self).map_err(|error| {
            tracing::error!("the state of another member is not taken: {error}");
            error.fault()
        })
    }
}
