//! The way to all other members and from them: one object with threads of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::io::{self, Cursor};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raft::eraftpb::{Message, MessageType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};

use super::dial::HttpReach;
use super::greeted::PeerFacts;
use super::inbound::Inbound;
use super::local::{Local, NetworkSettings};
use super::message::StreamKind;
use super::peer::{PeerAddress, PeerState, RemotePeer, Roster};
use super::reach::Reach;
use super::receiver;
use super::sender::Sender;
use super::transfer;
use crate::listen::UpgradedSocket;
use crate::node::peer::{
    PeerInbox, PeerMessage, Peers, SnapshotFiles, SnapshotOutcome, WriteMessage,
};

/// One, which all streams share: a second would be woken for what the first is about to do, and the work is small.
const THREADS: usize = 1;

/// How long a stop waits for what is queued.
const STOP_WITHIN: Duration = Duration::from_millis(500);

/// See the module. Dropping it stops it.
pub(crate) struct Network {
    local: Arc<Local>,
    roster: Arc<Roster>,
    inbound: Arc<Inbound>,
    reach: Arc<dyn Reach>,
    handle: Handle,
    // Held while members change or the network stops.
    running: Mutex<Running>,
}

struct Running {
    /// `None` on a runtime of somebody else.
    runtime: Option<Runtime>,
    /// Every task that sends holds such a sender, so that their end can be waited for. `None` after the stop.
    alive: Option<(SyncSender<Infallible>, Receiver<Infallible>)>,
}

impl Network {
    /// Starts to dial `peers`, on threads of its own.
    pub(crate) fn start(
        settings: NetworkSettings,
        peers: Vec<PeerAddress>,
        inbox: Arc<dyn PeerInbox>,
        files: Arc<dyn SnapshotFiles>,
    ) -> io::Result<Arc<Self>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("peers")
            .enable_io()
            .enable_time()
            .build()?;
        let reach = Arc::new(HttpReach::new(settings.election));
        let handle = runtime.handle().clone();
        let network = Self::on(handle, Some(runtime), reach, settings, (inbox, files));
        network.set_peers(peers);
        Ok(network)
    }

    /// The same without peers, anywhere.
    pub(super) fn on(
        handle: Handle,
        runtime: Option<Runtime>,
        reach: Arc<dyn Reach>,
        settings: NetworkSettings,
        (inbox, files): (Arc<dyn PeerInbox>, Arc<dyn SnapshotFiles>),
    ) -> Arc<Self> {
        Arc::new(Self {
            local: Local::new(settings, inbox, files),
            roster: Arc::default(),
            inbound: Arc::new(Inbound::new()),
            reach,
            handle,
            running: Mutex::new(Running {
                runtime,
                alive: Some(sync_channel(0)),
            }),
        })
    }

    /// These are all other members now. Streams to new ones are opened, those of others end.
    pub(crate) fn set_peers(&self, peers: Vec<PeerAddress>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((alive, _)) = &running.alive else {
            return;
        };
        for gone in self.roster.all() {
            if !peers.iter().any(|peer| peer.id == gone.id) {
                self.roster.remove(gone.id);
                gone.close();
                self.inbound.end(gone.id);
                let Local { settings, .. } = &*self.local;
                let streams = [StreamKind::Control, StreamKind::Bulk].map(StreamKind::word);
                let figures = &settings.metrics.peers;
                figures.forget(settings.member, gone.id, &streams);
            }
        }
        for address in peers {
            if address.id == self.local.settings.member {
                continue;
            }
            if let Some(peer) = self.roster.get(address.id) {
                peer.set_address(address);
                continue;
            }
            let peer = RemotePeer::new(&self.local, address);
            self.roster.insert(Arc::clone(&peer));
            for kind in [StreamKind::Control, StreamKind::Bulk] {
                let (local, reach) = (Arc::clone(&self.local), Arc::clone(&self.reach));
                let sender = Sender::new(local, Arc::clone(&peer), kind, reach);
                let alive = alive.clone();
                self.handle.spawn(async move {
                    sender.run().await;
                    drop(alive);
                });
            }
        }
    }

    /// From now on greetings say this: what was drawn when the cluster was founded, and whether this member has ever applied
    /// anything.
    pub(crate) fn set_founding(&self, founding: u64, founded: bool) {
        self.local.set_founding(founding, founded);
    }

    /// What the others have said of themselves.
    pub(crate) fn greeted(&self) -> BTreeMap<u64, PeerFacts> {
        self.local.greeted.facts()
    }

    /// The highest format of commands that another one applies, if it has said so.
    pub(crate) fn applies(&self, member: u64) -> Option<u8> {
        self.local.greeted.applies(member)
    }

    /// Ends when one of them has greeted since the last call. For one task.
    pub(crate) async fn greeting(&self) {
        self.local.greeted.changed().await;
    }

    /// From now on nobody listens to these: the cluster does not know that they have started.
    pub(crate) fn set_unstarted(&self, members: BTreeSet<u64>) {
        for member in self.local.greeted.set_unstarted(members) {
            self.inbound.end(member);
        }
    }

    /// From now on members are heard from the disks that they started on alone.
    pub(crate) fn set_disks(&self, disks: BTreeMap<u64, u64>) {
        self.local.greeted.set_disks(disks);
    }

    /// From now on nobody listens to these: they are members no more.
    pub(crate) fn set_removed(&self, members: BTreeSet<u64>) {
        for member in self.local.greeted.set_removed(members) {
            self.inbound.end(member);
        }
    }

    /// How many members this one reaches, while none reaches it; 0 where one does.
    pub(crate) fn reaches_in_vain(&self) -> usize {
        if !self.inbound.is_empty() {
            return 0;
        }
        let peers = self.peers().into_iter();
        peers.filter(|peer| peer.control.connected).count()
    }

    /// Who said that this member was removed, if anybody did.
    pub(crate) fn removed_by(&self) -> Option<u64> {
        self.local.greeted.removed_by()
    }

    /// Greets and reads a stream that a member opened. `address` says where it comes from.
    pub(crate) fn accept<S>(&self, stream: S, address: String)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (local, inbound) = (Arc::clone(&self.local), Arc::clone(&self.inbound));
        let roster = Arc::clone(&self.roster);
        self.handle
            .spawn(receiver::serve(local, inbound, roster, stream, address));
    }

    /// The same for a socket, which is waited for here from now on.
    pub(crate) fn accept_socket(&self, socket: UpgradedSocket, address: String) {
        let UpgradedSocket { stream, read } = socket;
        let inside = self.handle.enter();
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let (reader, writer) = stream.into_split();
                self.accept(join(Cursor::new(read).chain(reader), writer), address);
            }
            Err(error) => tracing::debug!(address, %error, "a stream of a member is lost"),
        }
        drop(inside);
    }

    /// Sends a member the snapshot that a message speaks of.
    fn give(&self, peer: &Arc<RemotePeer>, message: Message) {
        let (local, reach) = (Arc::clone(&self.local), Arc::clone(&self.reach));
        let task = transfer::give(local, Arc::clone(peer), reach, message);
        peer.transfer_began(self.handle.spawn(task).abort_handle());
    }

    /// What is known of the ways to the others, in the order of their ids.
    pub(crate) fn peers(&self) -> Vec<PeerState> {
        let peers = self.roster.all();
        peers.iter().map(|peer| peer.state()).collect()
    }

    /// Ends all streams. What is queued has half a second to be written; the calling thread waits for it.
    pub(crate) fn stop(&self) {
        let (alive, runtime) = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            (running.alive.take(), running.runtime.take())
        };
        let Some((alive, ended)) = alive else {
            return;
        };
        self.inbound.close();
        for peer in self.roster.all() {
            peer.close();
        }
        if let Some(runtime) = runtime {
            drop(alive);
            // Nothing is ever sent: it ends when the last of them is gone.
            let _ = ended.recv_timeout(STOP_WITHIN);
            // Does not wait, so this may be called from anywhere. What still runs ends at its next pause.
            runtime.shutdown_background();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("peers", &self.peers())
            .finish_non_exhaustive()
    }
}

