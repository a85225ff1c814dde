//! What members say, as payloads of frames.
//!
//! A Raft message is the `eraftpb.Message` of the raft crate. The others are the messages below, whose field numbers are
//! the format: never reused, never renumbered.

use bytes::Bytes;
use prost::Message as _;

use raft::eraftpb::{self, MessageType};

use crate::command::{OutcomeError, Stamp, decode_outcomes, encode_outcomes};

use super::frame::{self, FrameError, FrameKind};
use crate::node::outcome::AppliedWrite;
use crate::node::peer::{DecidedWrite, Offer, OfferedWrite, PeerMessage, WriteMessage};

/// What a message costs beside its payload, in a queue.
const FIXED_COST: usize = 128;
const ENTRY_COST: usize = 64;

#[derive(Clone, PartialEq, prost::Message)]
struct OfferMessage {
    #[prost(fixed64, tag = "1")]
    life: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    sequence: u64,
    #[prost(message, repeated, tag = "4")]
    writes: Vec<OfferedMessage>,
    #[prost(bool, tag = "5")]
    awaited: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct OfferedMessage {
    #[prost(fixed64, tag = "1")]
    request: u64,
    #[prost(bytes = "bytes", tag = "2")]
    proposal: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReceivedMessage {
    #[prost(fixed64, tag = "1")]
    life: u64,
    #[prost(uint64, tag = "2")]
    term: u64,
    #[prost(uint64, tag = "3")]
    sequence: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DecidedMessage {
    #[prost(message, repeated, tag = "1")]
    writes: Vec<AppliedMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AppliedMessage {
    #[prost(fixed64, tag = "1")]
    request: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
    /// See [`crate::command::encode_outcomes`].
    #[prost(bytes = "bytes", tag = "4")]
    outcomes: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeMessage {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    cluster_time: u64,
    #[prost(uint64, tag = "3")]
    wall: u64,
    #[prost(uint64, tag = "4")]
    behind: u64,
    #[prost(uint64, tag = "5")]
    last: u64,
}

/// Why a payload is no message. The stream ends with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    #[error("a Raft message does not decode: {0}; is the sender of another version?")]
    Raft(#[from] prost11::DecodeError),
    #[error("a message about writes does not decode: {0}; is the sender of another version?")]
    Write(#[from] prost::DecodeError),
    #[error("a word about what became of writes: {0}; is the sender of another version?")]
    Outcome(#[from] OutcomeError),
    #[error("a word about the disk that is neither yes nor no; is the sender of another version?")]
    Fit,
    #[error("a frame of kind {0:?} is no message; the sender is faulty")]
    NoMessage(FrameKind),
}

/// The streams between two members, in one direction. What is small must not wait behind what is large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StreamKind {
    /// Heartbeats, votes, answers, read indexes, receipts.
    Control,
    /// Entries, writes on their way to the leader, and what became of them.
    Bulk,
    /// One snapshot: see `transfer`.
    Snapshot,
}

impl StreamKind {
    /// As people read it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Bulk => "bulk",
            Self::Snapshot => "snapshot",
        }
    }

    /// The stream of such a Raft message; `None` for what does not travel so: snapshots have streams of their own,
    /// proposals never do (writes are offered), and the rest is what a member says to itself.
    pub(super) fn of(message: MessageType) -> Option<Self> {
        use MessageType::{
            MsgAppend, MsgAppendResponse, MsgHeartbeat, MsgHeartbeatResponse, MsgReadIndex,
            MsgReadIndexResp, MsgRequestPreVote, MsgRequestPreVoteResponse, MsgRequestVote,
            MsgRequestVoteResponse, MsgTimeoutNow, MsgTransferLeader,
        };
        match message {
            MsgAppend => Some(Self::Bulk),
            MsgAppendResponse
            | MsgHeartbeat
            | MsgHeartbeatResponse
            | MsgReadIndex
            | MsgReadIndexResp
            | MsgRequestPreVote
            | MsgRequestPreVoteResponse
            | MsgRequestVote
            | MsgRequestVoteResponse
            | MsgTimeoutNow
            | MsgTransferLeader => Some(Self::Control),
            _ => None,
        }
    }
}

/// Whether a leader says with it that it is there.
pub(super) fn is_heartbeat(message: &PeerMessage) -> bool {
    matches!(message, PeerMessage::Raft(message) if message.msg_type() == MessageType::MsgHeartbeat)
}

/// What a message counts in a queue. Near what it takes in memory, and made without encoding it: the consensus thread asks.
pub(super) fn cost(message: &PeerMessage) -> usize {
    let payload = match message {
        PeerMessage::Raft(message) => {
            let entries = message.entries.iter();
            let entries = entries.map(|entry| ENTRY_COST + entry.data.len() + entry.context.len());
            message.context.len() + entries.sum::<usize>()
        }
        PeerMessage::Write(WriteMessage::Offer(offer)) => {
            let writes = offer.writes.iter();
            writes.map(|write| ENTRY_COST + write.proposal.len()).sum()
        }
        PeerMessage::Write(WriteMessage::Decided(writes)) => {
            writes.iter().map(DecidedWrite::bytes).sum()
        }
        PeerMessage::Write(
            WriteMessage::Received { .. } | WriteMessage::Fit(_) | WriteMessage::Time { .. },
        ) => 0,
    };
    FIXED_COST + payload
}

/// Appends the frame of a message.
pub(super) fn append(out: &mut Vec<u8>, message: &PeerMessage) -> Result<(), FrameError> {
    const ROOM: &str = "a Vec grows";
    match message {
        PeerMessage::Raft(message) => frame::append(out, FrameKind::Raft, |out| {
            prost11::Message::encode(message, out).expect(ROOM);
        }),
        PeerMessage::Write(WriteMessage::Offer(offer)) => {
            let writes = offer.writes.iter().map(|write| OfferedMessage {
                request: write.request,
                proposal: write.proposal.clone(),
            });
            let message = OfferMessage {
                life: offer.life,
                term: offer.term,
                sequence: offer.sequence,
                writes: writes.collect(),
                awaited: offer.awaited,
            };
            frame::append(out, FrameKind::Offer, |out| {
                prost::Message::encode(&message, out).expect(ROOM);
            })
        }
        PeerMessage::Write(WriteMessage::Decided(writes)) => {
            let message = DecidedMessage {
                writes: writes.iter().map(applied_message).collect(),
            };
            frame::append(out, FrameKind::Decided, |out| {
                prost::Message::encode(&message, out).expect(ROOM);
            })
        }
        PeerMessage::Write(WriteMessage::Fit(fit)) => {
            frame::append(out, FrameKind::Fit, |out| out.push(u8::from(*fit)))
        }
        PeerMessage::Write(WriteMessage::Time { term, stamp, last }) => {
            let message = TimeMessage {
                term: *term,
                cluster_time: stamp.cluster_time,
                wall: stamp.wall,
                behind: stamp.behind,
                last: *last,
            };
            frame::append(out, FrameKind::Time, |out| {
                prost::Message::encode(&message, out).expect(ROOM);
            })
        }
        PeerMessage::Write(WriteMessage::Received {
            life,
            term,
            sequence,
        }) => {
            let message = ReceivedMessage {
                life: *life,
                term: *term,
                sequence: *sequence,
            };
            frame::append(out, FrameKind::Received, |out| {
                prost::Message::encode(&message, out).expect(ROOM);
            })
        }
    }
}

/// The message of a payload.
pub(super) fn decode(kind: FrameKind, payload: Vec<u8>) -> Result<PeerMessage, MessageError> {
    let message = match kind {
        FrameKind::Raft => {
            let message = <eraftpb::Message as prost11::Message>::decode(&*payload)?;
            return Ok(PeerMessage::Raft(message));
        }
        FrameKind::Offer => offer(OfferMessage::decode(Bytes::from(payload))?)?,
        FrameKind::Received => {
            let message = ReceivedMessage::decode(&*payload)?;
            WriteMessage::Received {
                life: message.life,
                term: message.term,
                sequence: message.sequence,
            }
        }
        FrameKind::Time => {
            let message = TimeMessage::decode(&*payload)?;
            WriteMessage::Time {
                term: message.term,
                stamp: Stamp {
                    cluster_time: message.cluster_time,
                    wall: message.wall,
                    behind: message.behind,
                    ..Stamp::default()
                },
                last: message.last,
            }
        }
        FrameKind::Decided => decided(DecidedMessage::decode(Bytes::from(payload))?)?,
        FrameKind::Fit => match payload[..] {
            [0] => WriteMessage::Fit(false),
            [1] => WriteMessage::Fit(true),
            _ => return Err(MessageError::Fit),
        },
        FrameKind::Greeting
        | FrameKind::Refusal
        | FrameKind::Ping
        | FrameKind::SnapshotHead
        | FrameKind::SnapshotAt
        | FrameKind::SnapshotPiece
        | FrameKind::SnapshotEnd => return Err(MessageError::NoMessage(kind)),
    };
    Ok(PeerMessage::Write(message))
}

fn applied_message(write: &DecidedWrite) -> AppliedMessage {
    AppliedMessage {
        request: write.request,
        index: write.applied.index,
        term: write.applied.term,
        outcomes: encode_outcomes(&write.applied.outcomes).into(),
    }
}

fn decided(message: DecidedMessage) -> Result<WriteMessage, MessageError> {
    let write = |write: AppliedMessage| {
        Ok(DecidedWrite {
            request: write.request,
            applied: AppliedWrite {
                outcomes: decode_outcomes(write.outcomes)?,
                index: write.index,
                term: write.term,
                // Such a one is not told this way.
                refused: None,
            },
        })
    };
    let writes = message.writes.into_iter().map(write);
    let writes: Result<_, OutcomeError> = writes.collect();
    Ok(WriteMessage::Decided(writes?))
}

fn offer(message: OfferMessage) -> Result<WriteMessage, MessageError> {
    let writes = message.writes.into_iter().map(|write| OfferedWrite {
        request: write.request,
        proposal: write.proposal,
    });
    Ok(WriteMessage::Offer(Offer {
        life: message.life,
        term: message.term,
        sequence: message.sequence,
        awaited: message.awaited,
        writes: writes.collect(),
    }))
}
