//! A change of membership in the log: what comes of it, from the state that it meets.
//!
//! Whoever applies the entry asks: the consensus thread the first time, and the worker of the store where what a reopening lost is
//! applied again. Both get the same, since it depends on the entry, the rows before it and the configuration before it alone.

use std::time::Duration;

use raft::eraftpb::{ConfChange, ConfChangeType, ConfState};
use storage::{Store, View};

use super::batch::JudgedChange;
use crate::command::{Change, Command, DecodeError};
use crate::members::{self, ChangeVerdict, Configuration, MembersError};
use crate::raft::entry;

/// Why nothing can come of it: this member must not go on, since the others do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// It is one of an unknown kind.
    #[error("a change of membership without a command that asks for one")]
    NoChange,
    /// Its command is none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The rows that it meets cannot be read.
    #[error("the rows of members cannot be read: {0}")]
    Rows(#[from] MembersError),
    /// The crate comes to another configuration.
    #[error("consensus comes to {by_consensus:?}, and the rules to {by_rules:?}")]
    Differs {
        /// As the crate says.
        by_consensus: Box<ConfState>,
        /// As the rules say.
        by_rules: Box<ConfState>,
    },
    /// The crate refuses what the rules accept.
    #[error("consensus refuses it: {0}")]
    Refused(#[from] raft::Error),
}

/// What comes of the change in this entry.
///
/// # Errors
/// See [`ChangeError`].
pub(crate) fn judge(
    view: &View<'_>,
    before: &ConfState,
    entry: &wal::Entry,
) -> Result<JudgedChange, ChangeError> {
    let change = of(entry)?;
    let configuration = Configuration {
        voters: before.voters.clone(),
        learners: before.learners.clone(),
    };
    let (operations, refused) = match members::judge(view, &configuration, &change)? {
        ChangeVerdict::Accepted(operations) => (operations, None),
        ChangeVerdict::Refused(refusal) => (Vec::new(), Some(refusal)),
    };
    let conf_state = match refused {
        None => after(before, &change),
        Some(_) => before.clone(),
    };
    Ok(JudgedChange {
        index: entry.index,
        conf_state,
        operations,
        refused,
    })
}

/// The same by this store as it is shown now; `None` while it is being opened again.
///
/// # Errors
/// As of [`judge`].
pub(super) fn judge_in(
    store: &Store,
    before: &ConfState,
    entry: &wal::Entry,
) -> Result<Option<JudgedChange>, ChangeError> {
    match store.lease_within(Duration::ZERO) {
        Ok(lease) => judge(&lease.view(), before, entry).map(Some),
        Err(storage::Error::Reopening { .. }) => Ok(None),
        Err(error) => Err(ChangeError::Rows(error.into())),
    }
}

/// The change in an entry.
pub(super) fn of(entry: &wal::Entry) -> Result<Change, ChangeError> {
    let command = entry::command(entry).ok_or(ChangeError::NoChange)?;
    let change = Command::decode(command, 0)?.change;
    change.ok_or(ChangeError::NoChange)
}

/// The configuration after a change that holds.
fn after(before: &ConfState, change: &Change) -> ConfState {
    let mut after = before.clone();
    let id = change.member();
    if !moves_a_vote(change) {
        return after;
    }
    after.voters.retain(|voter| *voter != id);
    after.learners.retain(|learner| *learner != id);
    match change {
        Change::Add { .. } => after.learners.push(id),
        Change::Promote { .. } => after.voters.push(id),
        Change::Remove { .. } | Change::Move { .. } | Change::Unsafe { .. } => {}
    }
    after.voters.sort_unstable();
    after.learners.sort_unstable();
    after
}

/// Whether the crate has to hear of it.
pub(super) fn moves_a_vote(change: &Change) -> bool {
    !matches!(change, Change::Move { .. } | Change::Unsafe { .. })
}

/// What a change does to the configuration, for the crate. One that moves no vote has to look like a change, since the crate lets
/// one through at a time, and is never given to it.
pub(super) fn for_crate(change: &Change) -> ConfChange {
    let kind = match change {
        Change::Add { .. } => ConfChangeType::AddLearnerNode,
        Change::Promote { .. } | Change::Move { .. } | Change::Unsafe { .. } => {
            ConfChangeType::AddNode
        }
        Change::Remove { .. } => ConfChangeType::RemoveNode,
    };
    ConfChange {
        change_type: kind as i32,
        node_id: change.member(),
        ..ConfChange::default()
    }
}

/// Whether two configurations are the same, whatever the order of their members.
pub(super) fn is_same(one: &ConfState, other: &ConfState) -> bool {
    let sets = |state: &ConfState| {
        let ConfState {
            voters,
            learners,
            voters_outgoing,
            learners_next,
            auto_leave,
        } = state;
        let mut sets = [voters, learners, voters_outgoing, learners_next].map(Vec::clone);
        sets.iter_mut().for_each(|set| set.sort_unstable());
        (sets, *auto_leave)
    };
    sets(one) == sets(other)
}
