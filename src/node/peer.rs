//! What members of one cluster say to each other, and the two ends that carry it: a way out ([`Peers`]) and a way in
//! ([`PeerInbox`]). How it travels is the matter of `transport`; a simulation carries it in memory.
//!
//! Beside consensus, members hand on writes. A member that does not lead *offers* the writes of its clients to the leader
//! of a term, in numbered messages; that leader takes each number once, in order, while it leads that very term, and says
//! how far it came. What is lost on the way is offered again under its number. So whatever becomes of an offer, it is settled
//! once an entry of a later term is applied: its writes stand below that entry, or nowhere.
//!
//! A member whose own log takes long asks for the outcomes as well: the leader has them as soon as a quorum has the entries, and says
//! them. That is a matter of time alone. What was said is committed; where it is lost, the member's own log says it later.

use bytes::Bytes;
use raft::eraftpb::Message;
use storage::operation::Outcome;

use crate::command::Stamp;
use crate::node::outcome::AppliedWrite;

/// A client's write on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedWrite {
    /// Given by the node whose client waits; unique among the requests of all nodes, ever.
    pub request: u64,
    /// The encoded command, not stamped yet. Shared with the one who may have to offer it again.
    pub proposal: Bytes,
}

/// What is said of writes. Any of these may be lost, repeated, late or out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteMessage {
    /// To the leader: take these, in this order, if you lead this term.
    Offer(Offer),
    /// To the leader: whether the disk of this member takes writes. Only one that says so is handed the lead.
    Fit(bool),
    /// From the leader of a term: what its clocks read, for who does not lead, and where its log ends.
    Time {
        /// That it leads.
        term: u64,
        /// As it would stamp a command now.
        stamp: Stamp,
        /// The last entry of its log.
        last: u64,
    },
    /// From that leader: offers of this life and term were taken up to this number.
    Received {
        /// As in the offer.
        life: u64,
        /// As in the offer.
        term: u64,
        /// Every offer of this number or a lower one is taken.
        sequence: u64,
    },
    /// From that leader, where the offer asked for it: what became of writes.
    Decided(Vec<DecidedWrite>),
}

/// A write that is committed, as the one who offered it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecidedWrite {
    /// As in [`OfferedWrite`].
    pub request: u64,
    /// What became of it.
    pub applied: AppliedWrite,
}

impl DecidedWrite {
    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let outcomes = self.applied.outcomes.iter();
        size_of::<Self>() + outcomes.map(Outcome::bytes).sum::<usize>()
    }
}

/// Writes on their way to the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Drawn at random by the process that offers: numbers begin anew with it.
    pub life: u64,
    /// The term that the receiver is believed to lead.
    pub term: u64,
    /// Rises by one with each offer of this life and term, from 1.
    pub sequence: u64,
    /// Whether the leader is to say what becomes of the writes: the log of the member that offers takes long.
    pub awaited: bool,
    /// None where the clients of all gave up since it was first sent.
    pub writes: Vec<OfferedWrite>,
}

/// Anything that one member says to another.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of consensus: a box would cost each of them an allocation"
)]
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

/// The files of snapshots, as the way between members needs them. All of it blocks for as long as the disk takes.
pub(crate) trait SnapshotFiles: Send + Sync {
    /// The state of this member at that entry, to be sent. It can be read to its end, whatever becomes of its name.
    fn open(&self, index: u64, term: u64) -> Result<Box<dyn SnapshotSource>, SnapshotFault>;
    /// Whether the state of this member is one to take now: another that leads has a newer one, and one comes in at a time.
    fn takes_from(&self, member: u64) -> bool;
    /// Begins to take the state of another member, or goes on where an earlier try broke off. One at a time.
    fn receive(&self, head: &SnapshotHead) -> Result<Box<dyn SnapshotSink>, SnapshotFault>;
}

/// What is said of a snapshot before its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SnapshotHead {
    /// The message of consensus that it belongs to: it says where the snapshot stands, and who was a member then.
    pub message: Message,
    /// Tells the file from all others: a transfer goes on only with the same.
    pub id: u64,
    /// Bytes of the file.
    pub length: u64,
}

/// A file that is sent.
pub(crate) trait SnapshotSource: Send {
    /// As in [`SnapshotHead`].
    fn id(&self) -> u64;
    /// Its bytes.
    fn length(&self) -> u64;
    /// At most `most` bytes from `offset` on; none at the end.
    fn read(&self, offset: u64, most: usize) -> Result<Vec<u8>, SnapshotFault>;
}

/// A file that comes in.
pub(crate) trait SnapshotSink: Send {
    /// How many bytes of it are here already: the next ones are those behind.
    fn offset(&self) -> u64;
    /// The next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotFault>;
    /// All of it came: makes it the state of this member, and waits for that. It is no error if this member has come further
    /// by other ways meanwhile.
    fn finish(self: Box<Self>) -> Result<(), SnapshotFault>;
}

/// Why a snapshot does not get on; the sender tries again after a while.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct SnapshotFault {
    /// In words.
    pub(crate) text: String,
    /// Whether the file is at fault: sent again, it would be again.
    pub(crate) of_file: bool,
}

/// What became of a snapshot that a member was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotOutcome {
    /// The member goes on from there.
    Installed,
    /// It did not get it, or cannot take it now.
    Missed,
    /// Nobody can take this file: another has to be made.
    Unusable,
}

/// The way in: where the transport leaves what it received. Nothing here blocks.
pub(crate) trait PeerInbox: Send + Sync {
    /// `from` is who the connection belongs to.
    fn receive(&self, from: u64, message: PeerMessage);
    /// What was sent to this member is lost, or may be: consensus goes back to what it knows the member has.
    fn unreachable(&self, member: u64);
    /// What became of the snapshot that was sent to this member.
    fn snapshot_ended(&self, member: u64, outcome: SnapshotOutcome);
    /// The member's process has ended: its connections are closed, and its port refuses new ones.
    fn ended(&self, member: u64);
}
