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
    message: Message,
    owner: SnapshotOwner<F>,
    turn: Turn<F>,
}

/// Who receives, and what a stream that broke off leaves to the next one: opened anew, all that came would have to be copied,
/// since nothing that an earlier process wrote counts as written.
pub(in crate::node) struct IncomingPlace<F: Fs> {
    taken: bool,
    left: Option<Receiver<F>>,
}

impl<F: Fs> Default for IncomingPlace<F> {
    fn default() -> Self {
        Self {
            taken: false,
            left: None,
        }
    }
}

/// Only one comes in at a time.
struct Turn<F: Fs> {
    reception: Arc<Mutex<IncomingPlace<F>>>,
    receiver: Option<Receiver<F>>,
}

impl<F: Fs> Turn<F> {
    fn take(reception: &Arc<Mutex<IncomingPlace<F>>>) -> Option<Self> {
        let mut stands = reception.lock().unwrap_or_else(PoisonError::into_inner);
        let free = !std::mem::replace(&mut stands.taken, true);
        free.then(|| Self {
            reception: reception.clone(),
            receiver: stands.left.take(),
        })
    }

    /// The receiver of the file with this id, with what came of it.
    fn receiver(
        &mut self,
        owner: &SnapshotOwner<F>,
        directory: &SnapshotDirectory<F>,
        id: u64,
    ) -> Result<&mut Receiver<F>, SnapshotError> {
        // It may have been removed since.
        let mut left = self.receiver.take();
        let there = left.take_if(|left| owner.fs.exists(left.path()).unwrap_or(false));
        let mut receiver = match there {
            Some(receiver) => receiver,
            None => directory.receive()?,
        };
        receiver.rewind();
        if receiver.meta().is_none_or(|meta| meta.id != id) {
            receiver.restart()?;
        }
        Ok(self.receiver.insert(receiver))
    }
}

impl<F: Fs> Drop for Turn<F> {
    fn drop(&mut self) {
        let mut stands = self
            .reception
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        stands.left = self.receiver.take();
        stands.taken = false;
    }
}

impl<F: Fs> IncomingSnapshot<F> {
    /// Goes on with what is here of the same file, or begins anew.
    pub(in crate::node) fn begin(
        owner: &SnapshotOwner<F>,
        directory: SnapshotDirectory<F>,
        reception: &Arc<Mutex<IncomingPlace<F>>>,
        head: &SnapshotHead,
    ) -> Result<Self, SnapshotError> {
        let leader = owner.status.leader();
        if head.message.from != leader {
            return Err(SnapshotError::NotOfLeader {
                from: head.message.from,
                leader,
            });
        }
        let mut turn = Turn::take(reception).ok_or(SnapshotError::Busy)?;
        let offset = turn.receiver(owner, &directory, head.id)?.offset();
        // The file, and the store that is made of it.
        let missing = head.length.saturating_sub(offset);
        let needed = missing.saturating_mul(2).max(head.length);
        require_room(&owner.space, &owner.data_dir, needed)?;
        tracing::info!(
            "the state of another member comes in: {} bytes, of which {offset} are here",
            head.length
        );
        Ok(Self {
            directory,
            message: head.message.clone(),
            owner: owner.clone(),
            turn,
        })
    }

    /// How many bytes are here.
    pub(in crate::node) fn offset(&self) -> u64 {
        self.turn.receiver.as_ref().map_or(0, Receiver::offset)
    }

    /// The next bytes.
    pub(in crate::node) fn take(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let receiver = self.turn.receiver.as_mut();
        Ok(receiver.ok_or(SnapshotError::Stopped)?.write(bytes)?)
    }

    /// Makes a store of what came, and hands it to consensus, which says what becomes of it.
    pub(in crate::node) fn hand_on(self) -> Result<oneshot::Receiver<SnapshotEnd>, SnapshotError> {
        let Self {
            directory,
            message,
            owner,
            mut turn,
        } = self;
        let receiver = turn.receiver.take().ok_or(SnapshotError::Stopped)?;
        let (path, summary) = receiver.finish()?;
        let file = PublishedFile {
            index: summary.meta.index,
            term: summary.meta.term,
            path,
        };
        let imported = import_as(&owner, &directory, &file);
        // What failed for a reason of this machine is tried again with the same bytes.
        let kept = imported.as_ref().is_err_and(|error| !error.fault().of_file)
            && directory.put_back(&file).is_ok();
        if !kept && let Err(error) = owner.fs.remove(&file.path) {
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
