//! Two networks over real sockets.

use std::time::Duration;

use bytes::Bytes;
use raft::eraftpb::{Entry, Message, MessageType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::node::peer::{
    Offer, OfferedWrite, PeerInbox, PeerMessage, Peers, SnapshotOutcome, WriteMessage,
};
use crate::transport::tests::files::Files;
use crate::transport::{NetworkSettings, PeerAddress};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3_600);

#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a test has few of them")]
enum Heard {
    Message(u64, PeerMessage),
    Unreachable(u64),
    Ended(u64),
}

struct Ear(mpsc::Sender<Heard>);

impl PeerInbox for Ear {
    fn receive(&self, from: u64, message: PeerMessage) {
        let _ = self.0.try_send(Heard::Message(from, message));
    }

    fn unreachable(&self, member: u64) {
        let _ = self.0.try_send(Heard::Unreachable(member));
    }

    fn snapshot_ended(&self, _: u64, _: SnapshotOutcome) {}

    fn ended(&self, member: u64) {
        let _ = self.0.try_send(Heard::Ended(member));
    }
}

/// A peer port that takes upgrades and nothing else: the other endpoints need a whole node.
struct Port {
    network: Arc<Network>,
}

impl Handler for Port {
    type Body = Body;

    async fn answer(
        link: &Link<Self>,
        exchange: Exchange,
        mut request: Request<Incoming>,
    ) -> Response<Body> {
        let headers = std::mem::take(request.headers_mut());
        assert!(asks_for_upgrade(&headers));
        let address = link.peer.address.to_string();
        let network = &link.handler.network;
        let mut response = upgrade(network, address, &exchange, request, Reply::new(headers));
        response.body_mut().hold(exchange);
        response
    }

    fn is_contended(&self) -> bool {
        false
    }

    fn stop(&self) {}

    fn opened(&self) {}

    fn closed(&self) {}

    fn refused(&self) {}
}

struct Member {
    id: u64,
    network: Arc<Network>,
    heard: mpsc::Receiver<Heard>,
    port: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Member {
    fn start(
        id: u64,
        listener: TcpListener,
        peers: &[PeerAddress],
        workers: &Arc<Workers>,
    ) -> Self {
        let (ear, heard) = mpsc::channel(1_024);
        let settings = NetworkSettings {
            cluster: 0xc1,
            member: id,
            founding: 0,
            founded: false,
            disk: 1,
            heartbeat: Duration::from_millis(100),
            election: Duration::from_secs(1),
            version: "0.1.0",
            applies: 1,
            clock: Clock::system(),
            metrics: Metrics::new("3.4.23"),
        };
        let network = Network::start(
            settings,
            peers.to_vec(),
            Arc::new(Ear(ear)),
            Arc::<Files>::default(),
        )
        .unwrap();
        let limits = PortLimits {
            max_connections: 8,
            drain_timeout: FOR_EVER,
            ..PortLimits::of_a_test()
        };
        let (stop, stopped) = watch::channel(false);
        let handler = Arc::new(Port {
            network: Arc::clone(&network),
        });
        let served = listen::serve(listener, handler, limits, Arc::clone(workers), stopped);
        Self {
            id,
            network,
            heard,
            port: tokio::spawn(served),
            stop,
        }
    }

    fn append(&self, to: u64, bytes: usize) -> Message {
        let entry = Entry {
            index: 9,
            data: vec![5; bytes],
            ..Entry::default()
        };
        let mut message = Message {
            from: self.id,
            to,
            entries: vec![entry],
            ..Message::default()
        };
        message.set_msg_type(MessageType::MsgAppend);
        message
    }

    async fn hear(&mut self) -> Heard {
        self.heard.recv().await.unwrap()
    }

    /// Closes the port, which is not to wait for streams, and ends the network.
    async fn end(self) {
        self.stop.send_replace(true);
        self.port.await.unwrap();
        self.network.stop();
    }
}

async fn two_members() -> (Member, Member) {
    let workers = Arc::new(Workers::start(1).unwrap());
    let mut listeners = Vec::new();
    let mut peers = Vec::new();
    for id in [1, 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listeners.push(listener);
        let (name, urls) = (format!("n{id}"), vec![url]);
        peers.push(PeerAddress { id, name, urls });
    }
    let second = Member::start(2, listeners.pop().unwrap(), &peers, &workers);
    let first = Member::start(1, listeners.pop().unwrap(), &peers, &workers);
    (first, second)
}

#[tokio::test]
async fn members_speak_both_ways_and_notice_the_end_of_a_process() {
    let (mut first, mut second) = two_members().await;
    let large = first.append(2, 3 << 20);
    first.network.send(vec![large.clone()]);
    let heard = Heard::Message(1, PeerMessage::Raft(large));
    assert_eq!(second.hear().await, heard);
    let proposal = Bytes::from(vec![6; 100_000]);
    let offer = WriteMessage::Offer(Offer {
        life: 1,
        term: 3,
        sequence: 1,
        awaited: false,
        writes: vec![OfferedWrite {
            request: 8,
            proposal,
        }],
    });
    // What is offered on a way that is not there yet is lost, and repeated by who offers.
    while !second.network.peers()[0].bulk.connected {
        tokio::task::yield_now().await;
    }
    second.network.send_write(1, offer.clone());
    let mut beat = second.append(1, 0);
    beat.set_msg_type(MessageType::MsgHeartbeat);
    second.network.send(vec![beat.clone()]);
    let mut both = vec![first.hear().await, first.hear().await];
    // Two streams have no order between them.
    if both[0] == Heard::Message(2, PeerMessage::Raft(beat.clone())) {
        both.reverse();
    }
    let offered = Heard::Message(2, PeerMessage::Write(offer));
    let beaten = Heard::Message(2, PeerMessage::Raft(beat));
    assert_eq!(both, [offered, beaten]);
    second.end().await;
    loop {
        match first.hear().await {
            Heard::Unreachable(2) => {}
            heard => break assert_eq!(heard, Heard::Ended(2)),
        }
    }
    let state = &first.network.peers()[0];
    assert!(
        !state.control.connected || !state.bulk.connected,
        "{state:?}"
    );
    first.end().await;
}

#[tokio::test]
async fn a_stranger_that_upgrades_is_shown_out() {
    let workers = Arc::new(Workers::start(1).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let third = Member::start(3, listener, &[], &workers);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        "GET /etcd2/peer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: etcd2-peer\r\n\r\n";
    // What follows comes before the answer, and is no frame.
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[0xff; 64]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nUpgrade: etcd2-peer\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    third.end().await;
}
