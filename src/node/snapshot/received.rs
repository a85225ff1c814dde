//! The state of another member on its way to consensus, which decides whether it is taken.

use raft::eraftpb::{Message, MessageType};
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
    /// This member is as far by other ways.
    Overtaken(Box<ImportedStore>),
    /// It was not taken: who sent it does not lead, or it is not what was said of it.
    Refused(Box<ImportedStore>),
}

impl ReceivedSnapshot {
    /// The last entry in it, and its term.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.store.applied.index, self.store.marker.term)
    }

    /// Whether the message speaks of this very state, and of the members in it: consensus believes the message.
    pub(crate) fn is_what_it_says(&self) -> bool {
        let said = self.message.get_snapshot().get_metadata();
        self.message.get_msg_type() == MessageType::MsgSnapshot
            && (said.index, said.term) == self.place()
            && *said.get_conf_state() == self.store.marker.conf_state
    }

    /// It is not needed any more.
    pub(crate) fn overtaken(self) {
        // Who waited may have been stopped; then the next start removes the store.
        let _ = self.ended.send(SnapshotEnd::Overtaken(self.store));
    }

    /// It is not taken.
    pub(crate) fn refuse(self) {
        let _ = self.ended.send(SnapshotEnd::Refused(self.store));
    }
}
