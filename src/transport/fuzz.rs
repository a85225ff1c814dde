//! Whatever comes on the peer port, under mutated bytes: frames, greetings and messages.

use bytes::Bytes;
use fuzz::Campaign;
use raft::eraftpb::{Entry, Message, MessageType};
use tokio::runtime::Builder;

use super::frame::{FRAME_BYTES_MAX, FrameKind, FrameReader, HEADER_BYTES, PeerFrame};
use super::greeting::{self, GreetingAnswer, GreetingFault, StreamRefusal};
use super::message;
use super::tests::fixture::{ELECTION, greeting};
use crate::command::{Stamp, outcomes_of_each_kind};
use crate::node::outcome::AppliedWrite;
use crate::node::peer::{DecidedWrite, Offer, OfferedWrite, PeerMessage, WriteMessage};

fn messages() -> Vec<PeerMessage> {
    let mut raft = Message {
        from: 1,
        to: 2,
        term: 3,
        entries: vec![Entry {
            index: 4,
            term: 3,
            data: b"data".to_vec(),
            ..Entry::default()
        }],
        context: b"context".to_vec(),
        ..Message::default()
    };
    raft.set_msg_type(MessageType::MsgAppend);
    let proposal = Bytes::from_static(b"proposal");
    let writes = vec![OfferedWrite {
        request: 5,
        proposal,
    }];
    let decided = DecidedWrite {
        request: 5,
        applied: AppliedWrite {
            outcomes: outcomes_of_each_kind(),
            index: 9,
            term: 3,
            refused: None,
        },
    };
    vec![
        PeerMessage::Raft(raft),
        PeerMessage::Write(WriteMessage::Offer(Offer {
            life: 9,
            term: 3,
            sequence: 1,
            awaited: true,
            writes,
        })),
        PeerMessage::Write(WriteMessage::Fit(true)),
        PeerMessage::Write(WriteMessage::Decided(vec![decided])),
        PeerMessage::Write(WriteMessage::Time {
            term: 3,
            stamp: Stamp {
                cluster_time: 5,
                wall: 7,
                behind: 2_000,
                ..Stamp::default()
            },
            last: 44,
        }),
        PeerMessage::Write(WriteMessage::Received {
            life: 9,
            term: 3,
            sequence: 1,
        }),
    ]
}

fn framed(message: &PeerMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message::append(&mut bytes, message).expect("it is small");
    bytes
}

/// All frames, if nothing is wrong with any of them.
fn frames(bytes: &[u8]) -> Option<Vec<PeerFrame>> {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let mut reader = FrameReader::new(bytes, ELECTION);
        let mut frames = Vec::new();
        while let Some(frame) = reader.next(FRAME_BYTES_MAX).await.ok()? {
            frames.push(frame);
        }
        Some(frames)
    })
}

/// Puts the checksum of the first frame right.
fn mend(bytes: &mut [u8]) {
    if bytes.len() >= HEADER_BYTES {
        let length = (bytes.len() - HEADER_BYTES) as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
}

#[test]
fn frames_of_a_stream() {
    let all: Vec<u8> = messages().iter().flat_map(framed).collect();
    Campaign::new("peer frames")
        .corpus(messages().iter().map(framed).chain([all]))
        .words(&[&[0xff; 4], &[0, 0, 0x20, 1]])
        // The reader's buffer, and the runtime.
        .memory(512 << 10, 64)
        .run(|bytes| frames(bytes).is_some());
}

#[test]
fn messages_of_a_frame() {
    Campaign::new("peer messages")
        .corpus(messages().iter().map(framed))
        .words(&[&[0xff; 9], &[0x0a, 0], &[0x12, 0]])
        .mend(|bytes| mend(bytes))
        // An empty entry of two bytes on the wire is a whole one in memory, and the vector of them doubles.
        .memory(512 << 10, 512)
        .run(|bytes| {
            let Some([frame]) = frames(bytes).and_then(|all| <[PeerFrame; 1]>::try_from(all).ok())
            else {
                return false;
            };
            let Ok(message) = message::decode(frame.kind, frame.payload) else {
                return false;
            };
            let again = frames(&framed(&message)).expect("what was written is read");
            for frame in again {
                let decoded = message::decode(frame.kind, frame.payload);
                assert_eq!(decoded.expect("it was encoded"), message);
            }
            true
        });
}

#[test]
fn greetings_of_a_stream() {
    let mut greeted = Vec::new();
    greeting(1, 2).append(&mut greeted).expect("it is small");
    let mut refused = Vec::new();
    let (fault, text) = (GreetingFault::Busy, "too much".to_owned());
    let refusal = StreamRefusal { fault, text };
    refusal.append(&mut refused).expect("it is small");
    Campaign::new("peer greeting")
        .corpus([greeted, refused].map(|frame| frame[HEADER_BYTES - 1..].to_vec()))
        .words(&[&[0xff; 9], &[0x5a, 0x7f]])
        .run(|bytes| {
            let Some((kind, payload)) = bytes.split_first() else {
                return false;
            };
            let kind = if *kind == 1 {
                FrameKind::Greeting
            } else {
                FrameKind::Refusal
            };
            let payload = payload.to_vec();
            match greeting::decode(&PeerFrame { kind, payload }) {
                Ok(GreetingAnswer::Greeted(theirs)) => {
                    let _ = greeting(1, 2).judge(&theirs);
                    theirs.append(&mut Vec::new()).is_ok()
                }
                Ok(GreetingAnswer::Refused(refusal)) => !refusal.text.contains('\n'),
                Err(_) => false,
            }
        });
}
