//! One member whose peers are played by the test.

use std::io;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use raft::eraftpb::{Entry, Message, MessageType};
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};

use super::files::Files;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::node::peer::{PeerInbox, PeerMessage, SnapshotFiles, SnapshotOutcome};
use crate::transport::frame::{FRAME_BYTES_MAX, FrameKind, FrameReader, PeerFrame};
use crate::transport::greeting::{self, Greeting, GreetingAnswer, GreetingFault, PROTOCOLS};
use crate::transport::message::{self, StreamKind};
use crate::transport::reach::{PeerStream, Reach, ReachError, Reaching};
use crate::transport::{Network, NetworkSettings, PeerAddress, PeerState};

pub(crate) const ELECTION: Duration = Duration::from_millis(1_000);
pub(crate) const OWN: u64 = 1;

/// What a node hears of its peers.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a test has few of them")]
pub(crate) enum Heard {
    Message(u64, PeerMessage),
    Unreachable(u64),
    Ended(u64),
    SnapshotEnded(u64, SnapshotOutcome),
}

#[derive(Debug)]
pub(crate) struct Ear(mpsc::Sender<Heard>);

impl PeerInbox for Ear {
    fn receive(&self, from: u64, message: PeerMessage) {
        let _ = self.0.try_send(Heard::Message(from, message));
    }

    fn unreachable(&self, member: u64) {
        let _ = self.0.try_send(Heard::Unreachable(member));
    }

    fn ended(&self, member: u64) {
        let _ = self.0.try_send(Heard::Ended(member));
    }

    fn snapshot_ended(&self, member: u64, outcome: SnapshotOutcome) {
        let _ = self.0.try_send(Heard::SnapshotEnded(member, outcome));
    }
}

pub(crate) fn ear() -> (Arc<Ear>, mpsc::Receiver<Heard>) {
    let (ear, heard) = mpsc::channel(1_024);
    (Arc::new(Ear(ear)), heard)
}

pub(crate) fn settings(member: u64) -> NetworkSettings {
    NetworkSettings {
        cluster: 0xc1,
        member,
        founding: 7,
        founded: true,
        disk: 1,
        heartbeat: ELECTION / 10,
        election: ELECTION,
        version: "0.1.0",
        applies: 1,
        clock: Clock::system(),
        metrics: Metrics::new("3.4.23"),
    }
}

/// What a member like [`settings`] says.
pub(crate) fn greeting(from: u64, to: u64) -> Greeting {
    Greeting {
        protocols: PROTOCOLS,
        cluster: 0xc1,
        from,
        to,
        founding: 7,
        stream: Some(StreamKind::Control),
        heartbeat_ms: 100,
        election_ms: 1_000,
        wall_ms: Clock::system().wall() / 1_000_000,
        version: "0.1.0".to_owned(),
        applies: 1,
        founded: true,
        disk: 1,
    }
}

pub(crate) fn raft(kind: MessageType, from: u64, to: u64) -> Message {
    let mut message = Message {
        from,
        to,
        ..Message::default()
    };
    message.set_msg_type(kind);
    message
}

pub(crate) fn append(to: u64, index: u64, bytes: usize) -> Message {
    let entry = Entry {
        index,
        data: vec![7; bytes],
        ..Entry::default()
    };
    let mut message = raft(MessageType::MsgAppend, OWN, to);
    message.entries = vec![entry];
    message
}

/// Members are reached by what the test has laid out for their URL.
#[derive(Debug, Default)]
struct Pipes(StdMutex<Vec<(String, Arc<Ends>)>>);

type Dialled = Result<DuplexStream, ReachError>;

#[derive(Debug)]
struct Ends {
    give: mpsc::Sender<Dialled>,
    take: Mutex<mpsc::Receiver<Dialled>>,
}

impl Pipes {
    fn of(&self, url: &str) -> Arc<Ends> {
        let mut all = self.0.lock().unwrap();
        if let Some((_, ends)) = all.iter().find(|(stands, _)| stands == url) {
            return Arc::clone(ends);
        }
        let (give, take) = mpsc::channel(1_024);
        let take = Mutex::new(take);
        let ends = Arc::new(Ends { give, take });
        all.push((url.to_owned(), Arc::clone(&ends)));
        ends
    }
}

impl Reach for Pipes {
    fn reach<'a>(&'a self, urls: &'a [String], _: StreamKind) -> Reaching<'a> {
        let ends = self.of(&urls[0]);
        Box::pin(async move {
            let end = ends.take.lock().await.recv().await;
            let stream: Box<dyn PeerStream> = Box::new(end.expect("the test goes on")?);
            Ok(stream)
        })
    }
}

/// Member [`OWN`].
pub(crate) struct Stage {
    pub(crate) network: Arc<Network>,
    pub(crate) heard: mpsc::Receiver<Heard>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) files: Arc<Files>,
    pipes: Arc<Pipes>,
}

