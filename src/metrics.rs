//! The figures a node publishes: one typed registry, rendered as OpenMetrics text that Prometheus accepts.
//!
//! A figure that the original also had keeps its `etcd_` name (cluster-and-config 5.7); one of our own starts with
//! `etcd2_`. Counters are registered without `_total`: the encoder adds it, exactly once. Recording is a relaxed
//! atomic, except in a histogram, which takes a short lock: record there once for each batch, not for each key.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

mod catalogue;
mod label;
mod peer;
mod process;

pub(crate) use label::{ActionLabel, DamageLabel, OperationLabel, ReasonLabel, RequestLabel};
pub(crate) use peer::{PeerLabel, PeerMetrics, StreamFigures, received_from, sent_to};
pub(crate) use process::open_files_max;

use catalogue::Catalogue;

/// The media type of what [`Metrics::render`] returns.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerVersionLabel {
    server_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClusterVersionLabel {
    cluster_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerIdLabel {
    server_id: String,
}

/// Every figure of the process. Shared by reference; the fields are recorded into directly.
#[derive(Debug)]
#[allow(missing_docs)] // the help text of each figure is in `register`, beside its exported name
pub struct Metrics {
    pub wal_fsync_seconds: Histogram,
    pub sync_entries: Histogram,
    pub wal_cut_bytes: Counter,
    pub wal_damage: Counter,
    pub flush_seconds: Histogram,
    pub disk_slow: Family<OperationLabel, Counter>,
    pub disk_waiting_seconds: Family<OperationLabel, Gauge<f64, AtomicU64>>,
    pub writes_refused: Family<ReasonLabel, Gauge>,
    pub store_damage: Family<DamageLabel, Gauge>,
    pub log_replaced: Counter,
    pub watch_broken: Counter,
    pub apply_seconds: Histogram,
    pub batch_entries: Histogram,
    pub queue_seconds: Histogram,
    pub proposal_queue: Gauge,
    pub proposals_committed: Gauge<u64, AtomicU64>,
    pub proposals_applied: Gauge<u64, AtomicU64>,
    pub proposals_pending: Gauge,
    pub proposals_failed: Counter,
    pub leader_changes: Counter,
    pub has_leader: Gauge,
    pub is_leader: Gauge,
    pub health_success: Gauge<u64, AtomicU64>,
    pub health_failures: Gauge<u64, AtomicU64>,
    pub store_reads: Family<ActionLabel, Counter>,
    pub store_reads_failed: Family<ActionLabel, Counter>,
    pub store_writes: Family<ActionLabel, Counter>,
    pub store_writes_failed: Family<ActionLabel, Counter>,
    pub store_expires: Counter,
    pub watch_requests: Counter,
    pub watch_events: Counter,
    pub watch_lagging: Counter,
    pub watchers: Gauge,
    pub watch_delay_seconds: Histogram,
    pub http_requests: Family<RequestLabel, Counter>,
    pub http_connections: Gauge,
    pub http_connections_refused: Counter,
    pub slow_requests: Counter,
    pub relayed: Counter,
    pub answered_early: Counter,
    /// Snapshots that did not reach a member.
    pub snapshot_send_failures: Counter,
    /// Snapshots that could not be written.
    pub export_failures: Counter,
    pub(crate) peers: PeerMetrics,
    server_version: Family<ServerVersionLabel, Gauge>,
    cluster_version: Family<ClusterVersionLabel, Gauge>,
    server_id: Family<ServerIdLabel, Gauge>,
    registry: Registry,
}

impl Metrics {
    /// All figures at zero, registered. `server_version` is shown as a label from the start.
    pub fn new(server_version: &str) -> Arc<Self> {
        let mut metrics = Self::unregistered();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        registry.register_collector(Box::new(process::Process::new()));
        metrics.registry = registry;
        let label = ServerVersionLabel {
            server_version: server_version.to_owned(),
        };
        metrics.server_version.get_or_create(&label).set(1);
        Arc::new(metrics)
    }

    /// Shows who the member is, once that is known: `member` in hexadecimal, the cluster's version if agreed.
    pub fn identify(&self, member: u64, cluster_version: Option<&str>) {
        self.server_id.clear();
        let label = ServerIdLabel {
            server_id: format!("{member:x}"),
        };
        self.server_id.get_or_create(&label).set(1);
        self.cluster_version.clear();
        if let Some(version) = cluster_version {
            let label = ClusterVersionLabel {
                cluster_version: version.to_owned(),
            };
            self.cluster_version.get_or_create(&label).set(1);
        }
    }

    /// The whole exposition, with the end mark, as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        text::encode(&mut out, &self.registry).expect("writing to a String does not fail");
        out
    }

    fn unregistered() -> Self {
        // 1/8 ms … 8 s: the original starts at 1 ms, which is above what a good disk needs for a sync.
        let disk = || Histogram::new(exponential_buckets(0.000_125, 2.0, 17));
        // 10 us … 5 s: hand-offs between threads.
        let hand_off = || Histogram::new(exponential_buckets(0.000_01, 2.0, 20));
        let group = || Histogram::new(exponential_buckets(1.0, 2.0, 13));
        Self {
            wal_fsync_seconds: disk(),
            sync_entries: group(),
            wal_cut_bytes: Counter::default(),
            wal_damage: Counter::default(),
            flush_seconds: disk(),
            disk_slow: Family::default(),
            disk_waiting_seconds: Family::default(),
            writes_refused: Family::default(),
            store_damage: Family::default(),
            log_replaced: Counter::default(),
            watch_broken: Counter::default(),
            apply_seconds: hand_off(),
            batch_entries: group(),
            queue_seconds: hand_off(),
            proposal_queue: Gauge::default(),
            proposals_committed: Gauge::default(),
            proposals_applied: Gauge::default(),
            proposals_pending: Gauge::default(),
            proposals_failed: Counter::default(),
            leader_changes: Counter::default(),
            has_leader: Gauge::default(),
            is_leader: Gauge::default(),
            health_success: Gauge::default(),
            health_failures: Gauge::default(),
            store_reads: Family::default(),
            store_reads_failed: Family::default(),
            store_writes: Family::default(),
            store_writes_failed: Family::default(),
            store_expires: Counter::default(),
            watch_requests: Counter::default(),
            watch_events: Counter::default(),
            watch_lagging: Counter::default(),
            watchers: Gauge::default(),
            watch_delay_seconds: hand_off(),
            http_requests: Family::default(),
            http_connections: Gauge::default(),
            http_connections_refused: Counter::default(),
            slow_requests: Counter::default(),
            relayed: Counter::default(),
            answered_early: Counter::default(),
            snapshot_send_failures: Counter::default(),
            export_failures: Counter::default(),
            peers: PeerMetrics::default(),
            server_version: Family::default(),
            cluster_version: Family::default(),
            server_id: Family::default(),
            registry: Registry::default(),
        }
    }

    /// The catalogue of names: one line for each figure, in the order they are printed.
    #[rustfmt::skip]
    fn register(&self, registry: &mut Registry) {
        let mut add = Catalogue(registry);
        add.figure("etcd_server_version", "1 for the label with the version of this server", &self.server_version);
        add.figure("etcd_server_id", "1 for the label with the id of this member, in hexadecimal", &self.server_id);
        add.figure("etcd_cluster_version", "1 for the label with the agreed version of the cluster", &self.cluster_version);
        add.figure("etcd_server_has_leader", "1 while a leader is known", &self.has_leader);
        add.figure("etcd_server_is_leader", "1 while this member leads", &self.is_leader);
        add.figure("etcd_server_leader_changes_seen", "Changes of the leader seen by this member", &self.leader_changes);
        // Gauges by these names in the original too: they show a place in the log, and may start anywhere.
        add.figure("etcd_server_proposals_committed_total", "Index of the newest committed log entry", &self.proposals_committed);
        add.figure("etcd_server_proposals_applied_total", "Index of the newest applied log entry", &self.proposals_applied);
        add.figure("etcd_server_proposals_pending", "Proposals handed to consensus and not yet decided", &self.proposals_pending);
        add.figure("etcd_server_proposals_failed", "Proposals that were dropped or timed out", &self.proposals_failed);
        // Gauges, since the original's names do not end as those of counters do.
        add.figure("etcd_server_health_success", "Times that /health said true", &self.health_success);
        add.figure("etcd_server_health_failures", "Times that /health said false", &self.health_failures);
        add.figure("etcd_disk_wal_fsync_duration_seconds", "Time of one sync of the log", &self.wal_fsync_seconds);
        add.figure("etcd_debugging_store_reads", "Reads of the tree served by this member", &self.store_reads);
        add.figure("etcd_debugging_store_reads_failed", "Reads of the tree that were refused", &self.store_reads_failed);
        add.figure("etcd_debugging_store_writes", "Writes applied by this member", &self.store_writes);
        add.figure("etcd_debugging_store_writes_failed", "Writes that the tree refused", &self.store_writes_failed);
        add.figure("etcd_debugging_store_expires", "Nodes removed because their TTL lapsed", &self.store_expires);
        add.figure("etcd_debugging_store_watchers", "Watches registered now", &self.watchers);
        add.figure("etcd_debugging_store_watch_requests", "Watches accepted", &self.watch_requests);
        add.figure("etcd2_snapshot_send_failures", "Snapshots that did not reach the member that needs one", &self.snapshot_send_failures);
        add.figure("etcd2_snapshot_export_failures", "Snapshots that could not be written for a member that needs one", &self.export_failures);
        self.peers.register(&mut add);
        add.figure("etcd2_apply_duration_seconds", "Time to apply and commit one batch to the store", &self.apply_seconds);
        add.figure("etcd2_apply_batch_entries", "Commands in one batch to the store", &self.batch_entries);
        add.figure("etcd2_store_flush_duration_seconds", "Time of one flush of the store", &self.flush_seconds);
        add.figure("etcd2_disk_slow_operations", "Operations of the disk that took longer than a second", &self.disk_slow);
        add.figure("etcd2_disk_waiting_seconds", "How long the present operation of the disk has lasted; 0 while there is none", &self.disk_waiting_seconds);
        add.figure("etcd2_store_damage", "1 for each part of the store found damaged, by column family and table", &self.store_damage);
        add.figure("etcd2_wal_replaced", "Times that start-up set a damaged or missing log aside", &self.log_replaced);
        add.figure("etcd2_watch_broken", "Watches ended because history could not be read", &self.watch_broken);
        add.figure("etcd2_writes_refused", "1 for each reason for which writes are refused", &self.writes_refused);
        add.figure("etcd2_wal_sync_entries", "Log entries made durable by one sync", &self.sync_entries);
        add.figure("etcd2_wal_cut_bytes", "Bytes of an unsynced tail that start-up cut from the log", &self.wal_cut_bytes);
        add.figure("etcd2_wal_damage", "Places in the log found damaged", &self.wal_damage);
        add.figure("etcd2_proposal_queue", "Commands that wait for the consensus thread", &self.proposal_queue);
        add.figure("etcd2_proposal_wait_seconds", "Time a command waits for the consensus thread", &self.queue_seconds);
        add.figure("etcd2_watch_events", "Events handed to watches", &self.watch_events);
        add.figure("etcd2_watch_lagging", "Times that a watch fell behind and went on from history", &self.watch_lagging);
        add.figure("etcd2_watch_delay_seconds", "Time from publishing an event to handing it to a connection", &self.watch_delay_seconds);
        add.figure("etcd2_http_requests", "Answered requests by method and status", &self.http_requests);
        add.figure("etcd2_http_connections", "Open client connections", &self.http_connections);
        add.figure("etcd2_http_connections_refused", "Connections refused because the limit was reached", &self.http_connections_refused);
        add.figure("etcd2_http_relayed_requests", "Requests that this member had the leader answer, because its own log takes long", &self.relayed);
        add.figure("etcd2_writes_answered_early", "Writes whose outcome the leader told this member before its own log, which takes long, did", &self.answered_early);
        add.figure("etcd2_http_slow_requests", "Requests, watches apart, that took longer than the threshold", &self.slow_requests);
    }
}

#[cfg(test)]
mod tests;
