//! How members reach each other: the way that [`node::peer`](crate::node::peer) asks for, over upgraded HTTP connections.
//!
//! Each member dials every other one, and only sends on what it dialled; what it accepts it only reads. So a broken
//! connection means one thing: what this member said may be lost. To each peer there are two streams, so that what is small
//! never waits behind what is large, and one more while it is sent a snapshot.
//!
//! ```text
//! network ─ local, peer      the whole, this member, and each of the others
//!   ├─ sender                one stream to a member: dial, greet, write, again
//!   │    ├─ reach ← dial     the seam to the network, and HTTP over TCP behind it
//!   │    ├─ outgoing         its queue, bounded in bytes
//!   │    └─ pump             writes what is queued, few writes for many messages
//!   └─ receiver ─ inbound    streams from others: greeted, read, checked; who gives way to whom
//!        handshake ─ greeting    how both begin
//!        message ─ frame         what is said, and its bytes
//! transfer                   a snapshot on a stream of its own
//! notice                     says a thing once an hour
//! ```
//!
//! Promises: sending never blocks, and a member that is slow, dead or lying costs the others nothing but its bounded queues. The
//! order within a stream is kept. What may be lost is told ([`PeerInbox::unreachable`](crate::node::peer::PeerInbox)).

mod ask;
mod dial;
mod frame;
#[cfg(test)]
mod fuzz;
mod greeted;
mod greeting;
mod handshake;
mod inbound;
mod local;
mod message;
mod network;
mod notice;
mod outgoing;
mod peer;
mod pump;
mod reach;
mod receiver;
mod sender;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;

pub(crate) use ask::{ask, fetch};
pub(crate) use dial::{UPGRADE_PATH, UPGRADE_PROTOCOL};
pub(crate) use local::NetworkSettings;
#[cfg(test)]
pub(crate) use message::StreamKind;
pub(crate) use network::Network;
pub(crate) use peer::PeerAddress;
pub(crate) use peer::{PeerState, StreamState};
