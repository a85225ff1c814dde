//! Snapshots on streams of their own.

use raft::eraftpb::{Message, MessageType, Snapshot};

use super::files::ID;
use super::fixture::{ELECTION, Far, Heard, OWN, Stage, append, greeting, raft};
use crate::node::peer::{Peers as _, SnapshotFault, SnapshotHead, SnapshotOutcome};
use crate::transport::frame::{self, FrameKind, PeerFrame};
use crate::transport::message::StreamKind;
use crate::transport::transfer::head::{append_head, decode_head};

const MIB: usize = 1 << 20;

fn message(from: u64, to: u64) -> Message {
    let mut message = raft(MessageType::MsgSnapshot, from, to);
    let mut snapshot = Snapshot::default();
    (snapshot.mut_metadata().index, snapshot.mut_metadata().term) = (70, 3);
    message.set_snapshot(snapshot);
    message
}

fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

async fn say(far: &mut Far, kind: FrameKind, payload: &[u8]) {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, kind, |out| out.extend_from_slice(payload)).unwrap();
    far.write(&bytes).await;
}

/// The next frame that is no ping.
async fn next(far: &mut Far) -> Option<PeerFrame> {
    loop {
        match far.frame().await {
            Some(frame) if frame.kind == FrameKind::Ping => {}
            other => return other,
        }
    }
}

/// A member that is sent a snapshot, at the point where it has heard the head.
async fn asked(stage: &Stage) -> (Far, SnapshotHead) {
    let mut far = stage.far(2, 4 * MIB);
    stage.network.send(vec![message(OWN, 2)]);
    let theirs = far.greeted().await.unwrap();
    assert_eq!(theirs.stream, Some(StreamKind::Snapshot));
    far.greet(&greeting(2, OWN)).await;
    let head = far.frame().await.unwrap();
    assert_eq!(head.kind, FrameKind::SnapshotHead);
    (far, decode_head(head.payload).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_sent_from_where_the_member_has_it_and_its_end_is_told() {
    let mut stage = Stage::new(&[2]);
    let _both = stage.connected(2, MIB).await;
    let whole = file(5 * MIB / 2);
    *stage.files.own.lock().unwrap() = Some(whole.clone());
    let (mut far, head) = asked(&stage).await;
    assert_eq!((head.id, head.length), (ID, whole.len() as u64));
    assert_eq!(head.message, message(OWN, 2));
    say(&mut far, FrameKind::Ping, &[]).await;
    say(&mut far, FrameKind::SnapshotAt, &100u64.to_le_bytes()).await;
    let mut came = whole[..100].to_vec();
    while came.len() < whole.len() {
        let piece = far.frame().await.unwrap();
        assert_eq!(piece.kind, FrameKind::SnapshotPiece);
        came.extend_from_slice(&piece.payload);
    }
    assert!(came == whole);
    assert!(stage.heard.try_recv().is_err(), "it is not installed yet");
    say(&mut far, FrameKind::Ping, &[]).await;
    say(&mut far, FrameKind::SnapshotEnd, &[]).await;
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Installed)
    );
    // What else goes to the member has its own ways.
    stage.network.send(vec![append(2, 1, 10)]);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_with_a_snapshot_is_told_after_a_pause() {
    let mut stage = Stage::new(&[2]);
    let _both = stage.connected(2, MIB).await;
    stage.network.send(vec![message(OWN, 9)]);
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(9, SnapshotOutcome::Missed)
    );
    stage.network.send(vec![message(OWN, 2)]);
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Unusable),
        "no file"
    );
    *stage.files.own.lock().unwrap() = Some(file(8 * MIB));
    let began = tokio::time::Instant::now();
    let (mut far, _) = asked(&stage).await;
    say(&mut far, FrameKind::SnapshotEnd, b"\0no room").await;
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Missed)
    );
    assert!(
        began.elapsed() >= 2 * ELECTION,
        "the second pause is longer"
    );
    let (mut far, _) = asked(&stage).await;
    say(&mut far, FrameKind::SnapshotEnd, b"\x01a block is damaged").await;
    let unusable = SnapshotOutcome::Unusable;
    assert_eq!(stage.hear().await, Heard::SnapshotEnded(2, unusable));
    let (mut far, _) = asked(&stage).await;
    say(&mut far, FrameKind::SnapshotAt, &0u64.to_le_bytes()).await;
    far.frame().await.unwrap();
    drop(far);
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Missed),
        "broken"
    );
    let (_far, _) = asked(&stage).await;
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Missed),
        "silent"
    );
    assert_eq!(stage.metrics.snapshot_send_failures.get(), 5);
}

