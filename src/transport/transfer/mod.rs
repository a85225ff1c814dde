//! A snapshot on its way: a stream of its own for each, so that nothing waits behind it.
//!
//! ```text
//! giver                                   taker
//!   greeting (stream: snapshot)  ─►
//!                                ◄─  greeting, or refusal
//!   head: message, id, length    ─►
//!                                ◄─  at: the offset to go on from (u64 LE), or end with what is wrong
//!   piece, piece, …              ─►  pings while it writes, makes a store of it, and waits for consensus
//!                                ◄─  end: empty if this member goes on from it, else what is wrong
//! ```
//!
//! What breaks off is begun again by the giver after a pause, and goes on where it stopped. Consensus is told of every end: it
//! sends nothing else to that member before.

mod give;
mod take;

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::frame::{self, FrameError, FrameKind};
use crate::node::peer::SnapshotHead;

pub(super) use give::give;
pub(super) use take::take;

/// Bytes of a piece.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes of a word of what is wrong.
const FAULT_BYTES_MAX: usize = 4 << 10;

#[derive(Clone, PartialEq, prost::Message)]
struct HeadMessage {
    #[prost(bytes = "bytes", tag = "1")]
    message: Bytes,
    #[prost(fixed64, tag = "2")]
    id: u64,
    #[prost(uint64, tag = "3")]
    length: u64,
}

/// Why a head is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    #[error("the head of a snapshot does not decode: {0}; is the sender of another version?")]
    Head(#[from] prost::DecodeError),
    #[error("the message of a snapshot does not decode: {0}; is the sender of another version?")]
    Message(#[from] prost11::DecodeError),
    #[error("the message of a snapshot is of another kind; is the sender of another version?")]
    Kind,
}

pub(super) fn append_head(out: &mut Vec<u8>, head: &SnapshotHead) -> Result<(), FrameError> {
    let message = HeadMessage {
        message: prost11::Message::encode_to_vec(&head.message).into(),
        id: head.id,
        length: head.length,
    };
    frame::append(out, FrameKind::SnapshotHead, |out| {
        out.extend_from_slice(&message.encode_to_vec());
    })
}

pub(super) fn decode_head(payload: Vec<u8>) -> Result<SnapshotHead, HeadError> {
    let head = HeadMessage::decode(Bytes::from(payload))?;
    let message = <Message as prost11::Message>::decode(&*head.message)?;
    if message.get_msg_type() != MessageType::MsgSnapshot {
        return Err(HeadError::Kind);
    }
    Ok(SnapshotHead {
        message,
        id: head.id,
        length: head.length,
    })
}
