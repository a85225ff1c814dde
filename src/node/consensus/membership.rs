//! Changes of membership, judged when all before them is applied, and when this member knows for good that they are committed.
//!
//! Else who went on after a removal could forget at a restart that it holds, and would need the vote of the one that is gone. So the
//! commit index is synced with such an entry, and the entry waits for that; for all others the log need not say it.
//!
//! The rules read the rows of members, which other entries write too. So committed entries wait here from a change on until the store
//! has all that stands before it; then it is judged, its configuration counts, and what it writes is handed over with the entry,
//! to be stored in one batch. Every member meets the same state there, whatever else is under way.

use std::collections::VecDeque;

use crate::command::Change;
use crate::node::batch::{ApplyBatch, JudgedChange};
use crate::node::change::{self, ChangeError};
use crate::node::consensus_error::ConsensusError;
use crate::node::effects::Effects;
use crate::raft::entry::changes_membership;
use crate::raft::{LogRead, RaftCore, Role};

/// Entries that wait for a change among them to be judged.
#[derive(Debug, Default)]
pub(super) struct HeldEntries {
    waiting: VecDeque<wal::Entry>,
    /// The batch that says that the changes among them are committed.
    durable_with: u64,
}

impl HeldEntries {
    /// Entries that are committed; that of changes is synced with this batch.
    pub(super) fn add(&mut self, entries: Vec<wal::Entry>, batch: u64) {
        if entries.iter().any(changes_membership) {
            self.durable_with = batch;
        }
        self.waiting.extend(entries);
    }

    /// Another store holds all of them.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Whether some wait.
    pub(super) fn wait_for_apply(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What can be handed to the store now, where it has applied entries up to `applied`, and batches up to `persisted` are durable.
    pub(super) fn next<R: LogRead>(
        &mut self,
        core: &mut RaftCore<R>,
        (applied, persisted): (u64, u64),
        effects: &impl Effects,
    ) -> Result<Option<ApplyBatch>, ConsensusError> {
        let Some(first) = self.waiting.front() else {
            return Ok(None);
        };
        if !changes_membership(first) {
            let changes = self.waiting.iter().position(changes_membership);
            let count = changes.unwrap_or(self.waiting.len());
            let entries = self.waiting.drain(..count).collect();
            return Ok(Some(ApplyBatch::of(entries)));
        }
        if applied + 1 < first.index || persisted < self.durable_with {
            return Ok(None);
        }
        let index = first.index;
        let judged = judge(first, core, effects);
        let judged = judged.map_err(|source| ConsensusError::Membership { index, source })?;
        let Some(judged) = judged else {
            // The store is being opened again.
            return Ok(None);
        };
        let entries = self.waiting.pop_front().into_iter().collect();
        Ok(Some(ApplyBatch {
            entries,
            changes: vec![judged],
        }))
    }
}

fn judge<R: LogRead>(
    entry: &wal::Entry,
    core: &mut RaftCore<R>,
    effects: &impl Effects,
) -> Result<Option<JudgedChange>, ChangeError> {
    let Some(judged) = effects.judge(&core.conf_state(), entry)? else {
        return Ok(None);
    };
    let change = change::of(entry)?;
    if judged.refused.is_none() && change::moves_a_vote(&change) {
        if let Change::Promote { id } = change {
            tracing::info!("member {id:x} is level with the others, and has a vote now");
        }
        let led = core.soft_state().role == Role::Leader;
        let by_consensus = core.apply_change(&change::for_crate(&change))?;
        if led && !core.is_member() {
            // That it is committed was told when it was. The crate knows no leader that is no member.
            tracing::info!("this member was removed and leads no more");
            core.step_down();
        }
        if !change::is_same(&by_consensus, &judged.conf_state) {
            return Err(ChangeError::Differs {
                by_consensus: Box::new(by_consensus),
                by_rules: Box::new(judged.conf_state),
            });
        }
    }
    Ok(Some(judged))
}
