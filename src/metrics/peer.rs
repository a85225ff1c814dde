//! The figures of a member of several: what goes to the others and comes from them, and how far they are.
//!
//! Counters are counted where it happens. The others are states: who renders fills them in from what is known then.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::catalogue::Catalogue;
use super::label::ReasonLabel;

/// One other member: `To` or `From`, as the original has it, and its id in hexadecimal.
pub(crate) type PeerLabel = [(&'static str, String); 1];

/// This member and another one, or another one and the stream to it.
type PairLabel = [(&'static str, String); 2];

/// What is shown of one stream to another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFigures {
    /// The name of the stream, for people.
    pub(crate) stream: &'static str,
    /// Whether it is connected.
    pub(crate) connected: bool,
    /// What waits for it.
    pub(crate) queued_bytes: usize,
    /// The same in messages.
    pub(crate) queued_messages: usize,
}

/// See the module.
#[derive(Debug)]
#[allow(missing_docs)] // the help text of each figure is in `register`, beside its exported name
pub(crate) struct PeerMetrics {
    pub(crate) sent_bytes: Family<PeerLabel, Counter>,
    pub(crate) received_bytes: Family<PeerLabel, Counter>,
    pub(crate) dropped: Family<PeerLabel, Counter>,
    pub(crate) refused: Family<ReasonLabel, Counter>,
    pub(crate) elections_won: Family<ReasonLabel, Counter>,
    pub(crate) heartbeats_failed: Counter,
    pub(crate) round_trip_seconds: Family<PeerLabel, Histogram>,
    pub(crate) behind: Family<PeerLabel, Gauge>,
    active: Family<PairLabel, Gauge>,
    connected: Family<PairLabel, Gauge>,
    queue_bytes: Family<PairLabel, Gauge>,
    queue_messages: Family<PairLabel, Gauge>,
    snapshot_bytes: Family<PeerLabel, Gauge>,
    snapshot_size: Family<PeerLabel, Gauge>,
}

impl Default for PeerMetrics {
    fn default() -> Self {
        // As the original has them: 0.1 ms … 3.3 s.
        let round_trip = || Histogram::new(exponential_buckets(0.000_1, 2.0, 16));
        Self {
            sent_bytes: Family::default(),
            received_bytes: Family::default(),
            dropped: Family::default(),
            refused: Family::default(),
            elections_won: Family::default(),
            heartbeats_failed: Counter::default(),
            round_trip_seconds: Family::new_with_constructor(round_trip),
            behind: Family::default(),
            active: Family::default(),
            connected: Family::default(),
            queue_bytes: Family::default(),
            queue_messages: Family::default(),
            snapshot_bytes: Family::default(),
            snapshot_size: Family::default(),
        }
    }
}

impl PeerMetrics {
    #[rustfmt::skip]
    pub(super) fn register(&self, add: &mut Catalogue<'_>) {
        add.figure("etcd_server_heartbeat_send_failures", "Heartbeats of this leader that were not sent: the member was not connected, or too slow", &self.heartbeats_failed);
        add.figure("etcd_network_active_peers", "1 for each other member that this one is connected to, 0 for those that it is not", &self.active);
        add.figure("etcd_network_peer_sent_bytes", "Bytes sent to another member", &self.sent_bytes);
        add.figure("etcd_network_peer_received_bytes", "Bytes received from another member", &self.received_bytes);
        add.figure("etcd_network_peer_round_trip_time_seconds", "Time from a heartbeat of this leader to its answer", &self.round_trip_seconds);
        add.figure("etcd2_peer_connected", "1 while a stream to another member is connected", &self.connected);
        add.figure("etcd2_peer_queue_bytes", "Bytes that wait for a stream to another member", &self.queue_bytes);
        add.figure("etcd2_peer_queue_messages", "Messages that wait for a stream to another member", &self.queue_messages);
        add.figure("etcd2_peer_entries_behind", "Entries of this leader's log that another member has not acknowledged", &self.behind);
        add.figure("etcd2_snapshot_transfer_bytes", "Bytes of the snapshot that is on its way to or from another member which have come; there while it is", &self.snapshot_bytes);
        add.figure("etcd2_snapshot_transfer_size_bytes", "Bytes that the snapshot which is on its way to or from another member has", &self.snapshot_size);
        add.figure("etcd2_peer_messages_dropped", "Messages to another member that were not sent: it was not connected, or too slow", &self.dropped);
        add.figure("etcd2_elections_won", "Elections that this member won, by why it campaigned", &self.elections_won);
        add.figure("etcd2_peer_streams_refused", "Streams that were refused or closed for what came on them, by reason", &self.refused);
    }

    /// Shows how it stands with the streams from `local` to another member.
    pub(crate) fn show(&self, local: u64, remote: u64, streams: &[StreamFigures]) {
        for one in streams {
            let label = stream_to(remote, one.stream);
            let set = |family: &Family<PairLabel, Gauge>, value| {
                family.get_or_create(&label).set(value);
            };
            set(&self.connected, i64::from(one.connected));
            set(&self.queue_bytes, whole(one.queued_bytes));
            set(&self.queue_messages, whole(one.queued_messages));
        }
        let active = streams.iter().all(|one| one.connected);
        self.active
            .get_or_create(&between(local, remote))
            .set(i64::from(active));
    }

    /// Shows how many entries another member lacks, where that is known.
    pub(crate) fn show_behind(&self, member: u64, entries: Option<u64>) {
        let label = sent_to(member);
        match entries {
            Some(entries) => {
                let entries = i64::try_from(entries).unwrap_or(i64::MAX);
                self.behind.get_or_create(&label).set(entries);
            }
            None => {
                self.behind.remove(&label);
            }
        }
    }

    /// Shows a snapshot that is on its way.
    pub(crate) fn show_snapshot(&self, label: &PeerLabel, bytes: u64, size: u64) {
        self.show_snapshot_bytes(label, bytes);
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.snapshot_size.get_or_create(label).set(size);
    }

    /// Shows how far it has come.
    pub(crate) fn show_snapshot_bytes(&self, label: &PeerLabel, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.snapshot_bytes.get_or_create(label).set(bytes);
    }

    /// It is on its way no more.
    pub(crate) fn end_snapshot(&self, label: &PeerLabel) {
        self.snapshot_bytes.remove(label);
        self.snapshot_size.remove(label);
    }

    /// Ends the series of a member that is gone; `streams` are the names of those to it.
    pub(crate) fn forget(&self, local: u64, member: u64, streams: &[&'static str]) {
        let to = sent_to(member);
        self.sent_bytes.remove(&to);
        self.dropped.remove(&to);
        self.round_trip_seconds.remove(&to);
        self.behind.remove(&to);
        self.received_bytes.remove(&received_from(Some(member)));
        self.active.remove(&between(local, member));
        for stream in streams {
            let label = stream_to(member, stream);
            self.connected.remove(&label);
            self.queue_bytes.remove(&label);
            self.queue_messages.remove(&label);
        }
    }
}

fn between(local: u64, remote: u64) -> PairLabel {
    let id = |member| format!("{member:x}");
    [("Local", id(local)), ("Remote", id(remote))]
}

fn stream_to(member: u64, stream: &'static str) -> PairLabel {
    [("To", format!("{member:x}")), ("stream", stream.to_owned())]
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The label of what goes to a member.
pub(crate) fn sent_to(member: u64) -> PeerLabel {
    [("To", format!("{member:x}"))]
}

/// The label of what comes from a member; of all that are not known together, who could make up series.
pub(crate) fn received_from(member: Option<u64>) -> PeerLabel {
    let id = member.map_or_else(|| "unknown".to_owned(), |member| format!("{member:x}"));
    [("From", id)]
}
