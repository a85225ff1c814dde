//! A node whose store is damaged: it serves what can be read, and nothing else. No thread works on it.

use crate::metrics::Metrics;
use crate::node::alone::is_alone;
use crate::node::context::NodeContext;
use crate::node::data_dir::DataDir;
use crate::node::marker::Marker;

use super::option::NodeOptions;
use super::phase::Phases;
use super::started::StartedNode;

/// What a damaged node serves.
pub(super) struct ReadOnlyStore {
    pub(super) store: storage::Store,
    pub(super) marker: Marker,
    /// Whether the store holds every entry that may have been acknowledged.
    pub(super) complete: bool,
    /// The damage that is known.
    pub(super) met: Vec<storage::Damage>,
}

impl ReadOnlyStore {
    /// The node that serves the reads that its store allows.
    pub(super) fn serve(
        self,
        options: &NodeOptions,
        data_dir: DataDir,
        phases: &Phases,
    ) -> StartedNode {
        let metrics = Metrics::new(options.server_version);
        let context = NodeContext::new(
            phases.clock().clone(),
            self.store,
            &self.marker,
            options.watchers_max,
            metrics,
        );
        let status = &context.status;
        for damage in &self.met {
            status.damaged(damage);
            status.end_writes(damage);
        }
        let applied = context.store.applied().index;
        status.set_applied(applied);
        if self.complete {
            status.set_complete();
        }
        if let Some(failure) = status.refuses_writes() {
            context.intake.close(failure);
        }
        tracing::error!(
            "the store is damaged, so this node only serves reads: revision {}, entry {applied} of the log, opened in {:?}; \
             {}. Nothing is written or deleted; the damaged part answers with an error. {}",
            context.store.revision(),
            phases.took(),
            if self.complete {
                "nothing that was acknowledged is missing"
            } else {
                "newer entries are in the log and are not applied, so plain reads are refused and only those with local=true \
                 are served"
            },
            "Restore the directory from a copy, or load a listing of what can be read into a new node with 'etcdctl import'"
        );
        StartedNode {
            context,
            alone: is_alone(&self.marker.conf_state, self.marker.member),
            learner: false,
            voters: self.marker.conf_state.voters.len(),
            disk: self.marker.disk,
            identity: wal::Identity {
                cluster: self.marker.cluster,
                member: self.marker.member,
            },
            runtime: None,
            data_dir,
        }
    }
}
