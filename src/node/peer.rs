//! What members of one cluster say to each other, and the two ends that carry it: a way out ([`Peers`]) and a way in
//! ([`PeerInbox`]). How it travels is the matter of `transport`; a simulation carries it in memory.
//!
//! Beside consensus, members hand on writes. A member that does not lead *offers* the writes of its clients to the leader
//! of a term. The leader of that very term *takes* them and answers with their places in the log, or *declines* them.
//! An offer that arrives in another term is declined, so whatever its fate, it is settled once an entry of a later term is
//! applied: it stands at or below that entry, or nowhere.

use bytes::Bytes;
use raft::eraftpb::Message;

/// A client's write on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedWrite {
    /// Given by the node whose client waits; unique among the requests of all nodes, ever.
    pub request: u64,
    /// The encoded command, not stamped yet. Shared with the one who may have to offer it again.
    pub proposal: Bytes,
}

/// What is said of writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteMessage {
    /// To the leader: take these, in this order, if you lead this term.
    Offer {
        /// The term that the receiver is believed to lead.
        term: u64,
        /// At least one.
        writes: Vec<OfferedWrite>,
    },
    /// From the leader: these stand in its log, in its term.
    Taken {
        /// The term.
        term: u64,
        /// Request and index of each.
        places: Vec<(u64, u64)>,
    },
    /// From one who does not lead that term, or has no room: these were not taken, and never will be by that offer.
    Declined {
        /// The term of the offer.
        term: u64,
        /// Their requests.
        requests: Vec<u64>,
    },
}

/// Anything that one member says to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PeerMessage {
    /// Of consensus.
    Raft(Message),
    /// Of writes.
    Write(WriteMessage),
}

/// The way to other members; a node without peers has nobody to send to.
pub(crate) trait Peers: Send + Sync {
    /// Messages of consensus, each of which says to whom. Must not block; may lose messages.
    fn send(&self, messages: Vec<Message>);
    /// A message of writes. Must not block; may lose it.
    fn send_write(&self, to: u64, message: WriteMessage);
}

/// The way in: where the transport leaves what it received. Nothing here blocks.
pub(crate) trait PeerInbox: Send + Sync {
    /// `from` is who the connection belongs to.
    fn receive(&self, from: u64, message: PeerMessage);
    /// What was sent to this member is lost, or may be: consensus goes back to what it knows the member has.
    fn unreachable(&self, member: u64);
    /// The member's process has ended: its connections are closed, and its port refuses new ones.
    fn ended(&self, member: u64);
}

/// A node that is alone.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoPeers;

impl Peers for NoPeers {
    fn send(&self, messages: Vec<Message>) {
        debug_assert!(messages.is_empty(), "a sole voter has nobody to send to");
    }

    fn send_write(&self, _: u64, _: WriteMessage) {
        debug_assert!(false, "a sole voter leads or has nobody to offer to");
    }
}

/// Members that nothing leads to yet: what is sent to them is lost, as it may be on any way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UnreachablePeers;

impl Peers for UnreachablePeers {
    fn send(&self, _: Vec<Message>) {}

    fn send_write(&self, _: u64, _: WriteMessage) {}
}
