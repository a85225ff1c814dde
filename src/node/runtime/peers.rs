//! The way to other members.

use raft::eraftpb::Message;

/// Messages to other members; a node without peers has nobody to send to.
pub(crate) trait Peers: Send + Sync {
    /// Must not block; may lose messages.
    fn send(&self, messages: Vec<Message>);
}

/// A node that is alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoPeers;

impl Peers for NoPeers {
    fn send(&self, messages: Vec<Message>) {
        debug_assert!(messages.is_empty(), "a sole voter has nobody to send to");
    }
}
