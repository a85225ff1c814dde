//! What is sent, what is lost, and who is told.

use bytes::Bytes;
use raft::eraftpb::MessageType;
use tokio::time::Instant;

use super::fixture::{ELECTION, Heard, OWN, Stage, append, raft};
use crate::node::peer::{Offer, OfferedWrite, PeerMessage, Peers, WriteMessage};
use crate::transport::frame::FrameKind;

fn offer(request: u64, bytes: usize) -> WriteMessage {
    let proposal = Bytes::from(vec![9; bytes]);
    WriteMessage::Offer(Offer {
        life: 1,
        term: 6,
        sequence: request,
        awaited: false,
        writes: vec![OfferedWrite { request, proposal }],
    })
}

#[tokio::test(start_paused = true)]
async fn each_message_goes_its_way_in_order() {
    let stage = Stage::new(&[2]);
    let (mut control, mut bulk) = stage.connected(2, 1 << 20).await;
    let beat = || raft(MessageType::MsgHeartbeat, OWN, 2);
    stage.network.send(vec![append(2, 1, 10), beat()]);
    stage.network.send_write(2, offer(1, 100_000));
    let vote = raft(MessageType::MsgRequestVote, OWN, 2);
    stage
        .network
        .send(vec![append(2, 2, 200_000), vote.clone()]);
    assert_eq!(control.message().await, Some(PeerMessage::Raft(beat())));
    assert_eq!(control.message().await, Some(PeerMessage::Raft(vote)));
    let wanted = [
        PeerMessage::Raft(append(2, 1, 10)),
        PeerMessage::Write(offer(1, 100_000)),
        PeerMessage::Raft(append(2, 2, 200_000)),
    ];
    for message in wanted {
        assert_eq!(bulk.message().await, Some(message));
    }
    let state = &stage.network.peers()[0];
    assert!(state.bulk.connected && state.control.connected);
    assert_eq!(state.bulk.queued_bytes, 0);
    assert!(state.bulk.sent_bytes > 300_000 && state.control.sent_messages >= 2);
}

#[tokio::test(start_paused = true)]
async fn who_has_nothing_to_say_pings() {
    let stage = Stage::new(&[2]);
    let (mut control, _bulk) = stage.connected(2, 1 << 20).await;
    let begun = Instant::now();
    for _ in 0..8 {
        assert_eq!(control.frame().await.unwrap().kind, FrameKind::Ping);
    }
    assert!(begun.elapsed() >= ELECTION && begun.elapsed() <= 3 * ELECTION);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_costs_a_bounded_queue_and_no_one_else() {
    let mut stage = Stage::new(&[2, 3]);
    let (_control, _slow) = stage.connected(2, 1 << 10).await;
    let (_other, mut quick) = stage.connected(3, 1 << 20).await;
    for index in 0..100 {
        stage.network.send(vec![append(2, index, 1 << 20)]);
        stage.network.send(vec![append(3, index, 10)]);
        let came = quick.message().await;
        assert_eq!(came, Some(PeerMessage::Raft(append(3, index, 10))));
    }
    let state = &stage.network.peers()[0];
    assert!(state.bulk.queued_bytes <= 64 << 20, "{state:?}");
    assert!(state.bulk.dropped_messages > 30, "{state:?}");
    assert_eq!(stage.hear().await, Heard::Unreachable(2));
    assert!(stage.heard.try_recv().is_err(), "told once");
    let text = stage.metrics.render();
    assert!(
        text.contains("etcd2_peer_messages_dropped_total{To=\"2\"} 3"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_a_member_that_cannot_be_reached_does_not_wait() {
    let mut stage = Stage::new(&[2]);
    stage.network.send(vec![append(2, 1, 10)]);
    stage.network.send_write(2, offer(1, 10));
    stage.refuse(2);
    stage.refuse(2);
    assert_eq!(stage.hear().await, Heard::Unreachable(2));
    let state = &stage.network.peers()[0];
    assert!(!state.bulk.connected && state.bulk.queued_bytes == 0);
    let error = state.bulk.last_error.as_deref().unwrap();
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_at_all_is_told() {
    let mut stage = Stage::new(&[2]);
    stage.network.send(vec![append(9, 1, 10)]);
    assert_eq!(stage.hear().await, Heard::Unreachable(9));
    stage.network.send_write(9, offer(4, 10));
    let (_control, mut bulk) = stage.connected(2, 1 << 20).await;
    stage.network.send(vec![append(2, 1, 19 << 20)]);
    assert_eq!(stage.hear().await, Heard::Unreachable(2));
    stage.network.send(vec![append(2, 1, 10)]);
    let came = bulk.message().await;
    assert_eq!(came, Some(PeerMessage::Raft(append(2, 1, 10))));
}
