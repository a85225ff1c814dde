//! One other member: its addresses, its queues, and what is known of the way to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::local::Local;
use super::message::{self, StreamKind};
use super::outgoing::{Outgoing, Queued};
use crate::metrics::{self, Metrics, PeerLabel};
use crate::node::peer::PeerMessage;

/// Bytes that wait for a stream. Answers and heartbeats are small; entries and writes are not.
const CONTROL_BYTES: usize = 4 << 20;
const BULK_BYTES: usize = 64 << 20;

/// Where another member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerAddress {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Peer URLs; each may do.
    pub(crate) urls: Vec<String>,
}

/// What is known of the way to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerState {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) control: StreamState,
    pub(crate) bulk: StreamState,
}

/// What is known of one stream to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamState {
    pub(crate) kind: StreamKind,
    pub(crate) connected: bool,
    /// Since when it is so.
    pub(crate) since: SystemTime,
    /// Why it is not connected, or was not the last time.
    pub(crate) last_error: Option<String>,
    pub(crate) sent_bytes: u64,
    pub(crate) sent_messages: u64,
    pub(crate) dropped_messages: u64,
    pub(crate) queued_bytes: usize,
    pub(crate) queued_messages: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct RemotePeer {
    pub(super) id: u64,
    // Held for a copy.
    address: Mutex<PeerAddress>,
    /// Whether its process was met since its end was last told.
    pub(super) met: AtomicBool,
    pub(super) control: RemoteStream,
    pub(super) bulk: RemoteStream,
    // Held for a change.
    transfer: Mutex<SnapshotTransfer>,
}

/// The snapshot that a member is sent.
#[derive(Debug, Default)]
struct SnapshotTransfer {
    /// Ends it.
    task: Option<AbortHandle>,
    /// Since the last one that worked, or got on before the way broke.
    failures: u32,
    /// Whether this one has got on.
    moved: bool,
}

/// One stream to a member.
#[derive(Debug)]
pub(super) struct RemoteStream {
    pub(super) kind: StreamKind,
    pub(super) queue: Outgoing,
    /// A dial is worth a try now.
    pub(super) poke: Notify,
    /// The stream is to end; for the one who counts down.
    pub(super) closing: Notify,
    // Held for a change or a copy.
    standing: Mutex<StreamStanding>,
    sent_bytes: AtomicU64,
    sent_messages: AtomicU64,
    dropped_messages: AtomicU64,
    bytes_counter: Counter,
    dropped_counter: Counter,
    heartbeats_counter: Counter,
}

#[derive(Debug)]
struct StreamStanding {
    connected: bool,
    since: SystemTime,
    last_error: Option<String>,
    /// Kinds of failure that the log has heard of since it was connected.
    told: Vec<&'static str>,
}

impl RemotePeer {
    pub(super) fn new(local: &Local, address: PeerAddress) -> Arc<Self> {
        let now = local.settings.clock.wall_time();
        let figures = &local.settings.metrics;
        let label = metrics::sent_to(address.id);
        let stream = |kind, bytes| RemoteStream::new(kind, bytes, figures, &label, now);
        Arc::new(Self {
            id: address.id,
            address: Mutex::new(address),
            met: AtomicBool::new(false),
            control: stream(StreamKind::Control, CONTROL_BYTES),
            bulk: stream(StreamKind::Bulk, BULK_BYTES),
            transfer: Mutex::default(),
        })
    }

    pub(super) fn stream(&self, kind: StreamKind) -> &RemoteStream {
        match kind {
            StreamKind::Control => &self.control,
            // A snapshot waits in no queue; what is sent of it counts here.
            StreamKind::Bulk | StreamKind::Snapshot => &self.bulk,
        }
    }

    fn transfer(&self) -> MutexGuard<'_, SnapshotTransfer> {
        self.transfer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A snapshot is being sent to it; the one before, if it still is, is of no use.
    pub(super) fn transfer_began(&self, task: AbortHandle) {
        let mut transfer = self.transfer();
        transfer.moved = false;
        if let Some(before) = transfer.task.replace(task) {
            before.abort();
        }
    }

    /// It went on from one.
    pub(super) fn transfer_worked(&self) {
        self.transfer().failures = 0;
    }

    /// Some of it was sent.
    pub(super) fn transfer_moved(&self) {
        self.transfer().moved = true;
    }

    /// It did not get one. How often that was so before: what breaks off goes on where it was, and soon, if that is of use.
    pub(super) fn transfer_failed(&self, kept: bool) -> u32 {
        let mut transfer = self.transfer();
        if kept && transfer.moved {
            transfer.failures = 0;
        }
        let before = transfer.failures;
        transfer.failures = before.saturating_add(1);
        before
    }

    pub(super) fn address(&self) -> PeerAddress {
        self.locked().clone()
    }

    /// It may be elsewhere now.
    pub(super) fn set_address(&self, address: PeerAddress) {
        let mut stands = self.locked();
        if *stands != address {
            *stands = address;
            drop(stands);
            self.poke();
        }
    }

