//! Connections to members: made, lost, refused, and made again.

use raft::eraftpb::MessageType;
use tokio::time::{Instant, sleep, timeout};

use super::fixture::{ELECTION, Far, Heard, OWN, Stage, address, greeting, raft};
use crate::node::peer::{PeerMessage, Peers};
use crate::transport::greeting::{Greeting, GreetingFault, StreamRefusal};
use crate::transport::message::StreamKind;

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_told_and_made_again() {
    let mut stage = Stage::new(&[2]);
    let (control, _bulk) = stage.connected(2, 1 << 20).await;
    sleep(2 * ELECTION).await;
    drop(control);
    assert_eq!(stage.hear().await, Heard::Unreachable(2));
    let begun = Instant::now();
    let mut far = stage.far(2, 1 << 20);
    let theirs = far.greeted().await.unwrap();
    assert_eq!(
        begun.elapsed(),
        std::time::Duration::ZERO,
        "dialled at once"
    );
    assert_eq!(theirs.stream, Some(StreamKind::Control));
    far.greet(&greeting(2, OWN)).await;
    let beat = raft(MessageType::MsgHeartbeat, OWN, 2);
    stage.network.send(vec![beat.clone()]);
    assert_eq!(far.message().await, Some(PeerMessage::Raft(beat)));
    assert!(stage.network.peers()[0].control.connected);
    assert!(stage.heard.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_process_is_told_once() {
    let mut stage = Stage::new(&[2]);
    // Refused before it was ever met: it may not have been started.
    stage.refuse(2);
    let (control, bulk) = stage.connected(2, 1 << 20).await;
    sleep(2 * ELECTION).await;
    drop((control, bulk));
    for _ in 0..6 {
        stage.refuse(2);
    }
    sleep(10 * ELECTION).await;
    let mut heard = Vec::new();
    while let Ok(next) = stage.heard.try_recv() {
        heard.push(next);
    }
    let ends = heard.iter().filter(|heard| **heard == Heard::Ended(2));
    assert_eq!(ends.count(), 1, "{heard:?}");
    let lost = heard
        .iter()
        .filter(|heard| **heard == Heard::Unreachable(2));
    assert_eq!(lost.count(), 2, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn dials_become_rare_and_a_sign_of_life_hastens_them() {
    let stage = Stage::new(&[2]);
    for _ in 0..40 {
        stage.refuse(2);
    }
    // The streams share the refusals, so each was refused some 20 times. All that time no dial has hurried.
    sleep(4 * ELECTION).await;
    let mut far = stage.far(2, 1 << 20);
    assert!(timeout(ELECTION * 4, far.greeted()).await.is_err());
    // Once all refusals are used up the longest pause is one election time-out and a quarter.
    let hurried = stage.greeted(2, StreamKind::Control).await;
    drop(hurried);
    let theirs = timeout(ELECTION * 30, far.greeted()).await;
    assert_eq!(theirs.unwrap().unwrap().from, OWN);
}

#[tokio::test(start_paused = true)]
async fn answers_of_others_than_the_member_are_refused() {
    let stage = Stage::new(&[2]);
    type Change = fn(&mut Greeting);
    let cases: [(Change, &str); 5] = [
        (|its| its.from = 3, "member 3 answers where 2 was dialled"),
        (|its| its.cluster = 5, "of cluster c1"),
        (|its| its.founding = 5, "founded apart"),
        (|its| its.protocols = (2, 9), "peer protocol"),
        (|its| its.to = 9, "9 was meant"),
    ];
    for (change, words) in cases {
        let mut far = stage.far(2, 1 << 20);
        let stream = far.greeted().await.unwrap().stream;
        let mut its = greeting(2, OWN);
        change(&mut its);
        far.greet(&its).await;
        far.ended().await;
        sleep(ELECTION / 1_000).await;
        let state = &stage.network.peers()[0];
        let control = stream == Some(StreamKind::Control);
        let state = if control { &state.control } else { &state.bulk };
        let error = state.last_error.as_deref().unwrap();
        assert!(error.contains(words) && !state.connected, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_learned_of_the_founding_is_said() {
    let stage = Stage::new(&[2]);
    stage.network.set_founding(8, false);
    let theirs = stage.far(2, 1 << 20).greeted().await.unwrap();
    assert_eq!((theirs.founding, theirs.founded), (8, false));
    let mut far = stage.opened();
    far.greet(&greeting(2, OWN)).await;
    assert_eq!(far.greeted().await, Err(GreetingFault::OtherFounding));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shown_with_its_words() {
    let stage = Stage::new(&[2]);
    let mut far = stage.far(2, 1 << 20);
    let control = far.greeted().await.unwrap().stream == Some(StreamKind::Control);
    let (fault, text) = (GreetingFault::OtherCluster, "another\ncluster".to_owned());
    let mut bytes = Vec::new();
    StreamRefusal { fault, text }.append(&mut bytes).unwrap();
    far.write(&bytes).await;
    far.ended().await;
    sleep(ELECTION / 1_000).await;
    let state = &stage.network.peers()[0];
    let state = if control { &state.control } else { &state.bulk };
    let error = state.last_error.as_deref().unwrap();
    assert_eq!(error, "it refuses: anothercluster");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_answer_is_given_up() {
    let stage = Stage::new(&[2]);
    let begun = Instant::now();
    let mut far = stage.far(2, 1 << 20);
    far.greeted().await.unwrap();
    far.ended().await;
    assert_eq!(begun.elapsed(), std::time::Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_speaks_where_it_listens_is_closed() {
    let mut stage = Stage::new(&[2]);
    let (mut control, _bulk) = stage.connected(2, 1 << 20).await;
    control.frame().await.unwrap();
    control.write(&[0]).await;
    control.ended().await;
    assert_eq!(stage.hear().await, Heard::Unreachable(2));
    // The same behind a greeting.
    let mut far = stage.far(2, 1 << 20);
    far.greeted().await.unwrap();
    let mut bytes = Vec::new();
    greeting(2, OWN).append(&mut bytes).unwrap();
    bytes.push(0);
    far.write(&bytes).await;
    far.ended().await;
}

#[tokio::test(start_paused = true)]
async fn members_come_move_and_go() {
    let stage = Stage::new(&[2]);
    let (control, bulk) = stage.connected(2, 1 << 20).await;
    let inbound = stage.greeted(2, StreamKind::Control).await;
    // A member that is elsewhere now is dialled there when its connections break.
    let mut moved = address(2);
    moved.urls = address(4).urls;
    stage
        .network
        .set_peers(vec![moved, address(3), address(OWN)]);
    let ids: Vec<u64> = stage.network.peers().iter().map(|peer| peer.id).collect();
    assert_eq!(ids, [2, 3]);
    drop((control, bulk));
    let (control, bulk): (Far, Far) = {
        let mut far = [stage.far(4, 1 << 20), stage.far(4, 1 << 20)];
        for far in &mut far {
            assert_eq!(far.greeted().await.unwrap().to, 2);
            far.greet(&greeting(2, OWN)).await;
        }
        far.into()
    };
    stage.network.set_peers(vec![address(3)]);
    control.ended().await;
    bulk.ended().await;
    inbound.ended().await;
    assert!(!stage.metrics.render().contains("To=\"2\""));
}

#[tokio::test(start_paused = true)]
async fn a_stop_writes_what_is_queued() {
    let stage = Stage::new(&[2]);
    let (mut control, bulk) = stage.connected(2, 1 << 20).await;
    let last = raft(MessageType::MsgTimeoutNow, OWN, 2);
    stage.network.send(vec![last.clone()]);
    stage.network.stop();
    assert_eq!(control.message().await, Some(PeerMessage::Raft(last)));
    control.ended().await;
    bulk.ended().await;
    // Nothing is taken any more, and nothing breaks.
    let mut late = stage.opened();
    late.greet(&greeting(2, OWN)).await;
    assert_eq!(late.greeted().await, Err(GreetingFault::Busy));
    stage
        .network
        .send(vec![raft(MessageType::MsgHeartbeat, OWN, 2)]);
    stage.network.stop();
}
