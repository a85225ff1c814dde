//! Where old revisions are dropped: after each group, a bounded step of the store's compaction of history.
//!
//! Each step gives back at least as much as was written since the one before, so that compaction never falls behind for
//! good; what is left is done while the apply thread is idle. How far history may go is the store's own rule.

use super::error::ApplyError;
use super::reopen::ReopenableStore;

/// Rows that a step looks at, at least.
const BUDGET: usize = 256;

/// How much was written since the last step.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    revisions: u64,
}

impl Compaction {
    /// So many revisions were taken.
    pub(super) fn count(&mut self, revisions: u64) {
        self.revisions += revisions;
    }

    pub(super) fn step(&mut self, store: &mut ReopenableStore) -> Result<(), ApplyError> {
        let written = usize::try_from(std::mem::take(&mut self.revisions)).unwrap_or(usize::MAX);
        if store.has_resting() {
            // It would read the damaged history, and what it removes is not given back anyway.
            return Ok(());
        }
        match store.writer.compact(BUDGET.max(written.saturating_mul(2))) {
            Ok(done) => store.status.set_to_compact(done.more),
            Err(error) => {
                let Some(damage) = error.damage().filter(storage::Damage::is_history) else {
                    return Err(error.into());
                };
                store.status.damaged(&damage);
                store.status.set_to_compact(false);
                if let Err(failed) = store.let_rest(&damage) {
                    tracing::error!("{failed}");
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}