impl Peers for Network {
    fn send(&self, messages: Vec<Message>) {
        for message in messages {
            let kind = StreamKind::of(message.msg_type());
            let append = message.msg_type() == MessageType::MsgAppend;
            let to = message.to;
            match (self.roster.get(to), kind) {
                (peer, None) if message.msg_type() == MessageType::MsgSnapshot => match peer {
                    Some(peer) => self.give(&peer, message),
                    None => {
                        let missed = SnapshotOutcome::Missed;
                        self.local.inbox.snapshot_ended(to, missed);
                    }
                },
                (Some(peer), Some(kind)) => {
                    peer.send(&self.local, kind, PeerMessage::Raft(message));
                }
                // Of no member that is known, or of a kind that does not travel.
                _ if append => self.local.inbox.unreachable(to),
                _ => {}
            }
        }
    }

    fn send_write(&self, to: u64, message: WriteMessage) {
        let kind = match message {
            WriteMessage::Offer(_) | WriteMessage::Decided(_) => StreamKind::Bulk,
            WriteMessage::Received { .. } | WriteMessage::Fit(_) | WriteMessage::Time { .. } => {
                StreamKind::Control
            }
        };
        // Of no member that is known, or not on its way at once: it is offered again, if anybody waits for it still, to whoever
        // leads then; what became of it, that member's own log says.
        let at_once = |peer: &Arc<RemotePeer>| kind != StreamKind::Bulk || peer.bulk.is_connected();
        if let Some(peer) = self.roster.get(to).filter(at_once) {
            peer.send(&self.local, kind, PeerMessage::Write(message));
        }
    }
}
