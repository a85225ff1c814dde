//! The state of another member on its way to consensus, which decides whether it is taken.

use raft::eraftpb::Message;
use tokio::sync::oneshot;

use super::import::ImportedStore;

/// It came whole, and a store was made of it.
#[derive(Debug)]
pub(crate) struct ReceivedSnapshot {
    /// What the leader says of it.
    pub(crate) message: Message,
    /// The store that would take the place of the present one.
    pub(crate) store: Box<ImportedStore>,
    /// Who made it waits for this.
    pub(crate) ended: oneshot::Sender<SnapshotEnd>,
}

/// What became of a snapshot that came.
#[derive(Debug)]
pub(crate) enum SnapshotEnd {
    /// It is the state of this member, durably.
    Installed,
    /// This member was as far by then, or another leads: the store is of no use.
    Overtaken(Box<ImportedStore>),
}

impl ReceivedSnapshot {
    /// It is not taken.
    pub(crate) fn refuse(self) {
        // Who waited may have been stopped; then the next start removes the store.
        let _ = self.ended.send(SnapshotEnd::Overtaken(self.store));
    }
}
