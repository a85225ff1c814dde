//! Why the consensus thread ends, and the node with it.

use super::advice::{SAVE_FIRST, WITHOUT_A_MEMBER};
use super::change::ChangeError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsensusError {
    /// The core cannot go on.
    #[error("consensus: {0}")]
    Raft(#[from] raft::Error),
    /// A member that lost what it acknowledged must not take part: others count on it.
    #[error(
        "this data directory is an older copy: the leader, member {leader:x}, knows that this member acknowledged entries up to \
         {acknowledged}, and the log ends with entry {last}. Put the newer directory back: a vote of this one could lose what it \
         acknowledged. If there is none, {WITHOUT_A_MEMBER}"
    )]
    OlderCopy {
        /// Who knows it.
        leader: u64,
        /// What it knows.
        acknowledged: u64,
        /// What there is.
        last: u64,
    },
    /// The leader lacks what this member knows to be committed. Who follows it loses that, and who does not is alone with it: both
    /// is for people to decide.
    #[error(
        "entry {index} is committed here in term {here}, and member {leader:x}, which leads, has another one of term {there}: a \
         member was started with an older copy of its data directory, and what was acknowledged since may be on this member \
         alone. {SAVE_FIRST}"
    )]
    OtherHistory {
        /// Who leads.
        leader: u64,
        /// The entry.
        index: u64,
        /// Its term here.
        here: u64,
        /// Its term there.
        there: u64,
    },
    /// The same, seen by where its log ends.
    #[error(
        "entry {committed} is committed here, and the log of member {leader:x}, which leads, ends with entry {last}: a member was started \
         with an older copy of its data directory, and what was acknowledged since may be on this member alone. {SAVE_FIRST}"
    )]
    LeaderLacks {
        /// Who leads.
        leader: u64,
        /// What is committed here.
        committed: u64,
        /// Where the leader's log ends.
        last: u64,
    },
    /// The others have applied it: this member would count other votes than they do.
    #[error("consensus: entry {index}: {source}")]
    Membership {
        /// The entry.
        index: u64,
        /// Why it cannot be applied here.
        source: ChangeError,
    },
    /// The core takes a state that did not come.
    #[error("consensus: no store came with the snapshot of entry {0}")]
    NoStore(u64),
}