#[tokio::test(start_paused = true)]
async fn of_two_snapshots_for_one_member_the_later_one_counts() {
    let mut stage = Stage::new(&[2]);
    let _both = stage.connected(2, MIB).await;
    *stage.files.own.lock().unwrap() = Some(file(10));
    let (mut first, _) = asked(&stage).await;
    let (mut second, _) = asked(&stage).await;
    assert!(first.frame().await.is_none(), "it is ended");
    say(&mut second, FrameKind::SnapshotAt, &10u64.to_le_bytes()).await;
    say(&mut second, FrameKind::SnapshotEnd, &[]).await;
    assert_eq!(
        stage.hear().await,
        Heard::SnapshotEnded(2, SnapshotOutcome::Installed)
    );
    assert!(
        stage.heard.try_recv().is_err(),
        "of the first nothing is told"
    );
}

async fn head(far: &mut Far, from: u64, length: u64) {
    let mut bytes = Vec::new();
    let head = SnapshotHead {
        message: message(from, OWN),
        id: 4,
        length,
    };
    append_head(&mut bytes, &head).unwrap();
    far.write(&bytes).await;
}

async fn at(far: &mut Far) -> u64 {
    let frame = next(far).await.unwrap();
    assert_eq!(frame.kind, FrameKind::SnapshotAt);
    u64::from_le_bytes(frame.payload.try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_broke_off_goes_on_where_it_was() {
    let stage = Stage::new(&[2]);
    let whole = file(3 * MIB / 2);
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 2, whole.len() as u64).await;
    assert_eq!(at(&mut far).await, 0);
    say(&mut far, FrameKind::SnapshotPiece, &whole[..MIB]).await;
    // It has it when the next one is read.
    while stage.files.partial.lock().unwrap().1.len() < MIB {
        tokio::task::yield_now().await;
    }
    drop(far);
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 2, whole.len() as u64).await;
    assert_eq!(at(&mut far).await, MIB as u64);
    say(&mut far, FrameKind::SnapshotPiece, &whole[MIB..]).await;
    let end = next(&mut far).await.unwrap();
    assert_eq!((end.kind, end.payload.len()), (FrameKind::SnapshotEnd, 0));
    let taken = stage.files.taken.lock().unwrap();
    assert!(taken[0].1 == whole && taken[0].0.message == message(2, OWN));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_none_is_refused_with_words() {
    let stage = Stage::new(&[2]);
    let words = async |far: &mut Far| {
        let end = next(far).await.unwrap();
        assert_eq!(end.kind, FrameKind::SnapshotEnd);
        assert_eq!(end.payload[0], 0, "the file is not at fault");
        String::from_utf8(end.payload[1..].to_vec()).unwrap()
    };
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 3, 10).await;
    assert!(words(&mut far).await.contains("forged"));
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    say(&mut far, FrameKind::SnapshotHead, b"\xff\xff").await;
    assert!(words(&mut far).await.contains("does not decode"));
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    say(&mut far, FrameKind::SnapshotPiece, b"early").await;
    assert!(words(&mut far).await.contains("SnapshotPiece"));
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 2, 10).await;
    at(&mut far).await;
    say(&mut far, FrameKind::SnapshotPiece, &[0; 11]).await;
    assert!(words(&mut far).await.contains("announced"));
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 2, 10).await;
    at(&mut far).await;
    say(&mut far, FrameKind::SnapshotPiece, &[]).await;
    assert!(words(&mut far).await.contains("without bytes"));
    *stage.files.refusal.lock().unwrap() = Some(SnapshotFault {
        text: "no room here".to_owned(),
        of_file: false,
    });
    let mut far = stage.greeted(2, StreamKind::Snapshot).await;
    head(&mut far, 2, 10).await;
    assert_eq!(words(&mut far).await, "no room here");
    assert!(stage.files.taken.lock().unwrap().is_empty());
}
