//! A node that serves.

use wal::fs::OsFs;

use crate::node::context::NodeContext;
use crate::node::data_dir::DataDir;
use crate::node::runtime::Runtime;

/// See the module.
pub(crate) struct StartedNode {
    /// What its threads share with those who call it.
    pub context: NodeContext,
    /// Its cluster and member ids.
    pub identity: wal::Identity,
    /// Whether no other member has a vote.
    pub alone: bool,
    /// Whether it has no vote, as its store knew when it started.
    pub learner: bool,
    /// How many have one, as its store knew then.
    pub voters: usize,
    /// What its directory drew when it was founded; 0 for one of an earlier build.
    pub disk: u64,
    /// Its threads; `None` where nothing is written any more.
    pub runtime: Option<Runtime<OsFs>>,
    /// Locked until it is dropped.
    pub data_dir: DataDir,
}