    fn locked(&self) -> MutexGuard<'_, PeerAddress> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is reason to hope that it can be dialled.
    pub(super) fn poke(&self) {
        self.control.poke.notify_one();
        self.bulk.poke.notify_one();
    }

    /// Its streams end when they have written what they have, or a moment later.
    pub(super) fn close(&self) {
        for stream in [&self.control, &self.bulk] {
            stream.queue.close();
            stream.closing.notify_one();
            stream.poke.notify_one();
        }
        if let Some(task) = self.transfer().task.take() {
            task.abort();
        }
    }

    /// Puts a message into the queue of a stream, and tells who has to know if it is lost.
    pub(super) fn send(&self, local: &Local, kind: StreamKind, message: PeerMessage) {
        let heartbeat = message::is_heartbeat(&message);
        match self.stream(kind).queue.push(message) {
            Queued::Yes => {}
            Queued::Full { tell } => {
                if self.lose(kind, heartbeat) && tell {
                    local.inbox.unreachable(self.id);
                }
            }
            Queued::Closed => {
                self.lose(kind, heartbeat);
            }
        }
    }

    /// A message, perhaps a heartbeat, will not be sent. Whether the node must know: entries and offers are what it sends
    /// again.
    pub(super) fn lose(&self, kind: StreamKind, heartbeat: bool) -> bool {
        let stream = self.stream(kind);
        stream.dropped_messages.fetch_add(1, Ordering::Relaxed);
        stream.dropped_counter.inc();
        if heartbeat {
            stream.heartbeats_counter.inc();
        }
        kind == StreamKind::Bulk
    }

    pub(super) fn state(&self) -> PeerState {
        PeerState {
            id: self.id,
            name: self.locked().name.clone(),
            control: self.control.state(),
            bulk: self.bulk.state(),
        }
    }
}

impl RemoteStream {
    fn new(
        kind: StreamKind,
        bytes_max: usize,
        metrics: &Metrics,
        label: &PeerLabel,
        now: SystemTime,
    ) -> Self {
        Self {
            kind,
            queue: Outgoing::new(bytes_max),
            poke: Notify::new(),
            closing: Notify::new(),
            standing: Mutex::new(StreamStanding {
                connected: false,
                since: now,
                last_error: None,
                told: Vec::new(),
            }),
            sent_bytes: AtomicU64::new(0),
            sent_messages: AtomicU64::new(0),
            dropped_messages: AtomicU64::new(0),
            bytes_counter: metrics.peers.sent_bytes.get_or_create(label).clone(),
            dropped_counter: metrics.peers.dropped.get_or_create(label).clone(),
            heartbeats_counter: metrics.peers.heartbeats_failed.clone(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, StreamStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_sent(&self, bytes: usize, messages: u64) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.sent_messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes_counter.inc_by(bytes as u64);
    }

    /// The stream is connected.
    pub(super) fn connected(&self, now: SystemTime) {
        let mut standing = self.standing();
        standing.connected = true;
        standing.since = now;
        standing.told.clear();
    }

    /// The stream is not connected. Whether the log has not heard of this kind of failure since it was last.
    pub(super) fn failed(&self, now: SystemTime, word: &'static str, error: &str) -> bool {
        let mut standing = self.standing();
        if std::mem::replace(&mut standing.connected, false) {
            standing.since = now;
        }
        standing.last_error = Some(error.to_owned());
        let new = !standing.told.contains(&word);
        if new {
            standing.told.push(word);
        }
        new
    }

    pub(super) fn is_connected(&self) -> bool {
        self.standing().connected
    }

    fn state(&self) -> StreamState {
        let standing = self.standing();
        let (queued_messages, queued_bytes) = self.queue.holds();
        StreamState {
            kind: self.kind,
            connected: standing.connected,
            since: standing.since,
            last_error: standing.last_error.clone(),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            sent_messages: self.sent_messages.load(Ordering::Relaxed),
            dropped_messages: self.dropped_messages.load(Ordering::Relaxed),
            queued_bytes,
            queued_messages,
        }
    }
}

/// All other members.
#[derive(Debug, Default)]
pub(super) struct Roster(RwLock<HashMap<u64, Arc<RemotePeer>>>);

impl Roster {
    pub(super) fn get(&self, id: u64) -> Option<Arc<RemotePeer>> {
        let peers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        peers.get(&id).cloned()
    }

    /// In the order of their ids.
    pub(super) fn all(&self) -> Vec<Arc<RemotePeer>> {
        let peers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = peers.values().cloned().collect();
        all.sort_unstable_by_key(|peer| peer.id);
        all
    }

    pub(super) fn insert(&self, peer: Arc<RemotePeer>) {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        peers.insert(peer.id, peer);
    }

    pub(super) fn remove(&self, id: u64) -> Option<Arc<RemotePeer>> {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        peers.remove(&id)
    }
}
