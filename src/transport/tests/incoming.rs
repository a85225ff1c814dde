//! Streams that members open.

use std::time::Duration;

use bytes::Bytes;
use raft::eraftpb::MessageType;
use tokio::time::{Instant, sleep};

use super::fixture::{ELECTION, Far, Heard, OWN, Stage, append, framed, greeting, raft};
use crate::node::peer::{Offer, OfferedWrite, PeerMessage, WriteMessage};
use crate::transport::frame::{self, FRAME_BYTES_MAX, FrameKind};
use crate::transport::greeting::{Greeting, GreetingFault};
use crate::transport::message::StreamKind;

fn heartbeat(from: u64, to: u64) -> PeerMessage {
    PeerMessage::Raft(raft(MessageType::MsgHeartbeat, from, to))
}

#[tokio::test(start_paused = true)]
async fn a_greeting_is_refused_with_its_reason() {
    let stage = Stage::new(&[2]);
    type Change = fn(&mut Greeting);
    let cases: [(Change, GreetingFault); 7] = [
        (|own| own.cluster = 0xc2, GreetingFault::OtherCluster),
        (|own| own.founding = 8, GreetingFault::OtherFounding),
        (|own| own.to = 3, GreetingFault::WrongMember),
        (|own| own.from = OWN, GreetingFault::SameMember),
        (
            |own| own.protocols = (2, 5),
            GreetingFault::NoCommonProtocol,
        ),
        (
            |own| own.protocols = (0, 0),
            GreetingFault::NoCommonProtocol,
        ),
        (|own| own.stream = None, GreetingFault::UnknownStream),
    ];
    for (change, fault) in cases {
        let mut own = greeting(2, OWN);
        change(&mut own);
        let before = stage.refused(fault.word());
        let mut far = stage.opened();
        far.greet(&own).await;
        assert_eq!(far.greeted().await, Err(fault));
        far.ended().await;
        assert_eq!(stage.refused(fault.word()), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_are_not_known_or_newer_or_not_founded_yet_are_taken() {
    let mut stage = Stage::new(&[2]);
    let cases: [fn(&mut Greeting); 4] = [
        |own| own.from = 99,
        |own| own.protocols = (1, 7),
        |own| own.founding = 0,
        |own| own.election_ms = u64::MAX,
    ];
    for change in cases {
        let mut own = greeting(2, OWN);
        change(&mut own);
        let mut far = stage.opened();
        far.greet(&own).await;
        let theirs = far.greeted().await.unwrap();
        assert_eq!((theirs.from, theirs.to), (OWN, own.from));
        far.say(heartbeat(own.from, OWN)).await;
        let heard = Heard::Message(own.from, heartbeat(own.from, OWN));
        assert_eq!(stage.hear().await, heard);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_greet_is_not_waited_for() {
    let stage = Stage::new(&[]);
    let (begun, far) = (Instant::now(), stage.opened());
    far.ended().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    assert_eq!(stage.refused("silent"), 1);
    let mut far = stage.opened();
    far.write(b"GET / HTTP/1.1\r\n\r\n").await;
    far.ended().await;
    assert_eq!(stage.refused("not_a_member"), 1);
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_in_order_with_who_sent_them() {
    let mut stage = Stage::new(&[2]);
    let mut far = stage.greeted(2, StreamKind::Bulk).await;
    let offer = WriteMessage::Offer(Offer {
        life: u64::MAX,
        term: 4,
        sequence: 7,
        awaited: false,
        writes: vec![OfferedWrite {
            request: 5,
            proposal: Bytes::from_static(b"a command"),
        }],
    });
    let received = WriteMessage::Received {
        life: 1,
        term: 4,
        sequence: u64::MAX,
    };
    let all = [
        heartbeat(2, OWN),
        PeerMessage::Write(offer),
        PeerMessage::Write(received),
        heartbeat(2, OWN),
    ];
    for message in &all {
        far.say(message.clone()).await;
    }
    for message in all {
        assert_eq!(stage.hear().await, Heard::Message(2, message));
    }
}

/// One stream says something wrong and ends; another goes on.
async fn ends_with(stage: &mut Stage, bytes: &[u8], reason: &'static str) {
    let mut other = stage.greeted(3, StreamKind::Control).await;
    let mut far = stage.greeted(2, StreamKind::Control).await;
    let before = stage.refused(reason);
    far.write(bytes).await;
    far.ended().await;
    assert_eq!(stage.refused(reason), before + 1, "{reason}");
    other.say(heartbeat(3, OWN)).await;
    assert_eq!(stage.hear().await, Heard::Message(3, heartbeat(3, OWN)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_first_wrong_frame() {
    let mut stage = Stage::new(&[2, 3]);
    let stage = &mut stage;
    let of = |kind, from, to| framed(&PeerMessage::Raft(raft(kind, from, to)));
    ends_with(stage, &of(MessageType::MsgHeartbeat, 3, OWN), "forged").await;
    ends_with(stage, &of(MessageType::MsgHeartbeat, 2, 3), "misdirected").await;
    for local in [
        MessageType::MsgHup,
        MessageType::MsgPropose,
        MessageType::MsgSnapshot,
    ] {
        ends_with(stage, &of(local, 2, OWN), "type").await;
    }
    let mut wrong = of(MessageType::MsgHeartbeat, 2, OWN);
    *wrong.last_mut().unwrap() ^= 1;
    ends_with(stage, &wrong, "checksum").await;
    let long = ((FRAME_BYTES_MAX + 1) as u32).to_le_bytes();
    ends_with(stage, &[&long[..], &[3; 5]].concat(), "too_large").await;
    for kind in [FrameKind::Greeting, FrameKind::Raft, FrameKind::Offer] {
        let mut malformed = Vec::new();
        let write = |out: &mut Vec<u8>| out.extend([0xff; 3]);
        frame::append(&mut malformed, kind, write).unwrap();
        ends_with(stage, &malformed, "malformed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_in_a_frame_costs_nothing_else() {
    let mut stage = Stage::new(&[2]);
    let mut far = stage.greeted(2, StreamKind::Bulk).await;
    let message = append(OWN, 1, 10_000);
    let bytes = framed(&PeerMessage::Raft(message));
    far.write(&bytes[..5_000]).await;
    drop(far);
    let mut far = stage.greeted(2, StreamKind::Bulk).await;
    far.say(heartbeat(2, OWN)).await;
    assert_eq!(stage.hear().await, Heard::Message(2, heartbeat(2, OWN)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_member_is_closed_after_two_election_time_outs() {
    let stage = Stage::new(&[2]);
    let mut far = stage.greeted(2, StreamKind::Control).await;
    let mut ping = Vec::new();
    frame::append(&mut ping, FrameKind::Ping, |_| {}).unwrap();
    for _ in 0..10 {
        sleep(ELECTION).await;
        far.write(&ping).await;
    }
    let begun = Instant::now();
    far.ended().await;
    assert!(begun.elapsed() >= 2 * ELECTION && begun.elapsed() < 3 * ELECTION);
}

#[tokio::test(start_paused = true)]
async fn the_newer_of_two_streams_wins() {
    let mut stage = Stage::new(&[2]);
    let older = stage.greeted(2, StreamKind::Control).await;
    let mut bulk = stage.greeted(2, StreamKind::Bulk).await;
    let mut newer = stage.greeted(2, StreamKind::Control).await;
    older.ended().await;
    for far in [&mut newer, &mut bulk] {
        far.say(heartbeat(2, OWN)).await;
        assert_eq!(stage.hear().await, Heard::Message(2, heartbeat(2, OWN)));
    }
}

#[tokio::test(start_paused = true)]
async fn made_up_members_do_not_open_streams_without_end() {
    let stage = Stage::new(&[]);
    let mut open: Vec<Far> = Vec::new();
    for member in 100..356 {
        open.push(stage.greeted(member, StreamKind::Control).await);
    }
    let mut one_more = stage.opened();
    one_more.greet(&greeting(99, OWN)).await;
    assert_eq!(one_more.greeted().await, Err(GreetingFault::Busy));
    open.pop().unwrap();
    // A stream that ended makes room as soon as that is noticed.
    sleep(ELECTION / 10).await;
    stage.greeted(99, StreamKind::Control).await;
}
