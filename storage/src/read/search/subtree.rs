//! One pass over the versions of a subtree, and of the directories above it: which revisions of a
//! range they name. It goes on over several views.
//!
//! Later views show the same rows of that range, as long as the oldest event has not passed its start.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::engine::cursor::{SnapshotRows, Source};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::key;
use crate::format::node_row::NodeRow;

use super::cost::SEEK_ROWS;

/// Revisions that a pass keeps, the oldest: bounds the memory of a search. Those behind them take
/// another pass.
const KEPT: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Pass {
    /// Names of the path that are done, from the top; the last one stands for the subtree.
    done: usize,
    /// Where the pass goes on within the range of a name; empty at its start.
    resume: Vec<u8>,
    complete: bool,
    /// Newer revisions were left out.
    cut: bool,
    found: BTreeSet<u64>,
}

impl Pass {
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether all revisions that were named are among those that were kept.
    pub(super) fn is_whole(&self) -> bool {
        !self.cut
    }

    /// The oldest revision that was not taken.
    pub(super) fn first(&self) -> Option<u64> {
        self.found.first().copied()
    }

    pub(super) fn take(&mut self) -> Option<u64> {
        self.found.pop_first()
    }

    pub(super) fn give_back(&mut self, revision: u64) {
        if self.complete {
            self.found.insert(revision);
        }
    }

    /// Looks at about `budget` rows for the subtree of `top`; returns at how many it looked.
    pub(super) fn run(
        &mut self,
        rows: &SnapshotRows<'_>,
        top: &[u8],
        range: RangeInclusive<u64>,
        budget: u64,
    ) -> Result<u64, Error> {
        let ends: Vec<usize> = (0..top.len()).filter(|at| top[*at] == 0).collect();
        let mut looked = 0;
        while let Some(end) = ends.get(self.done) {
            let key = &top[..=*end];
            let whole = key.len() == top.len();
            looked += self.run_name(rows, key, whole, &range, budget.saturating_sub(looked))?;
            if !self.resume.is_empty() {
                return Ok(looked);
            }
            self.done += 1;
            if looked >= budget && self.done < ends.len() {
                return Ok(looked);
            }
        }
        self.complete = true;
        Ok(looked)
    }

    /// The removals of a directory above, or the whole subtree. Leaves `resume` empty at its end.
    fn run_name(
        &mut self,
        rows: &SnapshotRows<'_>,
        key: &[u8],
        whole: bool,
        range: &RangeInclusive<u64>,
        budget: u64,
    ) -> Result<u64, Error> {
        let mut bound = Vec::with_capacity(key.len() + 1);
        if whole {
            key::subtree_end(key, &mut bound);
        } else {
            key::descendants_start(key, &mut bound);
        }
        let mut cursor = rows.cursor(Column::Versions, Some(bound));
        if self.resume.is_empty() {
            key::version(key, *range.end(), &mut self.resume);
        }
        cursor.seek(&self.resume);
        let mut looked = SEEK_ROWS;
        while let Some((row, value)) = cursor.row()? {
            if looked > budget.max(SEEK_ROWS) {
                self.resume.clear();
                self.resume.extend_from_slice(row);
                return Ok(looked);
            }
            let (_, revision) = key::split_version(row)
                .ok_or_else(|| cursor.damage(row, "the key is no path and revision"))?;
            if !whole && revision < *range.start() {
                break;
            }
            if range.contains(&revision) && (whole || NodeRow::is_tombstone(value)) {
                self.keep(revision);
            }
            looked += 1;
            cursor.step();
        }
        self.resume.clear();
        Ok(looked)
    }

    fn keep(&mut self, revision: u64) {
        self.found.insert(revision);
        if self.found.len() > KEPT {
            self.found.pop_last();
            self.cut = true;
        }
    }
}
