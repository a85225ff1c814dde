//! What a node is started with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::ConfState;
use storage::operation::Retention;

use crate::clock::Clock;
use crate::config::Exit;
use crate::node::context::NodeContext;
use crate::node::disk_space::DiskSpace;
use crate::node::peer::{Peers, SnapshotFiles};

/// Who a new node is.
pub(crate) struct Founder {
    /// Its ids.
    pub identity: wal::Identity,
    /// All members at the founding.
    pub conf_state: ConfState,
    /// Drawn at random, for the directory that is founded.
    pub disk: u64,
}

/// What a node says of itself before it runs.
#[derive(Clone)]
pub(crate) struct NewNode {
    /// Its ids.
    pub identity: wal::Identity,
    /// What its directory drew when it was founded.
    pub disk: u64,
    /// Whether its log has ever held an entry.
    pub begun: bool,
    /// Whether it has no vote, as its store knows.
    pub learner: bool,
    /// Its snapshots.
    pub files: Arc<dyn SnapshotFiles>,
}

/// Opens the way to the other members of a node that is not alone. The context has the store, which says where they are, and
/// the intake, where what they send is left.
pub(crate) type ConnectPeers =
    Box<dyn Fn(&NewNode, &NodeContext) -> std::io::Result<Arc<dyn Peers>>>;

/// See the module.
pub(crate) struct NodeOptions {
    /// The machine's clocks, or those of a simulation.
    pub clock: Clock,
    /// What tells how much is free.
    pub space: DiskSpace,
    /// The data directory; it may not exist yet.
    pub data_dir: PathBuf,
    /// Who founds if the directory is empty, or why nobody may.
    pub founder: Result<Founder, Exit>,
    /// The entry after which the operator accepts that the log is lost.
    pub accept_log_loss: Option<u64>,
    /// For the store.
    pub storage: storage::StoreOptions,
    /// For the log.
    pub wal: wal::Options,
    /// What history was asked to keep; a cluster that was founded knows better.
    pub retention: Retention,
    /// Entries after which the store is flushed.
    pub snapshot_count: u64,
    /// Most open watches at a time.
    pub watchers_max: usize,
    /// Time between two heartbeats of a leader.
    pub heartbeat: Duration,
    /// Time without a leader until an election begins.
    pub election: Duration,
    /// The way to others.
    pub connect: ConnectPeers,
    /// What each sync of the log takes longer than the disk does; tests make a slow disk with it.
    pub sync_delay: Duration,
    /// The version that figures name.
    pub server_version: &'static str,
}
