//! Bytes that arrive in pieces, wrong, or not at all.

use tokio::io::{AsyncWriteExt, duplex};

use super::fixture::{ELECTION, append, framed, raft};
use crate::node::peer::PeerMessage;
use crate::transport::frame::{self, FRAME_BYTES_MAX, FrameError, FrameKind, FrameReader};
use crate::transport::message;
use raft::eraftpb::MessageType;

async fn first(bytes: &[u8]) -> Result<Option<frame::PeerFrame>, FrameError> {
    FrameReader::new(bytes, ELECTION)
        .next(FRAME_BYTES_MAX)
        .await
}

#[tokio::test(start_paused = true)]
async fn frames_come_whole_however_they_are_cut() {
    let heartbeat = PeerMessage::Raft(raft(MessageType::MsgHeartbeat, 1, 2));
    let large = PeerMessage::Raft(append(2, 1, 300_000));
    let bytes = [framed(&heartbeat), framed(&large), framed(&heartbeat)].concat();
    for piece in [1, 7, 4_096] {
        let (mut near, far) = duplex(piece);
        let bytes = bytes.clone();
        let writes = tokio::spawn(async move { near.write_all(&bytes).await.unwrap() });
        let mut reader = FrameReader::new(far, ELECTION);
        for wanted in [&heartbeat, &large, &heartbeat] {
            let frame = reader.next(FRAME_BYTES_MAX).await.unwrap().unwrap();
            let came = message::decode(frame.kind, frame.payload).unwrap();
            assert_eq!(&came, wanted);
        }
        assert!(reader.next(FRAME_BYTES_MAX).await.unwrap().is_none());
        writes.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_are_told_apart() {
    let good = framed(&PeerMessage::Raft(append(2, 1, 50)));
    for cut in 1..good.len() {
        let cut = first(&good[..cut]).await;
        assert!(matches!(cut, Err(FrameError::Truncated { .. })), "{cut:?}");
    }
    for at in 4..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 4;
        let flipped = first(&flipped).await;
        assert!(matches!(flipped, Err(FrameError::Checksum { .. })), "{at}");
    }
    let mut unknown = Vec::new();
    frame::append(&mut unknown, FrameKind::Ping, |_| {}).unwrap();
    unknown[8] = 99;
    let checksum = crc32fast::hash(&unknown[8..]);
    unknown[4..8].copy_from_slice(&checksum.to_le_bytes());
    let unknown = first(&unknown).await;
    assert!(
        matches!(unknown, Err(FrameError::UnknownKind(99))),
        "{unknown:?}"
    );
    let long = ((FRAME_BYTES_MAX + 1) as u32).to_le_bytes();
    let long = first(&[&long[..], &[0; 5]].concat()).await;
    assert!(matches!(long, Err(FrameError::TooLarge { .. })), "{long:?}");
}

#[tokio::test(start_paused = true)]
async fn a_large_frame_may_take_long_as_long_as_bytes_come() {
    let bytes = framed(&PeerMessage::Raft(append(2, 1, 100_000)));
    let (mut near, far) = duplex(1 << 20);
    let writes = tokio::spawn(async move {
        for piece in bytes.chunks(10_000) {
            near.write_all(piece).await.unwrap();
            tokio::time::sleep(ELECTION / 2).await;
        }
        near.write_all(&[1]).await.unwrap();
        near
    });
    let mut reader = FrameReader::new(far, ELECTION);
    assert!(reader.next(FRAME_BYTES_MAX).await.unwrap().is_some());
    let silent = reader.next(FRAME_BYTES_MAX).await;
    assert!(matches!(silent, Err(FrameError::Silent(_))), "{silent:?}");
    drop(writes.await);
}

#[test]
fn what_is_too_large_to_be_sent_leaves_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let large = PeerMessage::Raft(append(2, 1, FRAME_BYTES_MAX));
    let error = message::append(&mut out, &large).unwrap_err();
    assert!(matches!(error, FrameError::TooLarge { .. }));
    assert_eq!(out, b"before");
}
