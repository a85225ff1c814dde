//! What is said of a snapshot before its bytes, as the payload of a frame.

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb::{Message, MessageType};

use crate::node::peer::SnapshotHead;
use crate::transport::frame::{self, FrameError, FrameKind};

/// Bytes of a piece.
pub(super) const PIECE_BYTES: usize = 1 << 20;
/// Bytes of a word of what is wrong.
pub(super) const FAULT_BYTES_MAX: usize = 4 << 10;

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
pub(in crate::transport) enum HeadError {
    #[error("the head of a snapshot does not decode: {0}; is the sender of another version?")]
    Head(#[from] prost::DecodeError),
    #[error("the message of a snapshot does not decode: {0}; is the sender of another version?")]
    Message(#[from] prost11::DecodeError),
    #[error("the message of a snapshot is of another kind; is the sender of another version?")]
    Kind,
    #[error("the head of a snapshot announces no bytes; the sender is faulty, or forged")]
    Empty,
}

pub(in crate::transport) fn append_head(
    out: &mut Vec<u8>,
    head: &SnapshotHead,
) -> Result<(), FrameError> {
    let message = HeadMessage {
        message: prost11::Message::encode_to_vec(&head.message).into(),
        id: head.id,
        length: head.length,
    };
    frame::append(out, FrameKind::SnapshotHead, |out| {
        out.extend_from_slice(&message.encode_to_vec());
    })
}

pub(in crate::transport) fn decode_head(payload: Vec<u8>) -> Result<SnapshotHead, HeadError> {
    let head = HeadMessage::decode(Bytes::from(payload))?;
    let message = <Message as prost11::Message>::decode(&*head.message)?;
    if message.get_msg_type() != MessageType::MsgSnapshot {
        return Err(HeadError::Kind);
    }
    if head.length == 0 {
        return Err(HeadError::Empty);
    }
    Ok(SnapshotHead {
        message,
        id: head.id,
        length: head.length,
    })
}

/// What is wrong, as the payload of an end: whether the file is, then words.
pub(super) fn encode_fault(of_file: bool, text: &str) -> Vec<u8> {
    let words = &text.as_bytes()[..text.len().min(FAULT_BYTES_MAX - 1)];
    let mut payload = vec![u8::from(of_file)];
    payload.extend_from_slice(words);
    payload
}

/// The reverse.
pub(super) fn decode_fault(payload: &[u8]) -> (bool, String) {
    match payload.split_first() {
        Some((of_file, words)) => (*of_file == 1, String::from_utf8_lossy(words).into_owned()),
        None => (false, String::new()),
    }
}
