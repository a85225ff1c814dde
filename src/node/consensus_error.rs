//! Why the consensus thread ends, and the node with it.

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsensusError {
    /// The core cannot go on.
    #[error("consensus: {0}")]
    Raft(#[from] raft::Error),
    /// A member that lost what it acknowledged must not take part: others count on it.
    #[error(
        "this data directory is an older copy: the leader, member {leader:x}, knows that this member acknowledged entries up to \
         {acknowledged}, and the log ends with entry {last}. Put the newer directory back, or replace this member: a vote of this \
         one could lose what it acknowledged"
    )]
    OlderCopy {
        /// Who knows it.
        leader: u64,
        /// What it knows.
        acknowledged: u64,
        /// What there is.
        last: u64,
    },
    /// The others have applied it: this member would count other votes than they do.
    #[error("consensus: entry {index}: {reason}")]
    Membership {
        /// The entry.
        index: u64,
        /// Why it cannot be applied here.
        reason: String,
    },
    /// The core takes a state that did not come.
    #[error("consensus: no store came with the snapshot of entry {0}")]
    NoStore(u64),
}
