//! `/metrics`: figures that others keep are read when they are asked for.

use std::sync::atomic::Ordering;

use super::Service;
use crate::metrics::{ActionLabel, DamageLabel, OperationLabel, ReasonLabel};
use crate::node::refusal::RefusalKind;
use crate::node::watchdog::Work;
use crate::raft::Role;

impl Service {
    /// The exposition text; its media type is `metrics::CONTENT_TYPE`.
    pub(crate) fn metrics_text(&self) -> String {
        let node = &self.node();
        let metrics = &node.metrics;
        let leader = node.status.leader();
        metrics.identify(self.settings().member_id, self.cluster_version());
        metrics.has_leader.set(i64::from(leader != 0));
        metrics
            .is_leader
            .set(i64::from(node.status.role() == Role::Leader));
        metrics.proposals_committed.set(node.status.commit());
        metrics.proposals_applied.set(node.status.applied());
        metrics
            .proposals_pending
            .set(i64::try_from(node.waiters.len()).unwrap_or(i64::MAX));
        metrics
            .proposal_queue
            .set(i64::try_from(node.intake.waiting()).unwrap_or(i64::MAX));
        self.copy_counters();
        self.copy_troubles();
        self.copy_peers();
        metrics.render()
    }

    /// What the disk is slow with, and why writes are refused.
    fn copy_troubles(&self) {
        let metrics = &self.node().metrics;
        let status = &self.node().status;
        let now = status.clock().now();
        for work in Work::ALL {
            let (slow, waiting) = status.watchdog().figures(work, now);
            let label = OperationLabel {
                operation: work.label(),
            };
            metrics
                .disk_slow
                .get_or_create(&label)
                .inner()
                .store(slow, Ordering::Relaxed);
            metrics
                .disk_waiting_seconds
                .get_or_create(&label)
                .set(waiting.as_secs_f64());
        }
        for (column, file) in status.damages().labels() {
            metrics
                .store_damage
                .get_or_create(&DamageLabel { column, file })
                .set(1);
        }
        let temporary = RefusalKind::ALL.map(|kind| (kind.label(), status.refusals().holds(kind)));
        for (reason, holds) in temporary
            .into_iter()
            .chain([("failed", status.has_failed())])
        {
            metrics
                .writes_refused
                .get_or_create(&ReasonLabel { reason })
                .set(i64::from(holds));
        }
    }

    fn copy_counters(&self) {
        let metrics = &self.node().metrics;
        let counters = &self.node().counters;
        let writes = [
            ("set", &counters.sets),
            ("create", &counters.creates),
            ("update", &counters.updates),
            ("compareAndSwap", &counters.compare_and_swaps),
            ("delete", &counters.deletes),
            ("compareAndDelete", &counters.compare_and_deletes),
        ];
        let writes = writes.map(|(action, pair)| {
            (
                action,
                pair,
                &metrics.store_writes,
                &metrics.store_writes_failed,
            )
        });
        let reads = (
            "get",
            &counters.gets,
            &metrics.store_reads,
            &metrics.store_reads_failed,
        );
        for (action, pair, done, failed) in writes.into_iter().chain([reads]) {
            let (success, fail) = pair.read();
            let label = ActionLabel { action };
            done.get_or_create(&label)
                .inner()
                .store(success, Ordering::Relaxed);
            failed
                .get_or_create(&label)
                .inner()
                .store(fail, Ordering::Relaxed);
        }
        let expired = counters.expires.load(Ordering::Relaxed);
        metrics
            .store_expires
            .inner()
            .store(expired, Ordering::Relaxed);
    }
}
