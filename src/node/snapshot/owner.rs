//! Whose snapshots these are.

use std::path::PathBuf;
use std::sync::Arc;

use crate::metrics::Metrics;
use crate::node::cluster_clock::ClusterClock;
use crate::node::disk_space::DiskSpace;
use crate::node::intake::Intake;
use crate::node::status::Status;

/// A member, and what making and taking files needs of it.
#[derive(Clone)]
pub(crate) struct SnapshotOwner<F> {
    pub(crate) fs: F,
    pub(crate) data_dir: PathBuf,
    pub(crate) space: DiskSpace,
    pub(crate) store: storage::Store,
    /// For stores that are made of files.
    pub(crate) storage: storage::StoreOptions,
    pub(crate) identity: wal::Identity,
    /// What the data directory drew when it was founded.
    pub(crate) disk: u64,
    pub(crate) clock: ClusterClock,
    pub(crate) status: Arc<Status>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) metrics: Arc<Metrics>,
}
