//! A node whose store is damaged: it serves what can be read, and nothing else.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Config;
use crate::node::apply_worker::ApplyWorker;
use crate::node::data_dir::DataDir;
use crate::node::intake::{Bounds, Intake};
use crate::node::marker::Marker;
use crate::node::recovery::RecoveryError;

use super::ground::{Ground, facts, ground, service};
use super::start::{StartError, Started};

/// What a damaged node serves.
pub(super) struct Spared {
    pub(super) store: storage::Store,
    pub(super) marker: Marker,
    /// Whether the store holds every entry that may have been acknowledged.
    pub(super) complete: bool,
    pub(super) met: Vec<storage::Damage>,
}

/// A node that serves the reads that its damaged store allows, and nothing else: no thread works on it.
pub(super) fn damaged(
    config: &Config,
    data_dir: DataDir,
    spared: Spared,
    begun: Instant,
) -> Started {
    let Spared {
        store,
        marker,
        complete,
        met,
    } = spared;
    let ground = ground(config, store, &marker);
    for damage in &met {
        ground.status.damaged(damage);
        ground.status.end_writes(damage);
    }
    let applied = ground.store.applied().index;
    ground.status.set_applied(applied);
    if complete {
        ground.status.set_complete();
    }
    let intake = Arc::new(Intake::new(Bounds::default()));
    if let Some(failure) = ground.status.refuses_writes() {
        intake.close(failure);
    }
    tracing::error!(
        "the store is damaged, so this node only serves reads: revision {}, entry {applied} of the log, opened in {:?}; \
         {}. Nothing is written or deleted; the damaged part answers with an error. {}",
        ground.store.revision(),
        begun.elapsed(),
        if complete {
            "nothing that was acknowledged is missing"
        } else {
            "newer entries are in the log and are not applied, so plain reads are refused and only those with local=true \
             are served"
        },
        "Restore the directory from a copy, or load a listing of what can be read into a new node with 'etcdctl import'"
    );
    let identity = wal::Identity {
        cluster: marker.cluster,
        member: marker.member,
    };
    let facts = facts(config, &identity);
    Started {
        service: service(facts, &ground, intake),
        runtime: None,
        hub: ground.hub,
        status: ground.status,
        data_dir,
    }
}

/// Applying the log met damage of the store: what was applied before it is served. A loss of the log that was accepted
/// stays as it is, for a start with a store that is whole: the log is not touched before all of it is applied.
pub(super) fn around(
    error: RecoveryError,
    config: &Config,
    data_dir: DataDir,
    ground: &Ground,
    worker: &ApplyWorker,
    begun: Instant,
) -> Result<Started, StartError> {
    let damage = error.damage().ok_or(error)?;
    let spared = Spared {
        store: ground.store.clone(),
        marker: worker.marker().clone(),
        complete: false,
        met: vec![damage],
    };
    Ok(damaged(config, data_dir, spared, begun))
}