impl Stage {
    pub(crate) fn new(peers: &[u64]) -> Self {
        let (ear, heard) = ear();
        let (settings, pipes) = (settings(OWN), Arc::new(Pipes::default()));
        let metrics = Arc::clone(&settings.metrics);
        let files = Arc::<Files>::default();
        let inside = (
            ear as Arc<dyn PeerInbox>,
            files.clone() as Arc<dyn SnapshotFiles>,
        );
        let network = Network::on(Handle::current(), None, pipes.clone(), settings, inside);
        network.set_peers(peers.iter().map(|id| address(*id)).collect());
        Self {
            network,
            heard,
            metrics,
            files,
            pipes,
        }
    }

    /// The next dial of a member gets this.
    pub(crate) fn lay(&self, member: u64, end: Dialled) {
        let url = &address(member).urls[0];
        self.pipes.of(url).give.try_send(end).unwrap();
    }

    /// The next dial of a member is refused.
    pub(crate) fn refuse(&self, member: u64) {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let address = ([127, 0, 0, 1], 1).into();
        self.lay(member, Err(ReachError::Connect { address, source }));
    }

    /// The next dial of a member reaches this, which has not greeted. The pipe holds so many bytes.
    pub(crate) fn far(&self, member: u64, bytes: usize) -> Far {
        let (near, far) = duplex(bytes);
        self.lay(member, Ok(near));
        Far::new(far)
    }

    /// Both streams to a member, greeted: control and bulk.
    pub(crate) async fn connected(&self, member: u64, bytes: usize) -> (Far, Far) {
        let mut both = [self.far(member, bytes), self.far(member, bytes)];
        let mut control = false;
        for (place, far) in both.iter_mut().enumerate() {
            let theirs = far.greeted().await.unwrap();
            far.greet(&greeting(member, OWN)).await;
            if theirs.stream == Some(StreamKind::Control) {
                control = place == 0;
            }
        }
        let is_connected =
            |peer: &PeerState| peer.id == member && peer.bulk.connected && peer.control.connected;
        while !self.network.peers().iter().any(is_connected) {
            // Greeted is a moment before.
            tokio::task::yield_now().await;
        }
        let [first, second] = both;
        if control {
            (first, second)
        } else {
            (second, first)
        }
    }

    /// A stream that a member opened, which has not greeted.
    pub(crate) fn opened(&self) -> Far {
        let (near, far) = duplex(1 << 20);
        self.network.accept(near, "a test".to_owned());
        Far::new(far)
    }

    /// A greeted stream that a member opened.
    pub(crate) async fn greeted(&self, member: u64, stream: StreamKind) -> Far {
        let mut far = self.opened();
        let mut own = greeting(member, OWN);
        own.stream = Some(stream);
        far.greet(&own).await;
        assert_eq!(far.greeted().await.unwrap().from, OWN);
        far
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        self.heard.recv().await.unwrap()
    }

    /// Streams refused for this reason.
    pub(crate) fn refused(&self, reason: &'static str) -> u64 {
        let label = crate::metrics::ReasonLabel { reason };
        self.metrics.peers.refused.get_or_create(&label).get()
    }
}

pub(crate) fn address(id: u64) -> PeerAddress {
    PeerAddress {
        id,
        name: format!("n{id}"),
        urls: vec![format!("http://n{id}:2380")],
    }
}

/// The other end of a stream.
#[derive(Debug)]
pub(crate) struct Far {
    reader: FrameReader<ReadHalf<DuplexStream>>,
    writer: WriteHalf<DuplexStream>,
}

impl Far {
    pub(crate) fn new(end: DuplexStream) -> Self {
        let (reader, writer) = split(end);
        // Longer than anything in a test.
        let reader = FrameReader::new(reader, 1_000 * ELECTION);
        Self { reader, writer }
    }

    pub(crate) async fn greet(&mut self, own: &Greeting) {
        let mut bytes = Vec::new();
        own.append(&mut bytes).unwrap();
        self.write(&bytes).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn say(&mut self, message: PeerMessage) {
        self.write(&framed(&message)).await;
    }

    /// What it was greeted with, or why it was refused.
    pub(crate) async fn greeted(&mut self) -> Result<Greeting, GreetingFault> {
        let frame = self.frame().await.unwrap();
        match greeting::decode(&frame).unwrap() {
            GreetingAnswer::Greeted(theirs) => Ok(theirs),
            GreetingAnswer::Refused(refusal) => {
                assert!(!refusal.text.is_empty());
                Err(refusal.fault)
            }
        }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<PeerFrame> {
        self.reader.next(FRAME_BYTES_MAX).await.unwrap()
    }

    /// The next message, pings passed over.
    pub(crate) async fn message(&mut self) -> Option<PeerMessage> {
        loop {
            let frame = self.frame().await?;
            if frame.kind != FrameKind::Ping {
                return Some(message::decode(frame.kind, frame.payload).unwrap());
            }
        }
    }

    /// Waits for the end of the stream, whatever comes before.
    pub(crate) async fn ended(mut self) {
        while self.frame().await.is_some() {}
    }
}

pub(crate) fn framed(message: &PeerMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message::append(&mut bytes, message).unwrap();
    bytes
}
